import { setTimeout as wait } from 'node:timers/promises';
import type { BatchItem } from '../../client/answers.ts';
import type { ReceiptSyncClient } from '../../client.ts';
import { OverloadedError, ReceiptSyncError } from '../../errors.ts';
import { CommandFailure, EXIT, type ExitCode } from '../exit.ts';
import { tell } from '../io.ts';
import { ProgressBar } from '../progress.ts';
import { printable } from '../table.ts';
import type { ImportItem, ImportSource } from './items.ts';
import { type ImportProgress, isLast, isOfRegion, readProgress, removeProgress, writeProgress } from './progress-file.ts';

/** Receipts of one request, and requests under way: enough that the sidecar is never idle. */
const BATCH_ITEMS = 2_048;
const BATCHES_IN_FLIGHT = 3;
/** A sidecar that is overloaded or whose disk is full is asked again this often before the import gives up. */
const ATTEMPTS_MAX = 8;
/** Lines about single receipts; the counts tell the rest. */
const COMPLAINTS_MAX = 20;

/** What became of the receipts of an import. */
export interface ImportCounts {
  readonly quorum: number;
  readonly known: number;
  readonly pending: number;
  readonly refused: number;
  readonly conflict: number;
  readonly invalid: number;
  /** Passed over, because an earlier run had them taken. */
  readonly skipped: number;
}

interface Batch {
  readonly items: readonly ImportItem[];
  readonly answers: Promise<readonly BatchItem[]>;
}

/** Sends everything in order, a few batches at a time; what was taken is remembered, so that the same command goes on where it stopped. */
export async function runImport(
  client: ReceiptSyncClient,
  source: ImportSource,
  options: { readonly wait: string; readonly progressFile: string | undefined },
): Promise<ImportCounts> {
  const { progressFile } = options;
  const region: string = progressFile === undefined ? '' : String(JSON.parse(await client.getStatusJson()).region);
  const progress = progressFile === undefined ? undefined : readProgress(progressFile);
  if (progress !== undefined && !isOfRegion(progress, region))
    throw new CommandFailure(EXIT.badData, `${progressFile} is of an import into ${progress.region}, not "${region}": remove it to begin anew`);
  const counts = { quorum: 0, known: 0, pending: 0, refused: 0, conflict: 0, invalid: 0, skipped: 0 };
  const underWay: Batch[] = [];
  using bar = new ProgressBar('import');
  let complaints = 0;
  const finish = async (): Promise<void> => {
    const batch = underWay.shift();
    if (batch === undefined) return;
    for (const [n, answer] of (await batch.answers).entries()) {
      const outcome = outcomeOf(answer);
      counts[outcome] += 1;
      if (outcome === 'invalid' || outcome === 'conflict' || outcome === 'refused') complaints += 1;
      if ('error' in answer && complaints <= COMPLAINTS_MAX) tell(`Item ${batch.items[n]?.number}: ${printable(answer.error.message)}`);
    }
    const last = batch.items.at(-1);
    if (last === undefined) return;
    if (progressFile !== undefined) writeProgress(progressFile, last, region);
    bar.show({ done: last.position, total: source.total, receipts: counts.quorum + counts.known + counts.pending });
  };
  for await (const items of batchesOf(source, progress, counts)) {
    // Its failure is met where the answers are awaited, in order.
    const answers = sent(client, items, options.wait);
    answers.catch(() => undefined);
    underWay.push({ items, answers });
    if (underWay.length === BATCHES_IN_FLIGHT) await finish();
  }
  while (underWay.length > 0) await finish();
  if (progressFile !== undefined) removeProgress(progressFile);
  return counts;
}

/** 65 any invalid, 1 any refused or conflict, 75 any without its quorum, else 0 (CONTRACT §3). */
export function importExit(counts: ImportCounts): ExitCode {
  if (counts.invalid > 0) return EXIT.badData;
  if (counts.refused + counts.conflict > 0) return EXIT.negative;
  return counts.pending > 0 ? EXIT.tryAgain : EXIT.ok;
}

async function* batchesOf(source: ImportSource, progress: ImportProgress | undefined, counts: { skipped: number }): AsyncGenerator<readonly ImportItem[]> {
  let batch: ImportItem[] = [];
  let lastNumber = 0;
  for await (const item of source.items()) {
    lastNumber = item.number;
    if (progress !== undefined && item.number <= progress.number) {
      counts.skipped += 1;
      if (item.number === progress.number && !isLast(progress, item)) throw anotherInput();
      continue;
    }
    batch.push(item);
    if (batch.length < BATCH_ITEMS) continue;
    yield batch;
    batch = [];
  }
  // An input that ends before the place an earlier run came to was passed over as a whole, unlooked at.
  if (progress !== undefined && lastNumber < progress.number) throw anotherInput();
  if (batch.length > 0) yield batch;
}

function anotherInput(): CommandFailure {
  return new CommandFailure(EXIT.badData, 'The progress file belongs to another input: remove it (see --progress) to begin anew');
}

/** One request, repeated while the sidecar asks for time. Repeats are safe: what it has is known there. */
async function sent(client: ReceiptSyncClient, items: readonly ImportItem[], deadline: string): Promise<readonly BatchItem[]> {
  const body = items.map(({ line }) => line).join('\n');
  for (let attempt = 1; ; attempt += 1) {
    const answers = await client.postBatch(body, { deadline });
    const failed = answers.find((answer) => 'error' in answer && isPassing(answer.error));
    if (failed === undefined && answers.length === items.length) return answers;
    if (attempt === ATTEMPTS_MAX)
      throw failed !== undefined && 'error' in failed ? failed.error : new ReceiptSyncError('UNAVAILABLE', 'The sidecar answered too little');
    await wait(Math.min(5_000, 250 * 2 ** attempt));
  }
}

function isPassing(error: ReceiptSyncError): boolean {
  return error instanceof OverloadedError || error.code === 'STORE_FAILED';
}

function outcomeOf(answer: BatchItem): Exclude<keyof ImportCounts, 'skipped'> {
  if ('error' in answer) {
    if (answer.error.code === 'RECEIPT_CONFLICT') return 'conflict';
    if (['INVALID_RECEIPT', 'INVALID_JSON', 'TOO_LARGE'].includes(answer.error.code)) return 'invalid';
    throw answer.error;
  }
  const { outcome, duplicate } = answer.result;
  if (outcome === 'quorum') return duplicate ? 'known' : 'quorum';
  return outcome === 'refused' ? 'refused' : 'pending';
}
