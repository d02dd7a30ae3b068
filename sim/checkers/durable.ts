import { toHex } from '../../src/std/bytes.ts';
import { type Acknowledged, type Checker, Violation } from './checker.ts';

/** R1: what a region has acknowledged is on its disk, byte for byte, whatever happened since. */
export function durable(): Checker {
  const promises: Acknowledged[] = [];
  return {
    name: 'acknowledged is durable',
    acknowledged: (promise) => promises.push(promise),
    finished: (hosts) => {
      for (const { region, receiptId, digest } of promises) {
        const held = hosts.find((host) => host.id === region)?.disk.index.get(receiptId)?.digest;
        if (held === undefined || toHex(held) !== digest) throw new Violation(`${region} acknowledged ${receiptId} and does not hold it`);
      }
    },
  };
}
