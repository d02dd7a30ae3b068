import { toHex } from '../../src/std/bytes.ts';
import { type Checker, Violation } from './checker.ts';

/** R6: when a caller is told "quorum", the disks of regions that weigh enough hold that content at that moment. */
export function noPhantom(): Checker {
  return {
    name: 'a quorum is on disks',
    returned: (host, result, hosts) => {
      if (!result.quorumAchieved) return;
      const weights = new Map([[host.id, host.settings.weight], ...host.settings.regions.map(({ regionId, weight }) => [regionId, weight] as const)]);
      const weight = hosts
        .filter(({ disk }) => toHex(disk.index.get(result.receiptId)?.digest ?? new Uint8Array()) === result.digest)
        .reduce((sum, { id }) => sum + (weights.get(id) ?? 0), 0);
      if (weight < result.threshold)
        throw new Violation(`${result.receiptId} was said to have its quorum with weight ${weight} of ${result.threshold} on disks`);
      if (weight < result.weight) throw new Violation(`${result.receiptId} was said to weigh ${result.weight}, disks hold ${weight}`);
    },
    finished: () => undefined,
  };
}
