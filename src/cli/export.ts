import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { Command } from 'commander';
import { fieldsOf, type ListedReceipt, listedOf } from '../client/answers.ts';
import type { ReceiptFilter, ReceiptSyncClient } from '../client.ts';
import { receiptJson } from '../receipt/wire.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { exportRange } from './export-range.ts';
import { clientOf, type TargetOptions, tell } from './io.ts';
import { timeOf } from './ls.ts';
import { ProgressBar } from './progress.ts';
import { withTarget } from './target.ts';

interface ExportOptions extends TargetOptions {
  readonly format: string;
  readonly transaction?: string;
  readonly since?: string;
  readonly until?: string;
  readonly certified?: true;
  readonly origin?: string;
}

/** The end of a file in which its last line is looked for: a line is far shorter. */
const TAIL_BYTES = 256 * 1024;

/** `export`: receipts as ndjson; into a file it goes on where an earlier run stopped. */
export function exportCommand(): Command {
  return withTarget(new Command('export'))
    .description('Write receipts as ndjson, in order of arrival. Into a file that is there already it goes on after its last receipt.')
    .argument('[file]', 'where to; - is stdout', '-')
    .option('--format <format>', 'ndjson', 'ndjson')
    .option('--transaction <id>', 'only this transaction')
    .option('--since <time>', 'recorded at this time or later: RFC 3339, or a duration ago (1h)')
    .option('--until <time>', 'recorded before this time')
    .option('--certified', 'all receipts of one log between --since and --until, with the proof that they are all (verify FILE)')
    .option('--origin <region>', 'with --certified: the region whose log is meant')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync export receipts.ndjson\n  receipt-sync export - | gzip > receipts.ndjson.gz\n  receipt-sync export --certified --origin us-east-1 --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z november.range\n',
    )
    .action((file: string, options: ExportOptions) => exportReceipts(file, options));
}

async function exportReceipts(file: string, options: ExportOptions): Promise<void> {
  if (options.format !== 'ndjson') throw new CommandFailure(EXIT.usage, '--format must be ndjson');
  if (options.certified === true) return exportRange(file, spanOf(options), options);
  if (options.origin !== undefined) throw new CommandFailure(EXIT.usage, '--origin goes with --certified');
  const filter = { transactionId: options.transaction, since: timeOf('--since', options.since), until: timeOf('--until', options.until) };
  await using client = await clientOf(options);
  const count = file === '-' ? await toStdout(client, filter) : await toFile(client, filter, file);
  tell(`Exported ${count} receipts.`);
}

function spanOf({ origin, since, until, transaction }: ExportOptions): Parameters<typeof exportRange>[1] {
  const span = { origin, since: timeOf('--since', since), until: timeOf('--until', until) };
  if (span.origin === undefined || span.since === undefined || span.until === undefined)
    throw new CommandFailure(EXIT.usage, '--certified needs --origin, --since and --until');
  if (transaction !== undefined)
    throw new CommandFailure(EXIT.usage, 'What is proved to be complete is a whole log in a time: --transaction can not narrow it');
  return { origin: span.origin, since: span.since, until: span.until };
}

/** What a receipt is and where it came first: nothing that changes later, so that two exports of one moment are the same bytes. */
function exportLine({ receipt, digest, recordedAt, region }: ListedReceipt): string {
  return `${receiptJson(receipt, { digest, region_id: region, recorded_at: recordedAt })}\n`;
}

async function toStdout(client: ReceiptSyncClient, filter: ReceiptFilter): Promise<number> {
  let count = 0;
  for await (const listed of client.receipts(filter)) {
    count += 1;
    if (!process.stdout.write(exportLine(listed))) await once(process.stdout, 'drain');
  }
  return count;
}

async function toFile(client: ReceiptSyncClient, filter: ReceiptFilter, path: string): Promise<number> {
  await using file = await openOutput(path);
  const after = await resumeAt(client, file, path);
  using bar = new ProgressBar('export');
  let count = 0;
  let lines: string[] = [];
  const flush = async (): Promise<void> => {
    if (lines.length > 0) await written(path, file.appendFile(lines.join('')));
    lines = [];
  };
  for await (const listed of client.receipts({ ...filter, after })) {
    lines.push(exportLine(listed));
    count += 1;
    if (lines.length === 1_000) await flush();
    bar.show({ done: 0, total: 0, receipts: count });
  }
  await flush();
  // A pipe or a device has nothing to sync.
  if ((await file.stat()).isFile()) await written(path, file.sync());
  return count;
}

function openOutput(path: string): Promise<FileHandle> {
  return open(path, 'a+').catch((error: unknown) => {
    throw new CommandFailure(EXIT.io, `Can't write ${path}`, { cause: error });
  });
}

function written<T>(path: string, done: Promise<T>): Promise<T> {
  return done.catch((error: unknown) => {
    throw new CommandFailure(EXIT.io, `Can't write ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
}

/** The place after the last whole line; half a line is cut off. `undefined`: the beginning. */
async function resumeAt(client: ReceiptSyncClient, file: FileHandle, path: string): Promise<string | undefined> {
  const { size } = await file.stat();
  if (size === 0) return undefined;
  const start = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
  const bytes = buffer.subarray(0, bytesRead);
  const end = bytes.lastIndexOf(0x0a) + 1;
  const line = bytes.toString('utf8', 0, end).trimEnd().split('\n').at(-1) ?? '';
  const cursor = line === '' ? undefined : await cursorOf(client, line);
  // Half a line is ours to cut only if what stands before it is ours, or it begins as ours do.
  if (cursor === undefined && (start + end > 0 || !bytes.toString('utf8').startsWith('{"receipt_id":'.slice(0, bytesRead)))) throw notOurs(path);
  await file.truncate(start + end);
  if (cursor !== undefined) tell(`Goes on after the last receipt of ${path}.`);
  return cursor;
}

/** Of a line that an export of this region has written: another region's order is another one, and going on in it would leave receipts out. */
async function cursorOf(client: ReceiptSyncClient, line: string): Promise<string | undefined> {
  const { receipt_id: id, region_id: region, digest } = fieldsOf(line);
  const text = typeof id === 'string' ? await client.getReceiptJson(id) : undefined;
  if (text === undefined) return undefined;
  const listed = listedOf(text);
  return listed.region === region && listed.digest === digest ? listed.cursor : undefined;
}

function notOurs(path: string): CommandFailure {
  return new CommandFailure(EXIT.badData, `The last line of ${path} is no receipt of this region: export into another file, or move this one away`);
}
