import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import type { Failure } from '../region/failure.ts';
import { type Call, CallBook } from './call-book.ts';
import { circuitIsOpen } from './link.ts';
import { inCallBackoffMs } from './retry.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Calls that may have a schedule on one link; a remote that hangs must not hold the memory of all (GOALS R8). */
const CALLS_MAX = 16_384;

export interface MirrorCallsOptions {
  readonly regionId: string;
  /** Of the remote, in the roster. */
  readonly position: number;
  readonly maxRetries: number;
  readonly retryBackoffMs: number;
  readonly room: WaitingRoom;
  readonly clock: Clock;
  readonly observe: Observer;
}

/**
 * The callers' schedules on one mirror link (CONTRACT §1 "What an attempt is"). Empty while all goes well: who waits is in the waiting
 * room, and gets a schedule here when an attempt that it was part of has failed.
 */
export class MirrorCalls {
  readonly #options: MirrorCallsOptions;
  readonly #book = new CallBook();

  constructor(options: MirrorCallsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#book.size;
  }

  nextDueMs(now: number): number | undefined {
    return this.#book.size === 0 ? undefined : this.#book.nextDueMs(now);
  }

  /** A caller came while the link was in trouble. */
  open(index: number, receiptId: string): void {
    if (this.#book.get(index) !== undefined) return;
    if (this.#book.size >= CALLS_MAX) this.hopeless(index, linkIsFull());
    else this.#book.open(index, receiptId);
  }

  /** A request goes out that all calls below `end` are part of. */
  sent(end: number): void {
    if (this.#book.size === 0) return;
    for (const call of this.#book.takeReady(this.#options.clock.monotonicMs(), CALLS_MAX)) if (call.index >= end) this.#book.putBack(call);
  }

  acknowledged(index: number): void {
    this.#close(index);
    this.#options.room.spoken(index, this.#options.position, { word: 'acknowledged' });
  }

  refused(index: number, failure: Failure): void {
    this.#close(index);
    this.#options.room.spoken(index, this.#options.position, { word: 'refused', failure });
  }

  /** The remote refuses these entries for good. */
  refusedWithin(ranges: readonly { readonly first: number; readonly last: number }[]): void {
    for (const { first, last } of ranges)
      for (const { index } of this.#options.room.waitingFor(first, last + 1, this.#options.position)) this.refused(index, REFUSED_ENTRY);
  }

  /** It is out of the count for these, but for those that get another place: whoever waits for it waits in vain. */
  outOfCount({ first, last }: { readonly first: number; readonly last: number }, moves: (index: number) => boolean): void {
    const { room, position } = this.#options;
    for (const { index, tally } of room.waitingFor(first, last + 1, position)) {
      if (tally.verdict !== 'reached' && moves(index)) continue;
      this.#close(index);
      this.hopeless(index, OUT_OF_COUNT);
    }
  }

  /** Nobody waits for this entry any more: it got another place. */
  moved(index: number): void {
    this.#close(index);
  }

  /** No attempt will be made in this call. */
  hopeless(index: number, failure: Failure): void {
    this.#options.room.gaveUp(index, this.#options.position, failure);
  }

  /** Entries [from, to) were cosigned; those that the text names do not count. */
  cosigned(from: number, to: number, isNamed: (index: number) => boolean): void {
    const { room, position, observe, regionId } = this.#options;
    for (const { index, receiptId } of room.waitingFor(from, to, position)) {
      if (isNamed(index)) continue;
      const attempt = this.#book.get(index)?.attempts ?? 1;
      this.#close(index);
      observe({ kind: 'delivered', receiptId, region: regionId, attempt });
      room.spoken(index, position, { word: 'acknowledged' });
    }
  }

  /** A request failed that entries [from, to) were part of. `taken`: calls were; `ended`: one ended for good by it. */
  failed({ from, to, failure, probe }: { readonly from: number; readonly to: number; readonly failure: Failure; readonly probe: boolean }): {
    readonly taken: boolean;
    readonly ended: boolean;
  } {
    const { room, position } = this.#options;
    let taken = false;
    let ended = false;
    for (const { index, receiptId } of room.waitingFor(from, to, position)) {
      if (this.#book.get(index) === undefined) this.#book.openSent(index, receiptId);
      const call = this.#book.get(index);
      if (call?.phase !== 'sent') continue;
      taken = true;
      room.attemptFailed(index, position, failure);
      ended = this.#settle(call, failure, probe) || ended;
    }
    if (probe) for (const call of this.#book.abandonReady()) this.#giveUp(call, circuitIsOpen(failure), 'circuit-open');
    return { taken, ended };
  }

  /** Nobody's schedule goes on. */
  endAll(failure: Failure): void {
    const { room, position, clock } = this.#options;
    this.#book.takeReady(clock.monotonicMs(), CALLS_MAX);
    for (const { index } of room.waitingFor(0, Number.POSITIVE_INFINITY, position)) {
      this.#close(index);
      room.gaveUp(index, position, failure);
    }
  }

  #settle(call: Call, failure: Failure, probe: boolean): boolean {
    const { maxRetries, retryBackoffMs, observe, regionId, clock } = this.#options;
    if (probe) return this.#giveUp(call, failure, 'circuit-open');
    if (!failure.retryable) return this.#giveUp(call, failure, 'not-retryable');
    if (call.attempts > maxRetries) return this.#giveUp(call, { ...failure, message: `Max retries exhausted: ${failure.message}` }, 'exhausted');
    const backoffMs = inCallBackoffMs(call.attempts, retryBackoffMs);
    observe({ kind: 'retrying', receiptId: call.receiptId, region: regionId, attempt: call.attempts, retriesMax: maxRetries, backoffMs });
    this.#book.retryAt(call, clock.monotonicMs() + backoffMs);
    return false;
  }

  #giveUp(call: Call, failure: Failure, reason: 'exhausted' | 'not-retryable' | 'circuit-open'): true {
    const { observe, regionId, maxRetries, room, position } = this.#options;
    const { receiptId, index } = call;
    this.#book.close(call);
    observe({ kind: 'gave-up', receiptId, region: regionId, reason, retriesMax: maxRetries, code: failure.code, message: failure.message });
    room.gaveUp(index, position, failure);
    return true;
  }

  #close(index: number): void {
    const call = this.#book.get(index);
    if (call !== undefined) this.#book.close(call);
  }
}

/** What a mirror means that refuses an entry: another content came first there (SPEC §4). */
export const REFUSED_ENTRY: Failure = {
  code: 'CONFLICT',
  message: 'The region holds another content under this id',
  retryable: false,
  consequence: 'park',
  countsAgainst: false,
};

/** A region that does not refuse the entry, and that texts name for it all the same: more refused ranges than lines (SPEC §4). */
export const OUT_OF_COUNT: Failure = {
  code: 'REFUSED',
  message: 'The region is out of the count for this receipt, which lies between others that it refuses',
  retryable: false,
  consequence: 'park',
  countsAgainst: false,
};

function linkIsFull(): Failure {
  return { code: 'CIRCUIT_OPEN', message: `Circuit open: ${CALLS_MAX} receipts wait on this link`, retryable: true, consequence: 'owed', countsAgainst: false };
}
