import { type Acknowledged, type Checker, Violation } from './checker.ts';
import { hasHeld } from './disks.ts';

/** R1: what a region has acknowledged is on its disk, byte for byte, whatever happened since; or on the one that was taken from it. */
export function durable(): Checker {
  const promises: Acknowledged[] = [];
  return {
    name: 'acknowledged is durable',
    holdsBeyond: true,
    acknowledged: (promise) => promises.push(promise),
    finished: (hosts) => {
      const lost = promises.find((promise) => !hasHeld(hosts, promise));
      if (lost !== undefined) throw new Violation(`${lost.region} acknowledged ${lost.receiptId} and does not hold it`);
    },
  };
}
