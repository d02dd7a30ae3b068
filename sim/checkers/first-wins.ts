import { groupItems } from '../../src/log/group.ts';
import { RECEIVED_LOG } from '../../src/ports/log-store.ts';
import { receiptDigest, receiptIdOf } from '../../src/receipt/canonical.ts';
import { toHex } from '../../src/std/bytes.ts';
import { type Checker, Violation } from './checker.ts';

/** Law 4: a region never stores two contents under one id, and never one entry twice in one log. */
export function firstWins(): Checker {
  return {
    name: 'the first content wins in each region',
    finished: (hosts) => {
      for (const { id, disk } of hosts) {
        const digests = new Map<string, string>();
        // A mirrored log can't have holes: it may hold what this region refuses, and `disk.index` does not.
        for (const [log, groups] of [...disk.groups].filter(([number]) => number <= RECEIVED_LOG)) {
          const seen = new Set<string>();
          for (const { canonical } of groups.flatMap((group) => [...groupItems(group.frame)])) {
            const receiptId = receiptIdOf(canonical);
            const digest = toHex(receiptDigest(canonical));
            if ((digests.get(receiptId) ?? digest) !== digest) throw new Violation(`${id} holds two contents of ${receiptId}`);
            if (seen.has(receiptId)) throw new Violation(`log ${log} of ${id} holds ${receiptId} twice`);
            digests.set(receiptId, digest);
            seen.add(receiptId);
          }
        }
      }
    },
  };
}
