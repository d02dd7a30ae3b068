import { groupItems } from '../../src/log/group.ts';
import { OWN_LOG } from '../../src/ports/log-store.ts';
import { receiptDigest, receiptIdOf } from '../../src/receipt/canonical.ts';
import { toHex } from '../../src/std/bytes.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';

/** R5: nothing in an own log is forgotten: every other region holds it, or held another content first and has refused it for good. */
export function allArrive(): Checker {
  return {
    name: 'everything owed arrives',
    finished: (hosts) => {
      for (const origin of hosts) {
        const items = (origin.disk.groups.get(OWN_LOG) ?? []).flatMap((group) => [...groupItems(group.frame)]);
        for (const [index, { canonical }] of items.entries()) {
          // Evidence is owed to mirrors alone, and that is another checker's.
          const missing = origin.settings.regions.find(({ regionId }) => canonical.length > 0 && !hasCome({ canonical, index }, origin, hosts, regionId));
          if (missing !== undefined) throw new Violation(`${origin.id}'s entry ${index} never arrived in ${missing.regionId}`);
        }
      }
    },
  };
}

function hasCome(
  { canonical, index }: { readonly canonical: Uint8Array; readonly index: number },
  origin: Host,
  hosts: readonly Host[],
  regionId: string,
): boolean {
  const held = hosts.find((host) => host.id === regionId)?.disk.index.get(receiptIdOf(canonical))?.digest;
  if (held !== undefined && toHex(held) === toHex(receiptDigest(canonical))) return true;
  const lines = origin.disk.logs.get(OWN_LOG)?.refused ?? [];
  const isNamed = lines.some((line) => line.region === regionId && line.first <= index && index <= line.last);
  return held !== undefined && (isNamed || origin.disk.parked.has(`${regionId}/${index}`));
}
