import { type Checker, Violation } from './checker.ts';
import { hasHeld, weightsOf } from './disks.ts';

/**
 * R6, SPEC §6: whoever asks where a receipt is, is told of no region that does not hold this content on its disk at that moment, or did on a
 * disk that it has lost meanwhile; and of no weight that is not there.
 */
export function verified(): Checker {
  return {
    name: 'verify says what is on disks',
    holdsBeyond: true,
    verified: (host, { receiptId, verdict, weight, threshold, regions }, hosts) => {
      // Without sync nobody is asked, and the source answers "true" (CONTRACT §1).
      if (regions.length === 0) return;
      const weights = weightsOf(host);
      const confirmed = regions.filter(({ state }) => state === 'confirmed');
      for (const { region, digest } of confirmed) {
        if (digest === undefined || !hasHeld(hosts, { region, receiptId, digest }))
          throw new Violation(`${host.id} says that ${region} holds ${receiptId}, and its disk does not`);
      }
      if (new Set(confirmed.map(({ digest }) => digest)).size > 1) throw new Violation(`${host.id} adds up two contents of ${receiptId}`);
      const sum = confirmed.reduce((total, { region }) => total + (weights.get(region) ?? 0), 0);
      if (sum !== weight || (verdict === 'confirmed') !== weight >= threshold)
        throw new Violation(`${host.id} says that ${receiptId} is ${verdict} with ${weight} of ${threshold}, and names ${sum}`);
    },
    finished: () => undefined,
  };
}
