import type { Failure } from '../region/failure.ts';
import { assert } from '../std/assert.ts';
import { IndexRanges } from '../std/index-ranges.ts';
import { CallBook } from './call-book.ts';

/** Ranges that what is put off may fall into. Beyond, gaps are closed: a few receipts are sent twice, which is harmless. */
const FRAGMENTS_MAX = 4_096;
/** Reasons of refusals kept for callers who ask again; older ones are in the store. */
const REFUSALS_MAX = 1_024;

/**
 * What one plain remote is owed: every own entry that it has neither acknowledged nor refused, each in exactly one place. Ten
 * million of them are one range; only receipts that a caller waits for, or that are on the wire, are held one by one.
 */
export class Owed {
  readonly calls: CallBook = new CallBook();
  /** Nobody waits, nothing is odd about them: sent as fast as the remote takes them. */
  readonly #backlog = new IndexRanges();
  /** An attempt has failed and no call is left: tried again on a clock of their own. */
  readonly #deferred = new IndexRanges();
  readonly #refused = new IndexRanges();
  /** Of those, what was refused because the remote holds another content. */
  readonly #conflicts = new IndexRanges();
  readonly #refusals = new Map<number, Failure>();
  /** Refused, not yet durably recorded. */
  readonly #parking = new Set<number>();
  /** On the wire without a call. */
  readonly #sent = new Set<number>();
  #size: number;
  #deferredDueMs = 0;
  #deferredSent = false;
  #deferredFailures = 0;

  /** After a start: owed from the durable offset on, but for what the remote has refused for good. */
  constructor(start: {
    readonly offset: number;
    readonly size: number;
    readonly refused: readonly { readonly index: number; readonly code: 'REFUSED' | 'CONFLICT' }[];
  }) {
    this.#size = start.size;
    this.#backlog.add(Math.min(start.offset, start.size), start.size);
    for (const { index, code } of start.refused) {
      this.#refused.add(index, index + 1);
      if (code === 'CONFLICT') this.#conflicts.add(index, index + 1);
      this.#backlog.remove(index, index + 1);
    }
  }

  get count(): number {
    return this.#backlog.count + this.#deferred.count + this.#parking.size + this.#sent.size + this.calls.size;
  }

  /** Own entries that the link was told of. */
  get size(): number {
    return this.#size;
  }

  /** Every entry below was answered, durably. Walks the calls: for once a second, not once a receipt. */
  get offset(): number {
    const firsts = [this.#backlog.first, this.#deferred.first, this.calls.firstIndex(), ...this.#parking, ...this.#sent];
    return firsts.reduce<number>((least, first) => (first === undefined ? least : Math.min(least, first)), this.#size);
  }

  /** How many attempts at what was put off have failed in a row. */
  get deferredFailures(): number {
    return this.#deferredFailures;
  }

  /** New own entries [start, end). */
  add(start: number, end: number): void {
    this.#backlog.add(start, end);
    this.#size = Math.max(this.#size, end);
  }

  /** The log has grown to this size; what was not added is nothing for this remote. */
  pass(size: number): void {
    this.#size = Math.max(this.#size, size);
  }

  /** What the remote has said of an own entry. */
  standing(index: number): 'owed' | 'acknowledged' | 'refused' {
    assert(index < this.#size, 'a link is told of an entry before it is rung for it');
    if (this.#parking.has(index) || this.#refused.has(index)) return 'refused';
    const owed = this.calls.get(index) !== undefined || this.#sent.has(index) || this.#backlog.has(index) || this.#deferred.has(index);
    return owed ? 'owed' : 'acknowledged';
  }

  /** Why the remote refused an entry. */
  refusal(index: number): Failure {
    const code = this.#conflicts.has(index) ? 'CONFLICT' : 'REFUSED';
    return this.#refusals.get(index) ?? { code, message: 'Refused earlier', retryable: false, consequence: 'park', countsAgainst: false };
  }

  /** A caller waits for an owed entry. */
  call(index: number, receiptId: string): void {
    if (this.calls.get(index) !== undefined) return;
    if (this.#sent.delete(index)) {
      this.calls.openSent(index, receiptId);
      return;
    }
    this.#backlog.remove(index, index + 1);
    this.#deferred.remove(index, index + 1);
    this.calls.open(index, receiptId);
  }

  takeCalls(nowMs: number, countMax: number): readonly number[] {
    return this.calls.takeReady(nowMs, countMax).map((call) => call.index);
  }

  takeBacklog(countMax: number): readonly number[] {
    return this.#onTheWire(this.#backlog.take(countMax));
  }

  /** Up to `countMax` of what was put off, if its time has come and none of it is on the wire. */
  takeDeferred(nowMs: number, countMax: number): readonly number[] {
    if (this.#deferredSent || nowMs < this.#deferredDueMs || this.#deferred.count === 0) return [];
    this.#deferredSent = true;
    return this.#onTheWire(this.#deferred.take(countMax));
  }

  /** Is there anything beside the calls that could be sent? */
  hasRest(): boolean {
    return this.#backlog.count + this.#deferred.count > 0;
  }

  /** When it may be sent, by its own clock alone: 0 for at once, infinity for not before something happens. */
  restDueMs(): number {
    if (this.#backlog.count > 0) return 0;
    return this.#deferred.count > 0 && !this.#deferredSent ? this.#deferredDueMs : Number.POSITIVE_INFINITY;
  }

  acknowledged(index: number): void {
    this.#sent.delete(index);
    const call = this.calls.get(index);
    if (call !== undefined) this.calls.close(call);
  }

  /** Taken, but not sent after all. */
  putBack(index: number): void {
    const call = this.calls.get(index);
    if (call !== undefined) this.calls.putBack(call);
    else if (this.#sent.delete(index)) this.#backlog.add(index, index + 1);
  }

  /** An attempt failed and no call is left (the caller has closed it). `dueMs` counts where nothing was put off so far. */
  defer(index: number, dueMs: number): void {
    this.#sent.delete(index);
    if (this.#deferred.count === 0) this.#deferredDueMs = dueMs;
    this.#deferred.add(index, index + 1);
    if (this.#deferred.fragments <= FRAGMENTS_MAX) return;
    const ranges = this.#deferred.drain();
    this.#deferred.add(ranges[0]?.[0] ?? index, ranges.at(-1)?.[1] ?? index + 1);
  }

  /** A request of what was put off has ended: the next one follows at once, or at `dueMs`. */
  deferredEnded(allWell: boolean, dueMs: number): void {
    this.#deferredSent = false;
    this.#deferredFailures = allWell ? 0 : this.#deferredFailures + 1;
    this.#deferredDueMs = allWell ? 0 : dueMs;
  }

  /** The remote was away as a whole and is back: nothing is odd about what was put off meanwhile. */
  resumeDeferred(): void {
    this.#deferredFailures = 0;
    for (const [start, end] of this.#deferred.drain()) this.#backlog.add(start, end);
  }

  /** The remote refuses this entry for good; until that is durable the offset stays below. */
  parking(index: number, failure: Failure): void {
    this.acknowledged(index);
    this.#parking.add(index);
    this.#refusals.set(index, failure);
    const oldest = this.#refusals.keys().next();
    if (this.#refusals.size > REFUSALS_MAX && oldest.done !== true) this.#refusals.delete(oldest.value);
  }

  /** The refusal is recorded, or could not be: then it is owed again. */
  parked(index: number, outcome: { readonly durable: boolean; readonly dueMs: number }): void {
    this.#parking.delete(index);
    if (!outcome.durable) {
      this.defer(index, outcome.dueMs);
      return;
    }
    this.#refused.add(index, index + 1);
    if (this.#refusals.get(index)?.code === 'CONFLICT') this.#conflicts.add(index, index + 1);
  }

  #onTheWire(indexes: readonly number[]): readonly number[] {
    for (const index of indexes) this.#sent.add(index);
    return indexes;
  }
}
