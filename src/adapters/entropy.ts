import { randomFillSync } from 'node:crypto';
import type { Entropy } from '../ports/entropy.ts';

/** The machine's randomness: what `bytes` gives is unpredictable, `uniform` is for jitter. */
export const systemEntropy: Entropy = {
  bytes: (count) => randomFillSync(new Uint8Array(count)),
  uniform: () => Math.random(),
};
