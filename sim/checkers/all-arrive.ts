import { groupItems } from '../../src/log/group.ts';
import { OWN_LOG } from '../../src/ports/log-store.ts';
import { receiptDigest, receiptIdOf } from '../../src/receipt/canonical.ts';
import { toHex } from '../../src/std/bytes.ts';
import { type Checker, Violation } from './checker.ts';

/** R5: nothing in an own log is forgotten: every other region holds it, or held another content first and has refused it for good. */
export function allArrive(): Checker {
  return {
    name: 'everything owed arrives',
    finished: (hosts) => {
      for (const origin of hosts) {
        const items = (origin.disk.groups.get(OWN_LOG) ?? []).flatMap((group) => [...groupItems(group.frame)]);
        for (const [index, { canonical }] of items.entries()) {
          for (const { regionId } of origin.settings.regions) {
            const held = hosts.find((host) => host.id === regionId)?.disk.index.get(receiptIdOf(canonical))?.digest;
            const isSame = held !== undefined && toHex(held) === toHex(receiptDigest(canonical));
            const lines = origin.disk.logs.get(OWN_LOG)?.refused ?? [];
            const isNamed = lines.some((line) => line.region === regionId && line.first <= index && index <= line.last);
            const isRefused = held !== undefined && !isSame && (isNamed || origin.disk.parked.has(`${regionId}/${index}`));
            if (!isSame && !isRefused) throw new Violation(`${origin.id}'s entry ${index} never arrived in ${regionId}`);
          }
        }
      }
    },
  };
}
