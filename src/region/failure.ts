/** Why a remote has not acknowledged. Decided on typed failures at the adapter, never on text (SPEC §7). */
export type FailureCode = 'TIMEOUT' | 'UNREACHABLE' | 'TLS' | 'HTTP_STATUS' | 'REFUSED' | 'CONFLICT' | 'BAD_ANSWER' | 'UNAUTHENTICATED' | 'CIRCUIT_OPEN';

/** What one failed attempt says, as a value: networks do not throw here. */
export interface Failure {
  readonly code: FailureCode;
  /** One of the texts of CONTRACT §5, e.g. `HTTP error 502: Bad Gateway`. For people only. */
  readonly message: string;
  /** May the same call try again at once? Only connection failures, timeouts and 502, 503, 504. */
  readonly retryable: boolean;
  /**
   * What the link does with the receipt and itself: `owed` tries again later in the background, `park` records the
   * refusal of this one receipt for good, `pause` stops the link but for a probe each 30 s (CONTRACT §1).
   */
  readonly consequence: 'owed' | 'park' | 'pause';
  /** Does it count against the availability of the region? All but 400, 409, 413, 415, 422 and 429. */
  readonly countsAgainst: boolean;
  /** The HTTP status, where there was one. */
  readonly status?: number;
  /** What `Retry-After` asked for, in ms. */
  readonly retryAfterMs?: number;
}
