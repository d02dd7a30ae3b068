import { OWN_LOG } from '../../src/ports/log-store.ts';
import { type Checker, Violation } from './checker.ts';

/** What the own application brought is in the own log when its call returns, also where the region held it through others (SPEC §4). */
export function ownLog(): Checker {
  return {
    name: 'an own receipt is in the own log',
    returned: (host, result) => {
      const places = host.disk.index.get(result.receiptId)?.places ?? [];
      if (!places.some(({ log }) => log === OWN_LOG)) throw new Violation(`${host.id} has answered for ${result.receiptId} and it is not in its own log`);
    },
    finished: () => undefined,
  };
}
