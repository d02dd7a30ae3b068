import type { Observer } from '../ports/observer.ts';
import type { Roster } from '../quorum/roster.ts';
import { type Tally, tally, type Word } from '../quorum/tally.ts';
import type { Failure } from '../region/failure.ts';
import { unreachable } from '../std/assert.ts';

/** When a caller's wait is over: the contract's three, and `certain` for those who wait however long it takes. */
export type WaitFor = 'quorum' | 'all' | 'local' | 'certain';

/** One receipt that somebody waits for. Lost in a crash without loss: the receipt is in the log. */
export interface Sync {
  /** Index in the own log: another one once the receipt was appended again. */
  index: number;
  readonly receiptId: string;
  /** By position of the remote in the roster. */
  readonly words: Word[];
  readonly failures: (Failure | undefined)[];
  /** Remotes that will make no more attempts for this call. */
  readonly ended: boolean[];
  tally: Tally;
  settled: boolean;
  /** Few: callers of the same receipt. */
  readonly waiters: Waiter[];
}

interface Waiter {
  readonly waitFor: WaitFor;
  readonly wake: () => void;
}

/** Callers and the receipts they wait for, by index in the own log. */
export class WaitingRoom {
  readonly #roster: Roster;
  readonly #observe: Observer;
  readonly #syncs = new Map<number, Sync>();
  #waiters = 0;

  constructor(roster: Roster, observe: Observer) {
    this.#roster = roster;
    this.#observe = observe;
  }

  /** Callers that wait now. */
  get waiters(): number {
    return this.#waiters;
  }

  /** The sync under way for an own entry, or a new one; `isNew` tells the caller to ring the links. */
  admit(index: number, receiptId: string): { readonly sync: Sync; readonly isNew: boolean } {
    const before = this.#syncs.get(index);
    if (before !== undefined && !before.settled) return { sync: before, isNew: false };
    const remotes = this.#roster.remotes.length;
    const sync: Sync = {
      index,
      receiptId,
      words: new Array<Word>(remotes).fill(undefined),
      failures: new Array<Failure | undefined>(remotes).fill(undefined),
      ended: new Array<boolean>(remotes).fill(false),
      tally: tally(this.#roster, []),
      settled: remotes === 0,
      waiters: before?.waiters ?? [],
    };
    this.#syncs.set(index, sync);
    if (sync.tally.verdict === 'reached') this.#sayQuorum(sync);
    return { sync, isNew: true };
  }

  /** A remote's word, from whatever attempt. Remotes are positions in the roster. */
  spoken(index: number, remote: number, answer: { readonly word: 'acknowledged' } | { readonly word: 'refused'; readonly failure: Failure }): void {
    const sync = this.#syncs.get(index);
    if (sync === undefined) return;
    sync.words[remote] = answer.word;
    sync.failures[remote] = answer.word === 'refused' ? answer.failure : undefined;
    sync.ended[remote] = true;
    const before = sync.tally.verdict;
    sync.tally = tally(this.#roster, sync.words);
    if (before !== 'reached' && sync.tally.verdict === 'reached') this.#sayQuorum(sync);
    this.#look(sync);
  }

  /**
   * The receipt stands at another place from now on, and nothing is known of that yet (SPEC §4). False where nobody waits, or where its
   * quorum was reached at the old one.
   */
  move(from: number, to: number): boolean {
    const sync = this.#syncs.get(from);
    if (sync === undefined || sync.tally.verdict === 'reached' || this.#syncs.has(to)) return false;
    this.#syncs.delete(from);
    this.#syncs.set(to, sync);
    sync.index = to;
    sync.words.fill(undefined);
    sync.failures.fill(undefined);
    sync.ended.fill(false);
    sync.tally = tally(this.#roster, []);
    sync.settled = false;
    return true;
  }

  /** Who waits for entries [from, to) and has not heard of them from this remote, and was not given up: a list of its own. */
  waitingFor(from: number, to: number, remote: number): readonly Sync[] {
    const isWaiting = (sync: Sync | undefined): sync is Sync => sync !== undefined && sync.words[remote] === undefined && sync.ended[remote] !== true;
    if (to - from > this.#syncs.size) return [...this.#syncs.values()].filter((sync) => sync.index >= from && sync.index < to && isWaiting(sync));
    const waiting: Sync[] = [];
    for (let index = from; index < to; index += 1) {
      const sync = this.#syncs.get(index);
      if (isWaiting(sync)) waiting.push(sync);
    }
    return waiting;
  }

  /** An attempt failed; others may follow in this call. */
  attemptFailed(index: number, remote: number, failure: Failure): void {
    const sync = this.#syncs.get(index);
    if (sync !== undefined && sync.words[remote] === undefined) sync.failures[remote] = failure;
  }

  /** No more attempts at this remote in this call. */
  gaveUp(index: number, remote: number, failure: Failure): void {
    const sync = this.#syncs.get(index);
    if (sync === undefined || sync.words[remote] !== undefined) return;
    sync.failures[remote] = failure;
    sync.ended[remote] = true;
    this.#look(sync);
  }

  /** Resolves when the wait is over, or when `leave` is called. */
  wait(sync: Sync, waitFor: WaitFor): { readonly over: Promise<void>; readonly leave: () => void } {
    if (isOver(this.#current(sync), waitFor)) {
      this.#forget(sync);
      return { over: Promise.resolve(), leave: () => undefined };
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter: Waiter = { waitFor, wake: resolve };
    sync.waiters.push(waiter);
    this.#waiters += 1;
    const leave = (): void => {
      const at = sync.waiters.indexOf(waiter);
      if (at === -1) return;
      sync.waiters.splice(at, 1);
      this.#waiters -= 1;
      this.#forget(sync);
      resolve();
    };
    return { over: promise, leave };
  }

  /** Ends every wait: what is not decided is pending (DESIGN law 5). */
  dismiss(): void {
    for (const sync of this.#syncs.values()) {
      for (const waiter of sync.waiters) waiter.wake();
      this.#waiters -= sync.waiters.length;
      sync.waiters.length = 0;
    }
    this.#syncs.clear();
  }

  /** What is known now of the entry that `sync` is about: a later call may have begun it anew. */
  #current(sync: Sync): Sync {
    return this.#syncs.get(sync.index) ?? sync;
  }

  /** Says what has become certain, and wakes whose wait is over. */
  #look(sync: Sync): void {
    if (!sync.settled && sync.ended.every((ended) => ended)) {
      sync.settled = true;
      const { synced, verdict } = sync.tally;
      this.#observe({ kind: 'settled', receiptId: sync.receiptId, synced, total: this.#roster.remotes.length + 1, quorum: verdict === 'reached' });
    }
    for (let n = sync.waiters.length - 1; n >= 0; n -= 1) {
      const waiter = sync.waiters[n];
      if (waiter === undefined || !isOver(sync, waiter.waitFor)) continue;
      sync.waiters.splice(n, 1);
      this.#waiters -= 1;
      waiter.wake();
    }
    this.#forget(sync);
  }

  #forget(sync: Sync): void {
    const current = this.#current(sync);
    if (current.settled && current.waiters.length === 0) this.#syncs.delete(current.index);
  }

  #sayQuorum(sync: Sync): void {
    this.#observe({ kind: 'quorum', receiptId: sync.receiptId, weight: sync.tally.weight, threshold: this.#roster.threshold });
  }
}

function isOver(sync: Sync, waitFor: WaitFor): boolean {
  switch (waitFor) {
    case 'local':
      return true;
    case 'quorum':
      return sync.settled || sync.tally.verdict === 'reached';
    case 'all':
      return sync.settled;
    case 'certain':
      return sync.tally.verdict !== 'pending';
    default:
      return unreachable(waitFor);
  }
}
