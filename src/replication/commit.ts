import { ClosedError, OverloadedError, StoreFailedError } from '../errors.ts';
import { type Decision, decide, type Heads, type JobAnswer, type LogHead, type ReceiptJob } from '../log/decide.ts';
import { SALT_BYTES } from '../log/entry.ts';
import { GROUP_BYTES_MAX, GROUP_ENTRIES_MAX, itemBytes } from '../log/group.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import {
  type Changes,
  type LogNumber,
  type LogStore,
  OWN_LOG,
  type ParkedReceipt,
  RECEIVED_LOG,
  type Recovered,
  type RemoteOffset,
} from '../ports/log-store.ts';
import type { Observer } from '../ports/observer.ts';
import type { KnownReceipt, ReceiptIndex } from '../ports/receipt-index.ts';

/** Jobs that may wait for a turn: eight full groups. More callers than that are told to come back. */
const JOBS_WAITING_MAX = 8 * GROUP_ENTRIES_MAX;
/** … and their bytes. */
const JOBS_BYTES_MAX = 8 * GROUP_BYTES_MAX;
const OVERLOAD_RETRY_AFTER_MS = 1_000;
/** Offsets ride along with other writes; where there are none they are written on their own this often. They may lag (SPEC §3.1). */
const OFFSET_FLUSH_MS = 1_000;
/** While the disk is full the store is asked this often whether it can write again. */
const PROBE_MS = 1_000;

/** How it ends for one job. Called after the fsync, synchronously, in job order. */
export interface Settle {
  answered(answer: JobAnswer): void;
  failed(error: Error): void;
}

interface Waiting extends Settle {
  readonly job: ReceiptJob;
}

interface ParkWaiting {
  readonly parked: ParkedReceipt;
  readonly done: (durable: boolean) => void;
}

/** What a turn writes beside receipts. */
type Progress = Pick<Changes, 'offsets' | 'parked'>;

/** `full`: writes fail now and are tried again; `failed`: no write is trusted before a restart (DESIGN law 1). */
export type StoreState = 'ok' | 'full' | 'failed';

export interface CommitterOptions {
  readonly store: LogStore & ReceiptIndex;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly observe: Observer;
  /** Told of every own group, after it is durable and before its jobs are answered: rings the links. */
  readonly onOwnGroup: (group: { readonly start: number; readonly receipts: readonly ReceiptJob[] }) => void;
  /** What every plain remote has answered so far. */
  readonly offsets: () => readonly RemoteOffset[];
}

/**
 * The one writer (DESIGN §5). A turn takes every job that waits, decides in pure code, writes ONE transaction, and only then
 * answers. Groups need no timer: the next one is whatever arrived while the last commit was under way.
 */
export class Committer {
  readonly #options: CommitterOptions;
  #heads: Heads;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #parks: ParkWaiting[] = [];
  #hasProgress = false;
  #progressWrittenMs = Number.NEGATIVE_INFINITY;
  #state: StoreState = 'ok';
  /** The last turn met receipts that were known. */
  #expectsKnown = false;
  #turning: Promise<void> | undefined;
  #closed = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: CommitterOptions, recovered: Recovered) {
    this.#options = options;
    this.#heads = recoveredHeads(recovered);
  }

  get state(): StoreState {
    return this.#state;
  }

  /** Entries in the own log, all durable. */
  get ownSize(): number {
    return this.#head(OWN_LOG).size;
  }

  /** Receipts held durably, in whatever log. */
  get receiptCount(): number {
    return this.#head(OWN_LOG).size + this.#head(RECEIVED_LOG).size;
  }

  /** Is anything on its way to the store? */
  get isBusy(): boolean {
    return this.#turning !== undefined;
  }

  /** Queues a receipt for the next turn. Over the bounds, closed or failed it is settled at once. */
  submit(job: ReceiptJob, settle: Settle): void {
    const refusal = this.#refusal(job);
    if (refusal !== undefined) {
      settle.failed(refusal);
      return;
    }
    this.#waiting.push({ job, answered: settle.answered, failed: settle.failed });
    this.#waitingBytes += itemBytes(job.canonical);
    this.#startTurns();
  }

  /** A remote has answered something: offsets are written along with other changes, at the latest in a second. */
  progressed(): void {
    if (this.#hasProgress) return;
    this.#hasProgress = true;
    if (this.#turning === undefined) this.#wakeIn(OFFSET_FLUSH_MS);
  }

  /** Records a final refusal durably; resolves to false if the store failed. */
  park(parked: ParkedReceipt): Promise<boolean> {
    if (this.#closed || this.#state === 'failed') return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#parks.push({ parked, done: resolve });
      this.#startTurns();
    });
  }

  /** Takes no more receipts, finishes the turns that wait, writes the last offsets. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    while (this.#turning !== undefined) await this.#turning;
    this.#progressWrittenMs = Number.NEGATIVE_INFINITY;
    if (this.#state === 'ok' && this.#hasProgress) await this.#turn();
  }

  #refusal(job: ReceiptJob): Error | undefined {
    if (this.#closed) return new ClosedError();
    if (this.#state === 'failed') return untilRestart();
    if (this.#waiting.length < JOBS_WAITING_MAX && this.#waitingBytes + itemBytes(job.canonical) <= JOBS_BYTES_MAX) return undefined;
    return new OverloadedError('Too many receipts wait to be stored', OVERLOAD_RETRY_AFTER_MS);
  }

  #head(log: LogNumber): LogHead {
    return this.#heads.get(log) ?? { size: 0, lastRecordedAt: 0n };
  }

  #startTurns(): void {
    if (this.#turning !== undefined) return;
    this.#cancelTimer?.();
    // One microtask later, so that jobs submitted in the same breath share the first turn too.
    this.#turning = Promise.resolve()
      .then(() => this.#turns())
      .finally(() => {
        this.#turning = undefined;
        if (this.#state === 'full') this.#wakeIn(PROBE_MS);
        else if (this.#hasProgress && this.#state === 'ok') this.#wakeIn(OFFSET_FLUSH_MS);
        if (this.#waiting.length + this.#parks.length > 0) this.#startTurns();
      });
  }

  async #turns(): Promise<void> {
    do await this.#turn();
    while (this.#waiting.length + this.#parks.length > 0);
  }

  /** One turn. Never throws: a failure of the store is an answer to everybody in the turn. */
  async #turn(): Promise<void> {
    const jobs = this.#takeJobs();
    const parks = this.#parks;
    this.#parks = [];
    let decided: Decision | undefined;
    let failure: StoreFailedError | undefined;
    const offsets = this.#takeProgress();
    try {
      // After a failed fsync not even "known" is answered: what a failed commit left may be read, and is not durable (seed 13425).
      if (this.#state === 'failed') throw untilRestart();
      const decision = await this.#settle(
        jobs.map(({ job }) => job),
        { offsets, parked: parks.map(({ parked }) => parked) },
      );
      // Durable from here on; nothing above this line was visible to anybody.
      this.#heads = decision.heads;
      decided = decision;
    } catch (error) {
      failure = asStoreFailure(error);
      this.#storeFailed(failure);
      this.#hasProgress ||= offsets.length > 0;
    }
    for (const { done } of parks) done(failure === undefined);
    if (decided !== undefined) this.#answer(jobs, decided);
    else for (const { failed } of jobs) failed(failure ?? new ClosedError());
  }

  /** The waiting jobs that fit one turn: one group's count and bytes in all, whatever logs they go to. */
  #takeJobs(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { job } of this.#waiting) {
      bytes += itemBytes(job.canonical);
      if (count === GROUP_ENTRIES_MAX || bytes > GROUP_BYTES_MAX) break;
      count += 1;
    }
    const taken = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#waitingBytes -= taken.reduce((sum, { job }) => sum + itemBytes(job.canonical), 0);
    return taken;
  }

  /** Offsets, if some moved and none were written lately: working them out walks what every link has under way. */
  #takeProgress(): readonly RemoteOffset[] {
    const now = this.#options.clock.monotonicMs();
    if (!this.#hasProgress || now < this.#progressWrittenMs + OFFSET_FLUSH_MS) return [];
    this.#hasProgress = false;
    this.#progressWrittenMs = now;
    return this.#options.offsets();
  }

  /**
   * Decides and commits. Most turns hold only new receipts: so the decision is made as if all were, and the store takes it unless it
   * knows one of them. Nobody else writes, so what it then knows is still so for the second decision. Repeats come in bursts: after
   * one the next turn asks first.
   */
  async #settle(jobs: readonly ReceiptJob[], progress: Progress): Promise<Decision> {
    const { store } = this.#options;
    const ids = jobs.map((job) => job.receiptId);
    if (ids.length === 0 || this.#expectsKnown) {
      const known = ids.length === 0 ? [] : await store.find(ids);
      this.#expectsKnown = known.some((each) => each !== undefined);
      return this.#commitKnowing(known, jobs, progress);
    }
    const guess = this.#decide(jobs, []);
    const known = await store.commit({ groups: guess.groups, ...progress }, ids);
    this.#expectsKnown = known !== undefined;
    if (known !== undefined) return this.#commitKnowing(known, jobs, progress);
    this.#enter('ok');
    return guess;
  }

  async #commitKnowing(known: readonly (KnownReceipt | undefined)[], jobs: readonly ReceiptJob[], progress: Progress): Promise<Decision> {
    const decision = this.#decide(jobs, known);
    if (decision.groups.length + progress.offsets.length + progress.parked.length === 0) return decision;
    await this.#options.store.commit({ groups: decision.groups, ...progress });
    this.#enter('ok');
    return decision;
  }

  #decide(jobs: readonly ReceiptJob[], found: readonly (KnownReceipt | undefined)[]): Decision {
    const { clock, entropy } = this.#options;
    if (jobs.length === 0) return { groups: [], heads: this.#heads, answers: [] };
    const known = new Map(jobs.flatMap((job, n) => (found[n] === undefined ? [] : [[job.receiptId, found[n]] as const])));
    return decide(jobs, { heads: this.#heads, known, nowMs: clock.wallMs(), salts: entropy.bytes(jobs.length * SALT_BYTES) });
  }

  #answer(jobs: readonly Waiting[], decision: Decision): void {
    const own = decision.groups.find((group) => group.log === OWN_LOG);
    if (own !== undefined) {
      const appended = jobs.filter(({ job }, n) => job.from === 'application' && decision.answers[n]?.kind === 'appended');
      this.#options.onOwnGroup({ start: own.start, receipts: appended.map(({ job }) => job) });
    }
    for (const [n, waiting] of jobs.entries()) {
      const answer = decision.answers[n];
      if (answer !== undefined) waiting.answered(answer);
    }
  }

  #storeFailed(error: StoreFailedError): void {
    this.#enter(error.untilRestart ? 'failed' : 'full', error);
    if (this.#state === 'full' && this.#turning === undefined) this.#wakeIn(PROBE_MS);
  }

  /** Says so once, when the state changes. A failed store stays failed. */
  #enter(state: StoreState, error?: StoreFailedError): void {
    if (this.#state === state || this.#state === 'failed') return;
    this.#state = state;
    if (error === undefined) this.#options.observe({ kind: 'store-recovered' });
    else this.#options.observe({ kind: 'store-failed', message: error.message, untilRestart: error.untilRestart });
  }

  #wakeIn(delayMs: number): void {
    if (this.#closed) return;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.after(delayMs, () => this.#wake());
  }

  /** Asks a full store whether it can write again, else flushes offsets. */
  #wake(): void {
    this.#cancelTimer = undefined;
    if (this.#state !== 'full') {
      if (this.#hasProgress) this.#startTurns();
      return;
    }
    this.#options.store.probe().then(
      () => this.#enter('ok'),
      (error: unknown) => this.#storeFailed(asStoreFailure(error)),
    );
  }
}

function untilRestart(): StoreFailedError {
  return new StoreFailedError('The store takes no writes until a restart', { untilRestart: true });
}

/** Whatever a store throws that it does not declare is taken at its worst. */
function asStoreFailure(error: unknown): StoreFailedError {
  return error instanceof StoreFailedError ? error : new StoreFailedError('The store failed', { cause: error, untilRestart: true });
}

function recoveredHeads(recovered: Recovered): Heads {
  const heads = [...recovered.sizes].map(([log, size]) => [log, { size, lastRecordedAt: recovered.lastRecordedAt.get(log) ?? 0n }] as const);
  return new Map(heads);
}
