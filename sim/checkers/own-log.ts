import { OWN_LOG } from '../../src/ports/log-store.ts';
import { type Checker, Violation } from './checker.ts';
import { provesEntry } from './proofs.ts';

/**
 * What the own application brought is in the own log when its call returns, also where the region held it through others, unless it
 * could prove it by then (SPEC §4 "Duplicate").
 */
export function ownLog(): Checker {
  return {
    name: 'an own receipt is in the own log',
    holdsBeyond: true,
    returned: (host, result) => {
      const places = host.disk.index.get(result.receiptId)?.places ?? [];
      if (places.some(({ log }) => log === OWN_LOG)) return;
      if (result.duplicate && result.outcome === 'quorum' && places.some((place) => provesEntry(host, place))) return;
      throw new Violation(`${host.id} has answered for ${result.receiptId} and it is not in its own log`);
    },
    finished: () => undefined,
  };
}
