import type { Clock } from '../ports/clock.ts';

/** The machine's clocks. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, ring) => {
    // A fraction more than asked for: a timer must not ring before its time by the monotonic clock.
    const timer = setTimeout(ring, Math.ceil(delayMs));
    return () => clearTimeout(timer);
  },
};
