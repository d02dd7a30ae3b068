import type { AgainJob, ReceiptAnswer } from '../log/decide.ts';
import { wholeItems } from '../log/group.ts';
import type { IndexRange } from '../log/refused-lines.ts';
import { readItem } from '../log/stored-item.ts';
import type { Clock } from '../ports/clock.ts';
import { type Group, type LogStore, OWN_LOG } from '../ports/log-store.ts';
import { parseCanonical } from '../receipt/canonical.ts';
import { IndexRanges } from '../std/index-ranges.ts';
import type { Committer } from './commit.ts';
import type { Rotten } from './rotten.ts';

/** Read and appended at once: other turns go on in between. */
const READ_BYTES_MAX: number = 256 * 1024;

/** What has rotted is read again no sooner: it is rarely there then. */
const READ_AGAIN_MS = 30_000;

export interface AgainOptions {
  readonly store: Pick<LogStore, 'entries'>;
  readonly clock: Clock;
  readonly committer: Pick<Committer, 'submit'>;
  readonly rotten: Pick<Rotten, 'tell'>;
  /** An own receipt stands at another place from now on: whoever waits for the old one waits for the new one. */
  readonly onMoved: (moved: { readonly from: number; readonly to: number; readonly receiptId: string }) => void;
}

/**
 * Appends own receipts once more that joined lines have put out of reach before they were certified (SPEC §4). Which ones can be worked
 * out from what is durable: so nothing is lost with this list.
 */
export class Again {
  readonly #options: AgainOptions;
  readonly #due = new IndexRanges();
  /** What could not be read as it was written: a disk may give it back another time (seed 34), and nothing else waits for it. */
  readonly #unread = new IndexRanges();
  #retryMs = 0;
  #isRunning = false;
  #isStopped = false;

  constructor(options: AgainOptions) {
    this.#options = options;
  }

  /** Has everything that was to be appended been? */
  get isDone(): boolean {
    return this.#due.count === 0;
  }

  add(ranges: readonly IndexRange[]): void {
    for (const { first, last } of ranges) this.#due.add(first, last + 1);
    this.go();
  }

  /** Goes on with what could not be done before. */
  go(): void {
    if (this.#isRunning || this.#isStopped) return;
    this.#readAgain();
    if (this.#due.count === 0) return;
    this.#isRunning = true;
    void this.#run().finally(() => {
      this.#isRunning = false;
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  #readAgain(): void {
    const now = this.#options.clock.monotonicMs();
    if (this.#unread.count === 0 || now < this.#retryMs) return;
    this.#retryMs = now + READ_AGAIN_MS;
    for (const [start, end] of this.#unread.ranges()) this.#due.add(start, end);
    this.#unread.remove(0, Number.POSITIVE_INFINITY);
  }

  /** Ends when all is done, or where the store gives or takes nothing: then somebody calls `go` later. */
  async #run(): Promise<void> {
    while (this.#due.first !== undefined && !this.#isStopped) {
      const groups = await this.#options.store.entries(OWN_LOG, this.#due.first, READ_BYTES_MAX).catch(() => []);
      const jobs = groups.flatMap((group) => this.#jobsOf(group)).filter(({ index }) => this.#due.has(index));
      const answers = await Promise.all(jobs.map((job) => this.#append(job)));
      const end = groups.reduce((most, { start, count }) => Math.max(most, start + count), 0);
      if (groups.length === 0 || answers.includes(undefined)) return;
      this.#due.remove(0, end);
    }
  }

  #append(job: AgainJob): Promise<ReceiptAnswer | undefined> {
    const { committer, onMoved } = this.#options;
    return new Promise((resolve) => {
      committer.submit(job, {
        answered: (answer) => {
          this.#due.remove(job.index, job.index + 1);
          if ((answer.kind === 'appended' || answer.kind === 'known') && answer.index !== job.index)
            onMoved({ from: job.index, to: answer.index, receiptId: job.receiptId });
          resolve(answer);
        },
        // Nothing is lost: it is still due.
        failed: () => resolve(undefined),
      });
    });
  }

  /** The receipts of a group; entries of other kinds have nothing to append, and what has rotted is not appended again. */
  #jobsOf(group: Group): readonly AgainJob[] {
    const { start, count } = group;
    const items = wholeItems(group);
    if (items === undefined) this.#isRotten(`Entries from ${start} on of the own log are not whole`, start, start + count);
    return (items ?? []).flatMap((item, n): readonly AgainJob[] => {
      const read = readItem(item);
      const index = start + n;
      if (read.kind === 'unsound') this.#isRotten(`Entry ${index} of the own log is ${read.problem}`, index, index + 1);
      if (read.kind !== 'receipt') return [];
      const canonical = Uint8Array.from(item.canonical);
      return [{ from: 'again', index, receiptId: read.id, receipt: parseCanonical(canonical), canonical, digest: read.digest }];
    });
  }

  /** Of entries [start, end) those that are due are left for later. */
  #isRotten(problem: string, start: number, end: number): void {
    this.#options.rotten.tell(problem);
    for (let index = start; index < end; index += 1) if (this.#due.has(index)) this.#unread.add(index, index + 1);
  }
}
