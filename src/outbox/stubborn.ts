/** Hand-overs after which others go first: a sidecar that was restarted, or full for a moment, is over it by then. */
const FAILURES_MAX = 3;
const PUT_OFF_MS_MIN = 1_000;
const PUT_OFF_MS_MAX = 60_000;
/** Rows remembered at once: the select names those that are put off, and SQLite takes 32,766 parameters. Beyond it the whole outbox waits. */
const REMEMBERED_MAX = 10_000;

/**
 * Rows that fail again and again while the target takes others: each is put off on its own, so that it neither blocks nor slows
 * the rest. In memory only: a new poller finds them out again.
 */
export class StubbornRows {
  readonly #rows = new Map<string, { readonly failures: number; readonly untilMs: number }>();

  /** Those whose time has not come. */
  putOff(nowMs: number): readonly string[] {
    return [...this.#rows].filter(([, { untilMs }]) => untilMs > nowMs).map(([seq]) => seq);
  }

  /** `isStored`: the sidecar has it, only its quorum is missing. Then its place in the log is settled, and others may go first at once. */
  failed(seq: string, { nowMs, isStored }: { readonly nowMs: number; readonly isStored: boolean }): void {
    const failures = (this.#rows.get(seq)?.failures ?? 0) + 1;
    if (failures === 1 && this.#rows.size >= REMEMBERED_MAX) return;
    const doublings = failures - (isStored ? 1 : FAILURES_MAX);
    const pauseMs = doublings < 0 ? 0 : Math.min(PUT_OFF_MS_MAX, PUT_OFF_MS_MIN * 2 ** Math.min(10, doublings));
    this.#rows.set(seq, { failures, untilMs: nowMs + pauseMs });
  }

  /** Taken, or set aside. */
  settled(seq: string): void {
    this.#rows.delete(seq);
  }
}
