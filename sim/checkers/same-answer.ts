import { type Checker, Violation } from './checker.ts';
import { isIntact } from './disks.ts';

/**
 * R4: a receipt that a region has answered for is one record there for ever: all answers have one digest, and it was new but once. (Not
 * always in the first answer: another caller may wait for less.) Not of a region that has lost what it answered.
 */
export function sameAnswer(): Checker {
  const digests = new Map<string, string>();
  const fresh = new Set<string>();
  return {
    name: 'a repeat has the same answer',
    holdsBeyond: true,
    returned: (host, { receiptId, digest, duplicate, outcome }) => {
      if (outcome === 'disabled' || !isIntact(host)) return;
      const { id } = host;
      const key = `${id} ${receiptId}`;
      const before = digests.get(key) ?? digest;
      digests.set(key, before);
      if (before !== digest) throw new Violation(`${id} has answered for two contents of ${receiptId}`);
      if (!duplicate && fresh.has(key)) throw new Violation(`${id} has taken ${receiptId} for new a second time`);
      if (!duplicate) fresh.add(key);
    },
    finished: () => undefined,
  };
}
