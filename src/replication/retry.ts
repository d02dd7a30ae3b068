/** In-call waits double up to this, or to the initial backoff where that is longer (SPEC §7). */
const IN_CALL_CAP_MS = 4_000;
/** Background waits double up to this (SPEC §7). */
const BACKGROUND_CAP_MS = 30_000;
/** A paused link asks this often whether it is welcome again (CONTRACT §1). */
export const PAUSE_PROBE_MS = 30_000;
/** The longest `Retry-After` that is honoured; a remote can't silence a link for a day. */
const RETRY_AFTER_CAP_MS = 300_000;

/** The wait after the `attempt`-th in-call attempt failed (1 = the first): initial, ×2, capped at max(4 s, initial). */
export function inCallBackoffMs(attempt: number, initialMs: number): number {
  return Math.min(initialMs * 2 ** (attempt - 1), Math.max(IN_CALL_CAP_MS, initialMs));
}

/**
 * The wait before a background attempt after `failures` of them in a row: between half and the whole of a delay that starts at
 * twice max(4 s, initial), so never less than that after the last in-call attempt, and doubles to 30 s (CONTRACT §1).
 */
export function backgroundWaitMs(failures: number, initialMs: number, uniform: number): number {
  const cap = Math.max(BACKGROUND_CAP_MS, 2 * initialMs);
  const whole = Math.min(2 * Math.max(IN_CALL_CAP_MS, initialMs) * 2 ** Math.min(failures, 16), cap);
  return whole / 2 + (whole / 2) * uniform;
}

/** What a `Retry-After` counts for, 0 where there was none. */
export function honouredRetryAfterMs(retryAfterMs: number | undefined): number {
  return Math.min(retryAfterMs ?? 0, RETRY_AFTER_CAP_MS);
}
