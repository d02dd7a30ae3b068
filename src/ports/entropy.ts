/** Randomness comes through here, so that a simulator seed replays. */
export interface Entropy {
  /** `count` unpredictable bytes, in memory of their own. */
  bytes(count: number): Uint8Array;
  /** A number in [0, 1): for jitter, never for secrets. */
  uniform(): number;
}
