import { systemClock } from '../adapters/clock.ts';
import { ReceiptSyncError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Receipt } from '../receipt/receipt.ts';
import type { SyncResult } from '../region/sync-result.ts';
import type { OutboxHandle } from './handle.ts';
import { removeRows, setAside, waitingRows } from './table.ts';

/** Rows of one hand-over: one select, one request, one delete. */
const BATCH_DEFAULT = 500;
const IDLE_MS_DEFAULT = 200;
/** While database or sidecar fail, the pause doubles up to this. */
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
 * transactions. It remembers nothing: a row is there until it was taken, so crashes and a second poller cost repeats, which are
 * known by their ids. A receipt that the sidecar could not take for a moment (overloaded, disk full) comes again with the next
 * batch, after others of its own batch; `strictOrder` excludes that.
 */
export class OutboxPoller implements AsyncDisposable {
  readonly #options: Required<Omit<OutboxPollerOptions, 'onError'>>;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> | undefined;
  #stopping = false;
  #failures = 0;
  #wake: () => void = () => undefined;

  constructor(options: OutboxPollerOptions) {
    const { handle, target, idleMs = IDLE_MS_DEFAULT, waitFor = 'local', strictOrder = false, onError = () => undefined, clock = systemClock } = options;
    const batchMax = strictOrder ? 1 : Math.min(1_000, Math.max(1, options.batchMax ?? BATCH_DEFAULT));
    this.#options = { handle, target, batchMax, idleMs, waitFor, strictOrder, clock };
    this.#onError = onError;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Looks at once: after a commit, where `idleMs` is too long. */
  wake(): void {
    this.#wake();
  }

  /** Ends after the hand-over under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await this.#running;
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
      try {
        const gone = await this.#handOver();
        this.#failures = 0;
        if (gone < batchMax) await this.#sleep(idleMs);
      } catch (error) {
        this.#onError(error);
        this.#failures += 1;
        await this.#sleep(Math.min(PAUSE_MS_MAX, idleMs * 2 ** Math.min(10, this.#failures)));
      }
    }
  }

  /** One batch; how many rows left the waiting ones. Throws the first passing failure, after everything else of the batch is settled. */
  async #handOver(): Promise<number> {
    const { handle, batchMax } = this.#options;
    const rows = await waitingRows(handle, batchMax);
    const sound = rows.flatMap(({ seq, receipt }) => (receipt instanceof Error ? [] : [{ seq, receipt }]));
    const refused = rows.flatMap(({ seq, receipt }) => (receipt instanceof Error ? [{ seq, error: receipt }] : []));
    for (const { seq, error } of refused) await this.#putAside(seq, error);
    const errors = sound.length === 0 ? [] : await this.#errors(sound.map(({ receipt }) => receipt));
    for (const [n, { seq }] of sound.entries()) {
      const error = errors[n];
      if (isFinal(error)) await this.#putAside(seq, error);
    }
    const taken = sound.filter((_, n) => errors[n] === undefined);
    await removeRows(
      handle,
      taken.map(({ seq }) => seq),
    );
    const passing = errors.find((error) => error !== undefined && !isFinal(error));
    if (passing !== undefined) throw passing;
    return rows.length;
  }

  async #putAside(seq: string, error: ReceiptSyncError): Promise<void> {
    await setAside(this.#options.handle, seq, `${error.code}: ${error.message}`);
    this.#onError(error);
  }

  /** Per receipt `undefined` once it is taken, else why not. */
  async #errors(receipts: readonly Receipt[]): Promise<readonly unknown[]> {
    const { target, waitFor } = this.#options;
    if (target.syncBatch !== undefined) {
      const items = await target.syncBatch(receipts, { waitFor });
      return receipts.map((_, n) => this.#errorOf(items[n] ?? { error: new ReceiptSyncError('UNAVAILABLE', 'No answer for this receipt') }));
    }
    // Called in order and in one breath: so they stand in the log in that order.
    const results = await Promise.allSettled(receipts.map((receipt) => target.syncReceipt(receipt, { waitFor })));
    return results.map((result) => (result.status === 'rejected' ? result.reason : this.#errorOf({ result: result.value })));
  }

  #errorOf(item: { readonly result: SyncResult } | { readonly error: unknown }): unknown {
    if ('error' in item) return item.error;
    const { receiptId, outcome } = item.result;
    if (this.#options.waitFor === 'local' || outcome === 'quorum' || outcome === 'disabled') return undefined;
    if (outcome === 'refused') return new ReceiptSyncError('NOT_CERTIFIED', `So many regions refuse receipt ${receiptId} that it can not reach its quorum`);
    return new ReceiptSyncError('QUORUM_NOT_REACHED', `Receipt ${receiptId} has no quorum yet`);
  }

  #sleep(ms: number): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, () => this.#wake());
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

function isFinal(error: unknown): error is ReceiptSyncError {
  return error instanceof ReceiptSyncError && FINAL.has(error.code);
}
