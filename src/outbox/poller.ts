import { systemClock } from '../adapters/clock.ts';
import { ReceiptSyncError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Receipt } from '../receipt/receipt.ts';
import type { SyncResult } from '../region/sync-result.ts';
import type { OutboxHandle } from './handle.ts';
import { StubbornRows } from './stubborn.ts';
import { removeRows, setAside, waitingRows } from './table.ts';

/** Rows of one hand-over: one select, one request, one delete. */
const BATCH_DEFAULT = 500;
const IDLE_MS_DEFAULT = 200;
/** While database or sidecar fail, the pause doubles from at least this, however short `idleMs` is, … */
const PAUSE_MS_MIN = 50;
/** … up to this. */
const PAUSE_MS_MAX = 10_000;
/** What no repetition changes: the receipt itself is refused. */
const FINAL: ReadonlySet<string> = new Set(['INVALID_RECEIPT', 'INVALID_JSON', 'RECEIPT_CONFLICT', 'TOO_LARGE', 'NOT_CERTIFIED']);

type Waiting = { readonly waitFor: 'local' | 'quorum' };

/** Who takes the receipts: a ReceiptSyncManager, or a ReceiptSyncClient to a sidecar. */
export interface OutboxTarget {
  syncReceipt(receipt: Receipt, options: Waiting): Promise<SyncResult>;
  syncBatch?(receipts: readonly Receipt[], options: Waiting): Promise<readonly ({ readonly result: SyncResult } | { readonly error: ReceiptSyncError })[]>;
}

/** How a poller works; only `handle` and `target` have no default. */
export interface OutboxPollerOptions {
  /** A connection or pool of its own, outside of transactions. */
  readonly handle: OutboxHandle;
  readonly target: OutboxTarget;
  /** 1..1,000, 500 where nothing is said. */
  readonly batchMax?: number;
  /** How long it sleeps when nothing waits, unless `wake` is called. */
  readonly idleMs?: number;
  /** `local` (default): a row goes once the sidecar has fsynced it; from there on delivery is its log's work. `quorum`: only with its quorum. */
  readonly waitFor?: 'local' | 'quorum';
  /** One receipt at a time: strictly in order even over a sidecar that fails now and then. */
  readonly strictOrder?: boolean;
  /** Told of what failed and will be tried again, and of rows set aside. */
  readonly onError?: (error: unknown) => void;
  readonly clock?: Clock;
}

/**
 * Hands the rows of an outbox over, at least once and in the order of their numbers, which is the order of each connection's
 * transactions. It remembers no position: a row is there until it was taken, so crashes and a second poller cost repeats, which
 * are known by their ids. A receipt that the sidecar could not take for a moment (overloaded, disk full) comes again with the next
 * batch, after others of its own batch; one that fails time and again while others are taken is put off. `strictOrder` excludes
 * both: there a receipt that is not stored holds up all that follow.
 */
export class OutboxPoller implements AsyncDisposable {
  readonly #options: Required<Omit<OutboxPollerOptions, 'onError'>>;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> | undefined;
  #stopping = false;
  #failures = 0;
  readonly #stubborn = new StubbornRows();
  /** Somebody called `wake` since the last look: the next pause is none. */
  #isWoken = false;
  #isPaused = false;
  #interrupt: () => void = () => undefined;

  constructor(options: OutboxPollerOptions) {
    const { handle, target, idleMs = IDLE_MS_DEFAULT, waitFor = 'local', strictOrder = false, onError = () => undefined, clock = systemClock } = options;
    const batchMax = strictOrder ? 1 : Math.min(1_000, Math.max(1, options.batchMax ?? BATCH_DEFAULT));
    this.#options = { handle, target, batchMax, idleMs, waitFor, strictOrder, clock };
    this.#onError = onError;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Looks at once, or again after the hand-over under way. While something fails its pause stays: commits must not hammer a sidecar that is down. */
  wake(): void {
    this.#isWoken = true;
    if (!this.#isPaused) this.#interrupt();
  }

  /** Ends after the hand-over under way: bounded by the timeouts of the target and of the database's client. May be started again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#interrupt();
    await this.#running;
    this.#running = undefined;
    this.#stopping = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Hands over what waits now; resolves with how many rows went. Rejects where the database or the target fails. */
  async drain(): Promise<number> {
    let count = 0;
    for (let gone = await this.#handOver(); gone > 0; gone = await this.#handOver()) count += gone;
    return count;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const { idleMs, batchMax } = this.#options;
      this.#isWoken = false;
      try {
        const gone = await this.#handOver();
        this.#failures = 0;
        if (gone < batchMax) await this.#idle(idleMs);
      } catch (error) {
        this.#report(error);
        this.#failures += 1;
        await this.#pause(Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, idleMs) * 2 ** Math.min(10, this.#failures)));
      }
    }
  }

  /** One batch; how many rows left the waiting ones. Throws the first passing failure, after everything else of the batch is settled. */
  async #handOver(): Promise<number> {
    const { handle, batchMax, clock } = this.#options;
    const rows = await waitingRows(handle, batchMax, this.#stubborn.putOff(clock.monotonicMs()));
    const sound = rows.flatMap(({ seq, receipt }) => (receipt instanceof Error ? [] : [{ seq, receipt }]));
    const refused = rows.flatMap(({ seq, receipt }) => (receipt instanceof Error ? [{ seq, error: receipt }] : []));
    for (const { seq, error } of refused) await this.#putAside(seq, error);
    const errors = sound.length === 0 ? [] : await this.#errors(sound.map(({ receipt }) => receipt));
    for (const [n, { seq }] of sound.entries()) {
      const error = errors[n];
      if (isFinal(error)) await this.#putAside(seq, error);
    }
    await this.#remove(sound.filter((_, n) => errors[n] === undefined));
    const passing = sound.flatMap(({ seq }, n) => (errors[n] === undefined || isFinal(errors[n]) ? [] : [{ seq, error: errors[n] }]));
    this.#remember(passing, sound.length);
    if (passing[0] !== undefined) throw passing[0].error;
    return rows.length;
  }

  async #remove(taken: readonly { readonly seq: string }[]): Promise<void> {
    const seqs = taken.map(({ seq }) => seq);
    await removeRows(this.#options.handle, seqs);
    if (seqs.length > 0) this.#failures = 0;
    for (const seq of seqs) this.#stubborn.settled(seq);
  }

  /** A target that takes nothing at all is down, and no row's fault. One that stores a receipt and has no quorum yet is not down. */
  #remember(passing: readonly { readonly seq: string; readonly error: unknown }[], count: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const { seq, error } of passing) {
      const isStored = error instanceof ReceiptSyncError && error.code === 'QUORUM_NOT_REACHED';
      if (isStored) this.#failures = 0;
      if (isStored || passing.length < count) this.#stubborn.failed(seq, { nowMs, isStored });
    }
  }

  async #putAside(seq: string, error: ReceiptSyncError): Promise<void> {
    await setAside(this.#options.handle, seq, `${error.code}: ${error.message}`);
    this.#stubborn.settled(seq);
    this.#report(error);
  }

  #report(error: unknown): void {
    try {
      this.#onError(error);
    } catch {
      // The application's own callback: a logger that fails must not end the hand-over, and there is nobody else to tell.
    }
  }

  /** Per receipt `undefined` once it is taken, else why not. */
  async #errors(receipts: readonly Receipt[]): Promise<readonly unknown[]> {
    const { target, waitFor } = this.#options;
    if (target.syncBatch !== undefined) {
      const items = await target.syncBatch(receipts, { waitFor });
      // Answers are matched by place: one too few or too many, and none of them can be trusted.
      if (items.length !== receipts.length) throw new ReceiptSyncError('UNAVAILABLE', `${items.length} answers for ${receipts.length} receipts`);
      return items.map((item, n) => this.#errorOf(item, receipts[n]?.receiptId));
    }
    // Called in order and in one breath: so they stand in the log in that order.
    const results = await Promise.allSettled(receipts.map((receipt) => target.syncReceipt(receipt, { waitFor })));
    return results.map((result, n) => (result.status === 'rejected' ? result.reason : this.#errorOf({ result: result.value }, receipts[n]?.receiptId)));
  }

  #errorOf(item: { readonly result: SyncResult } | { readonly error: unknown }, asked: string | undefined): unknown {
    if ('error' in item) return item.error;
    const { receiptId, outcome } = item.result;
    if (receiptId !== asked) return new ReceiptSyncError('UNAVAILABLE', `An answer for receipt ${receiptId} where ${asked} was handed over`);
    if (this.#options.waitFor === 'local' || outcome === 'quorum' || outcome === 'disabled') return undefined;
    if (outcome === 'refused') return new ReceiptSyncError('NOT_CERTIFIED', `So many regions refuse receipt ${receiptId} that it can not reach its quorum`);
    return new ReceiptSyncError('QUORUM_NOT_REACHED', `Receipt ${receiptId} has no quorum yet`);
  }

  async #idle(ms: number): Promise<void> {
    // A commit that came while the last batch was under way may have been too late for its select.
    if (!this.#isWoken) await this.#sleep(ms);
  }

  async #pause(ms: number): Promise<void> {
    this.#isPaused = true;
    await this.#sleep(ms);
    this.#isPaused = false;
  }

  #sleep(ms: number): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve);
      this.#interrupt = () => {
        cancel();
        resolve();
      };
    });
  }
}

function isFinal(error: unknown): error is ReceiptSyncError {
  return error instanceof ReceiptSyncError && FINAL.has(error.code);
}
