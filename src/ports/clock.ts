/** Time comes through here, so that the simulator can own it. */
export interface Clock {
  /** Unix time in ms: for what is recorded and shown, never for deciding who has what. May jump. */
  wallMs(): number;
  /** Ms since some start; never goes back. For waits and timeouts. */
  monotonicMs(): number;
  /** Calls `ring` once, after `delayMs` (≥ 0) by the monotonic clock, unless the returned function is called before. */
  after(delayMs: number, ring: () => void): () => void;
}
