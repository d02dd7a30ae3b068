import { toHex } from '../../src/std/bytes.ts';
import { type Checker, Violation } from './checker.ts';

/** R6, SPEC §6: whoever asks where a receipt is, is told of no region that does not hold this content on its disk at that moment, and of no weight that is not there. */
export function verified(): Checker {
  return {
    name: 'verify says what is on disks',
    verified: (host, { receiptId, verdict, weight, threshold, regions }, hosts) => {
      // Without sync nobody is asked, and the source answers "true" (CONTRACT §1).
      if (regions.length === 0) return;
      const weights = new Map([[host.id, host.settings.weight], ...host.settings.regions.map(({ regionId, weight: each }) => [regionId, each] as const)]);
      const confirmed = regions.filter(({ state }) => state === 'confirmed');
      for (const { region, digest } of confirmed) {
        const held = hosts.find(({ id }) => id === region)?.disk.index.get(receiptId)?.digest;
        if (held === undefined || toHex(held) !== digest) throw new Violation(`${host.id} says that ${region} holds ${receiptId}, and its disk does not`);
      }
      if (new Set(confirmed.map(({ digest }) => digest)).size > 1) throw new Violation(`${host.id} adds up two contents of ${receiptId}`);
      const sum = confirmed.reduce((total, { region }) => total + (weights.get(region) ?? 0), 0);
      if (sum !== weight || (verdict === 'confirmed') !== weight >= threshold)
        throw new Violation(`${host.id} says that ${receiptId} is ${verdict} with ${weight} of ${threshold}, and names ${sum}`);
    },
    finished: () => undefined,
  };
}
