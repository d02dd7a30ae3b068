import { type Checker, Violation } from './checker.ts';
import { weightHolding } from './disks.ts';

/**
 * R6: when a caller is told "quorum", the disks of regions that weigh enough hold that content at that moment; of a region that has lost
 * what it had, a disk that it ran on before.
 */
export function noPhantom(): Checker {
  return {
    name: 'a quorum is on disks',
    holdsBeyond: true,
    returned: (host, { receiptId, digest, quorumAchieved, weight, threshold }, hosts) => {
      if (!quorumAchieved) return;
      const held = weightHolding(host, hosts, { receiptId, digest });
      if (held < threshold) throw new Violation(`${receiptId} was said to have its quorum with weight ${held} of ${threshold} on disks`);
      if (held < weight) throw new Violation(`${receiptId} was said to weigh ${weight}, disks hold ${held}`);
    },
    finished: () => undefined,
  };
}
