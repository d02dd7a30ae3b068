import { randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import { serialize } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { InvalidConfigError, ReceiptSyncError, StoreFailedError } from '../../errors.ts';
import type { Arrivals, ArrivedGroup } from '../../ports/arrivals.ts';
import type { AuditedStore, StoreClaims } from '../../ports/audited-store.ts';
import type { Changes, Group, LogNumber, LogStore, Recovered } from '../../ports/log-store.ts';
import type { KnownReceipt, ReceiptIndex, ReceiptPage, ReceiptQuery, StoredReceipt } from '../../ports/receipt-index.ts';
import { unreachable } from '../../std/assert.ts';
import type { Answer, Question, Refusal } from './messages.ts';
import type { StoreIdentity } from './open.ts';

/** Where the store lies and whose it is. */
export interface SqliteStoreOptions {
  /** Made if it is not there, with mode 0700. One process at a time. */
  readonly dataDir: string;
  readonly region: string;
  readonly cluster?: string | undefined;
  /** This region signs: its lock file is kept beside `dataDir` (SPEC §2.1). */
  readonly signs?: boolean | undefined;
}

/**
 * Opens the store in one worker thread: SQLite in WAL mode, one transaction a turn, durable by a journal of ours (docs/decisions/0003, 0011).
 * Rejects with InvalidConfigError for a directory that is not this region's, StoreFailedError for one in use or unreadable.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const { dataDir, region, cluster = '', signs = false } = options;
  const store = new SqliteStore({ dataDir, region, cluster, signs, newStoreId: randomBytes(16).toString('hex') });
  await store.opened;
  return store;
}

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** The ports' side of the worker: every method is one message there and one back. */
export class SqliteStore implements LogStore, ReceiptIndex, Arrivals, AuditedStore {
  readonly opened: Promise<void>;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #gone: Promise<void>;
  #lastId = 0;
  #death: StoreFailedError | undefined;

  constructor(identity: StoreIdentity) {
    this.#worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), { workerData: identity });
    this.opened = new Promise((resolve, reject) => this.#pending.set(0, { resolve, reject }));
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#die(error));
    this.#gone = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#die(undefined);
        resolve();
      });
    });
  }

  recover(): Promise<Recovered> {
    return this.#ask({ op: 'recover' });
  }

  async commit(changes: Changes, unlessKnown?: readonly string[]): Promise<readonly (KnownReceipt | undefined)[] | undefined> {
    const found = await this.#ask<Found>({
      op: 'commit',
      changes: serialize(changes),
      unlessKnown: unlessKnown === undefined ? undefined : idLines(unlessKnown),
    });
    return found.length === 0 || unlessKnown === undefined ? undefined : spread(found, unlessKnown.length);
  }

  probe(): Promise<void> {
    return this.#ask({ op: 'probe' });
  }

  entries(log: LogNumber, from: number, bytesMax: number): Promise<readonly Group[]> {
    return this.#ask({ op: 'entries', log, from, bytesMax });
  }

  tile(log: LogNumber, level: number, index: number): Promise<Uint8Array | undefined> {
    return this.#ask({ op: 'tile', log, level, index });
  }

  lastArrival(): Promise<number> {
    return this.#ask({ op: 'last-arrival' });
  }

  arrivals(afterSeq: number, bytesMax: number): Promise<readonly ArrivedGroup[]> {
    return this.#ask({ op: 'arrivals', afterSeq, bytesMax });
  }

  async find(ids: readonly string[]): Promise<readonly (KnownReceipt | undefined)[]> {
    return spread(await this.#ask<Found>({ op: 'find', lines: idLines(ids) }), ids.length);
  }

  get(receiptId: string): Promise<StoredReceipt | undefined> {
    return this.#ask({ op: 'get', receiptId });
  }

  list(query: ReceiptQuery): Promise<ReceiptPage> {
    return this.#ask({ op: 'list', query });
  }

  claims(): Promise<StoreClaims> {
    return this.#ask({ op: 'claims' });
  }

  newest(count: number): Promise<ReadonlyMap<LogNumber, number>> {
    return this.#ask({ op: 'newest', count });
  }

  structure(): Promise<readonly string[]> {
    return this.#ask({ op: 'structure' });
  }

  async close(): Promise<void> {
    if (this.#death === undefined) await this.#ask<void>({ op: 'close' });
    await this.#gone;
  }

  #ask<T>(question: Question): Promise<T> {
    if (this.#death !== undefined) return Promise.reject(this.#death);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ ...question, id });
    });
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if ('refusal' in answer) pending?.reject(errorOf(answer.refusal));
    // What comes back is what the question's method returns: both ends are in this folder.
    else pending?.resolve(answer.value as never);
  }

  /** The thread is gone: whatever it was asked has an unknown outcome. */
  #die(cause: unknown): void {
    this.#death ??= new StoreFailedError('The store is closed', { cause, untilRestart: true });
    for (const { reject } of this.#pending.values()) reject(this.#death);
    this.#pending.clear();
  }
}

/** Those of some ids that are known, by position. */
type Found = readonly (readonly [number, KnownReceipt])[];

function spread(found: Found, count: number): readonly (KnownReceipt | undefined)[] {
  const known = new Map(found);
  return Array.from({ length: count }, (_, n) => known.get(n));
}

/** What has a line end is no id, and must not become two. */
function idLines(ids: readonly string[]): string {
  return ids.map((id) => (id.includes('\n') ? '' : id)).join('\n');
}

function errorOf(refusal: Refusal): Error {
  switch (refusal.kind) {
    case 'store-failed':
      return new StoreFailedError(refusal.message, { untilRestart: refusal.untilRestart });
    case 'invalid-config':
      return new InvalidConfigError(refusal.issues);
    case 'refused':
      return new ReceiptSyncError(refusal.code, refusal.message);
    default:
      return unreachable(refusal);
  }
}
