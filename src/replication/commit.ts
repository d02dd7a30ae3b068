import { ClosedError, RottenError, StoreFailedError } from '../errors.ts';
import { together } from '../log/changes.ts';
import { type AgainJob, type Decision, decide, type Job, type JobAnswer, type ReceiptAnswer, type ReceiptJob } from '../log/decide.ts';
import type { BatchAnswer, BatchJob } from '../log/decide-batch.ts';
import { SALT_BYTES } from '../log/entry.ts';
import { GROUP_BYTES_MAX, GROUP_ENTRIES_MAX, itemBytes } from '../log/group.ts';
import { type Heads, headOf, type LogHead, recoveredHeads } from '../log/heads.ts';
import type { Conflict } from '../log/turn.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import { type Changes, type LogNumber, type LogStore, type NewGroup, NO_CHANGES, OWN_LOG, type ParkedReceipt, type Recovered } from '../ports/log-store.ts';
import type { Observer } from '../ports/observer.ts';
import type { KnownReceipt, Place, ReceiptIndex } from '../ports/receipt-index.ts';
import { answersFor, decidable } from './doubtful.ts';
import { overloaded } from './jobs-waiting.ts';
import type { Rotten } from './rotten.ts';

/** Offsets ride along with other writes; where there are none they are written on their own this often. They may lag (SPEC §3.1). */
const OFFSET_FLUSH_MS = 1_000;
/** While the disk is full the store is asked this often whether it can write again. */
const PROBE_MS = 1_000;

/** How it ends for one job. Called after the fsync, synchronously, in job order. */
export interface Settle<Answer> {
  answered(answer: Answer): void;
  failed(error: Error): void;
}

interface Waiting extends Settle<JobAnswer> {
  readonly job: Job;
  readonly entries: number;
  readonly bytes: number;
}

/** A decision; a job has no answer where what it depends on has rotted. */
type Settled = Omit<Decision, 'answers'> & { readonly answers: readonly (JobAnswer | undefined)[] };

interface RecordWaiting {
  readonly changes: Partial<Changes>;
  readonly done: (durable: boolean) => void;
}

/** What a turn writes beside entries. */
export type Progress = Partial<Pick<Changes, 'offsets' | 'cosigned' | 'notes' | 'kept'>>;

/** What a turn has added to the own log, durably. */
export interface OwnGrowth {
  /** In order; the receipts are the entries of the first one, where there are any. What follows holds evidence. */
  readonly groups: readonly NewGroup[];
  /** In entry order. */
  readonly receipts: readonly (ReceiptJob | AgainJob)[];
  /** The own log's head with it. */
  readonly head: LogHead;
}

/** `full`: writes fail now and are tried again; `failed`: no write is trusted before a restart (DESIGN law 1). */
export type StoreState = 'ok' | 'full' | 'failed';

export interface CommitterOptions {
  readonly region: string;
  readonly store: LogStore & ReceiptIndex;
  readonly rotten: Rotten;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly observe: Observer;
  /** Told of what was added to the own log, after it is durable and before its jobs are answered: rings the links. */
  readonly onOwnGrowth: (grown: OwnGrowth) => void;
  /** Told of what mirrored logs have brought that is refused here, once that is durable. */
  readonly onConflicts: (conflicts: readonly Conflict[]) => void;
  /** The origin lines of all logs that have one. */
  readonly origins: ReadonlyMap<LogNumber, string>;
  /** Does this region hold a certificate of an entry of a mirrored log? */
  readonly isCertified: (place: Place) => boolean;
  /** What the remotes have answered so far: it may lag. */
  readonly progress: () => Progress;
  /** Entries of jobs that may wait, where it is not the usual number. */
  readonly entriesMax?: number | undefined;
}

/**
 * The one writer (DESIGN §5). A turn takes every job that waits, decides in pure code, writes ONE transaction, and only then
 * answers. Groups need no timer: the next one is whatever arrived while the last commit was under way.
 */
export class Committer {
  readonly #options: CommitterOptions;
  #heads: Heads;
  #waiting: Waiting[] = [];
  #waitingEntries = 0;
  #waitingBytes = 0;
  #records: RecordWaiting[] = [];
  #hasProgress = false;
  #progressWrittenMs = Number.NEGATIVE_INFINITY;
  #state: StoreState = 'ok';
  /** The last turn met receipts that were known. */
  #expectsKnown = false;
  #turning: Promise<void> | undefined;
  #closed = false;
  #hasForgotten = false;
  #cancelTimer: (() => void) | undefined;

  constructor(options: CommitterOptions, recovered: Recovered) {
    this.#options = options;
    this.#heads = recoveredHeads(recovered.logs);
    // A region that has forgotten what it signed writes nothing that it would have to sign, or that could be a second content.
    if (recovered.forgot !== undefined) this.#state = 'failed';
  }

  get state(): StoreState {
    return this.#state;
  }

  /** Entries in the own log, all durable. */
  get ownSize(): number {
    return this.head(OWN_LOG).size;
  }

  /** Where a log stands, all of it durable. */
  head(log: LogNumber): LogHead {
    return headOf(this.#heads, log);
  }

  /** Receipts held durably, in whatever log. */
  get receiptCount(): number {
    let count = 0;
    for (const { size, others } of this.#heads.values()) count += size - others;
    return count;
  }

  /** Is anything on its way to the store? */
  get isBusy(): boolean {
    return this.#turning !== undefined;
  }

  /** Queues a receipt for the next turn. Over the bounds, closed or failed it is settled at once. */
  submit(job: ReceiptJob | AgainJob, { answered, failed }: Settle<ReceiptAnswer>): void {
    const settle = (answer: JobAnswer): void => {
      if (isReceiptAnswer(answer)) answered(answer);
    };
    this.#queue({ job, entries: 1, bytes: itemBytes(job.canonical), answered: settle, failed });
  }

  /** The same for a batch of a mirrored log. */
  submitBatch(job: BatchJob, { answered, failed }: Settle<BatchAnswer>): void {
    const settle = (answer: JobAnswer): void => {
      if (!isReceiptAnswer(answer)) answered(answer);
    };
    this.#queue({ job, entries: Math.max(1, job.items.length), bytes: job.frame.length, answered: settle, failed });
  }

  /** Takes no write any more, for a reason that is not the store's: what this region has signed is more than it remembers (SPEC §2.1). */
  async forget(reason: string): Promise<void> {
    this.#hasForgotten = true;
    // What a full disk does not take is brought again: else the next process would sign (beyond seed 5120).
    while (!(await this.record({ forgot: [reason] })) && this.#state === 'full' && !this.#closed)
      await new Promise<void>((resolve) => void this.#options.clock.after(PROBE_MS, resolve));
    this.#state = 'failed';
  }

  /** Makes something durable that goes with no entry; resolves to false if the store failed. */
  record(changes: Partial<Changes>): Promise<boolean> {
    if (this.#closed || this.#state === 'failed') return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#records.push({ changes, done: resolve });
      this.#startTurns();
    });
  }

  /** A remote has answered something: offsets are written along with other changes, at the latest in a second. */
  progressed(): void {
    if (this.#hasProgress) return;
    this.#hasProgress = true;
    if (this.#turning === undefined) this.#wakeIn(OFFSET_FLUSH_MS);
  }

  /** Records a final refusal durably; resolves to false if the store failed. */
  park(parked: ParkedReceipt): Promise<boolean> {
    return this.record({ parked: [parked] });
  }

  /** Takes no more receipts, finishes the turns that wait, writes the last offsets. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    while (this.#turning !== undefined) await this.#turning;
    this.#progressWrittenMs = Number.NEGATIVE_INFINITY;
    if (this.#state === 'ok' && this.#hasProgress) await this.#turn();
  }

  #queue(waiting: Waiting): void {
    const refusal = this.#refusal(waiting.entries, waiting.bytes);
    if (refusal !== undefined) {
      waiting.failed(refusal);
      return;
    }
    this.#waiting.push(waiting);
    this.#waitingEntries += waiting.entries;
    this.#waitingBytes += waiting.bytes;
    this.#startTurns();
  }

  #refusal(entries: number, bytes: number): Error | undefined {
    if (this.#closed) return new ClosedError();
    if (this.#state === 'failed' || this.#hasForgotten) return untilRestart();
    return overloaded({ entries: this.#waitingEntries, bytes: this.#waitingBytes }, { entries, bytes }, this.#options.entriesMax);
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
        if (this.#waiting.length + this.#records.length > 0) this.#startTurns();
      });
  }

  async #turns(): Promise<void> {
    do await this.#turn();
    while (this.#waiting.length + this.#records.length > 0);
  }

  /** One turn. Never throws: a failure of the store is an answer to everybody in the turn. */
  async #turn(): Promise<void> {
    const jobs = this.#takeJobs();
    const records = this.#records;
    this.#records = [];
    let decided: Settled | undefined;
    let failure: StoreFailedError | undefined;
    const progress = this.#takeProgress();
    try {
      // After a failed fsync not even "known" is answered: what a failed commit left may be read, and is not durable (seed 13425).
      if (this.#state === 'failed') throw untilRestart();
      const rest = [progress, ...records.map(({ changes }) => changes)].reduce(together, NO_CHANGES);
      const decision = await this.#settle(
        jobs.map(({ job }) => job),
        rest,
      );
      // Durable from here on; nothing above this line was visible to anybody.
      this.#heads = decision.heads;
      decided = decision;
    } catch (error) {
      failure = asStoreFailure(error);
      this.#storeFailed(failure);
      this.#hasProgress ||= Object.keys(progress).length > 0;
    }
    for (const { done } of records) done(failure === undefined);
    if (decided !== undefined) this.#answer(jobs, decided);
    else for (const { failed } of jobs) failed(failure ?? new ClosedError());
  }

  /** The waiting jobs that fit one turn: one group's count and bytes in all, whatever logs they go to. */
  #takeJobs(): Waiting[] {
    let bytes = 0;
    let entries = 0;
    let count = 0;
    for (const job of this.#waiting) {
      bytes += job.bytes;
      entries += job.entries;
      if (count > 0 && (entries > GROUP_ENTRIES_MAX || bytes > GROUP_BYTES_MAX)) break;
      count += 1;
    }
    const taken = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const job of taken) {
      this.#waitingEntries -= job.entries;
      this.#waitingBytes -= job.bytes;
    }
    return taken;
  }

  /** What the remotes have answered, if something moved and none was written lately: working it out walks what every link has under way. */
  #takeProgress(): Progress {
    const now = this.#options.clock.monotonicMs();
    if (!this.#hasProgress || now < this.#progressWrittenMs + OFFSET_FLUSH_MS) return {};
    this.#hasProgress = false;
    this.#progressWrittenMs = now;
    return this.#options.progress();
  }

  /**
   * Decides and commits. Most turns hold only new receipts: so the decision is made as if all were, and the store takes it unless it
   * knows one of them. Nobody else writes, so what it then knows is still so for the second decision. Repeats come in bursts: after
   * one the next turn asks first.
   */
  async #settle(jobs: readonly Job[], rest: Changes): Promise<Settled> {
    const { store } = this.#options;
    const ids = jobs.flatMap(idsOf);
    if (ids.length === 0 || this.#expectsKnown) {
      const known = ids.length === 0 ? [] : await store.find(ids);
      this.#expectsKnown = known.some((each) => each !== undefined);
      return this.#commitKnowing(knownBy(ids, known), jobs, rest);
    }
    const guess = this.#decide(jobs, new Map());
    const known = await store.commit(together(guess.changes, rest), ids);
    this.#expectsKnown = known !== undefined;
    if (known !== undefined) return this.#commitKnowing(knownBy(ids, known), jobs, rest);
    this.#enter('ok');
    return guess;
  }

  async #commitKnowing(known: ReadonlyMap<string, KnownReceipt>, jobs: readonly Job[], rest: Changes): Promise<Settled> {
    const taken = await decidable(jobs, known, this.#options);
    const decision = this.#decide(taken, known);
    const changes = together(decision.changes, rest);
    const settled = { ...decision, answers: answersFor(jobs, taken, decision) };
    if (Object.values(changes).every((part) => part.length === 0)) return settled;
    await this.#options.store.commit(changes);
    this.#enter('ok');
    return settled;
  }

  #decide(jobs: readonly Job[], known: ReadonlyMap<string, KnownReceipt>): Decision {
    const { clock, entropy, region, origins, isCertified } = this.#options;
    if (jobs.length === 0) return { changes: NO_CHANGES, heads: this.#heads, answers: [], conflicts: [] };
    const salts = entropy.bytes(jobs.length * SALT_BYTES);
    return decide(jobs, { region, heads: this.#heads, known, nowMs: clock.wallMs(), salts, origins, isCertified });
  }

  #answer(jobs: readonly Waiting[], decision: Settled): void {
    const { onOwnGrowth, onConflicts } = this.#options;
    const groups = decision.changes.groups.filter((group) => group.log === OWN_LOG);
    if (groups.length > 0) {
      const isOwn = (job: Job): job is ReceiptJob | AgainJob => job.from === 'application' || job.from === 'again';
      const receipts = jobs.flatMap(({ job }, n) => (isOwn(job) && decision.answers[n]?.kind === 'appended' ? [job] : []));
      onOwnGrowth({ groups, receipts, head: this.head(OWN_LOG) });
    }
    if (decision.conflicts.length > 0) onConflicts(decision.conflicts);
    for (const [n, waiting] of jobs.entries()) {
      const answer = decision.answers[n];
      if (answer !== undefined) waiting.answered(answer);
      else waiting.failed(new RottenError('What is held under this id has rotted: whether this is the same can not be told'));
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
      () => {
        this.#enter('ok');
        // What the full disk did not take waits for nobody's next write (seed 10394).
        if (this.#hasProgress && this.#turning === undefined) this.#wakeIn(OFFSET_FLUSH_MS);
      },
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

function isReceiptAnswer(answer: JobAnswer): answer is ReceiptAnswer {
  return answer.kind === 'appended' || answer.kind === 'known' || answer.kind === 'certified' || answer.kind === 'conflict';
}

/** Ids that the turn may give a first digest to. */
function idsOf(job: Job): readonly string[] {
  return job.from === 'origin' ? job.items.flatMap(({ receipt }) => (receipt === undefined ? [] : [receipt.id])) : [job.receiptId];
}

function knownBy(ids: readonly string[], found: readonly (KnownReceipt | undefined)[]): ReadonlyMap<string, KnownReceipt> {
  return new Map(ids.flatMap((id, n) => (found[n] === undefined ? [] : [[id, found[n]] as const])));
}
