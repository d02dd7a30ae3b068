/** A receipt that a caller waits for on one link, and how far its schedule of attempts has come. */
export interface Call {
  readonly index: number;
  readonly receiptId: string;
  /** Requests it has been part of. */
  attempts: number;
  /** `ready`: part of the next request; `retrying`: waits out a backoff; `sent`: in a request now. */
  phase: 'ready' | 'retrying' | 'sent';
}

/** Receipts that share one retry. */
interface Cohort {
  readonly dueMs: number;
  readonly calls: Call[];
}

/**
 * The calls of one link. A receipt's schedule starts with the first attempt it is part of, and receipts that wait on one link
 * share the next attempt (CONTRACT §1): so retries are cohorts, and there are few of them however many calls wait.
 */
export class CallBook {
  readonly #calls = new Map<number, Call>();
  #ready: Call[] = [];
  /** Ascending by due time. */
  readonly #cohorts: Cohort[] = [];

  get size(): number {
    return this.#calls.size;
  }

  get(index: number): Call | undefined {
    return this.#calls.get(index);
  }

  /** The smallest index that is called, or `undefined`. Walks all: not for the hot path. */
  firstIndex(): number | undefined {
    let first: number | undefined;
    for (const index of this.#calls.keys()) if (first === undefined || index < first) first = index;
    return first;
  }

  /** Opens a call. While others wait out a backoff it joins the next of their retries instead of knocking by itself. */
  open(index: number, receiptId: string): void {
    const next = this.#cohorts[0];
    const call: Call = { index, receiptId, attempts: 0, phase: next === undefined ? 'ready' : 'retrying' };
    this.#calls.set(index, call);
    (next?.calls ?? this.#ready).push(call);
  }

  /** Opens a call for a receipt that is in a request already. */
  openSent(index: number, receiptId: string): void {
    this.#calls.set(index, { index, receiptId, attempts: 1, phase: 'sent' });
  }

  /** Ends a call; where it still stands in a queue it is passed over there. */
  close(call: Call): void {
    this.#calls.delete(call.index);
  }

  /** Back to the front of what is sent next: the call was taken but not sent. */
  putBack(call: Call): void {
    call.attempts -= 1;
    call.phase = 'ready';
    this.#ready.push(call);
  }

  retryAt(call: Call, dueMs: number): void {
    call.phase = 'retrying';
    let at = this.#cohorts.length;
    while (at > 0 && (this.#cohorts[at - 1]?.dueMs ?? 0) > dueMs) at -= 1;
    const before = this.#cohorts[at - 1];
    if (before?.dueMs === dueMs) before.calls.push(call);
    else this.#cohorts.splice(at, 0, { dueMs, calls: [call] });
  }

  /** When the next call is due: `nowMs` if one is ready, else the time of the next retry, else `undefined`. */
  nextDueMs(nowMs: number): number | undefined {
    this.#ripen(nowMs);
    return this.#ready.length > 0 ? nowMs : this.#cohorts[0]?.dueMs;
  }

  /** Takes up to `countMax` calls that are due, in index order, as sent: one attempt more for each. */
  takeReady(nowMs: number, countMax: number): Call[] {
    this.#ripen(nowMs);
    const taken = this.#ready.slice(0, countMax);
    this.#ready = this.#ready.slice(countMax);
    for (const call of taken) {
      call.attempts += 1;
      call.phase = 'sent';
    }
    return taken.sort((a, b) => a.index - b.index);
  }

  /** Takes all that are ready out of the book: a probe that they took part in has failed. */
  abandonReady(): readonly Call[] {
    const abandoned = this.#ready.filter((call) => this.#calls.get(call.index) === call);
    this.#ready = [];
    for (const call of abandoned) this.close(call);
    return abandoned;
  }

  /** Moves retries whose time has come to the ready calls. */
  #ripen(nowMs: number): void {
    while ((this.#cohorts[0]?.dueMs ?? Number.POSITIVE_INFINITY) <= nowMs) this.#ready.push(...(this.#cohorts.shift()?.calls ?? []));
    if (this.#ready.some((call) => this.#calls.get(call.index) !== call)) this.#ready = this.#ready.filter((call) => this.#calls.get(call.index) === call);
  }
}
