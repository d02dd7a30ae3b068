import { Command } from 'commander';
import type { BatchItem } from '../client/answers.ts';
import { InvalidReceiptError } from '../errors.ts';
import { receiptFromJson, receiptJson, receiptsFromJsonArray, startsArray } from '../receipt/wire.ts';
import { utf8Text } from '../std/bytes.ts';
import { durationMs } from '../std/duration.ts';
import { CommandFailure, EXIT, type ExitCode } from './exit.ts';
import { clientOf, goOnUnread, print, readBytes, type TargetOptions } from './io.ts';
import { printable } from './table.ts';
import { withTarget } from './target.ts';

/** Lines in one request: an answer every so often, and bounded memory on both sides. */
const BATCH_LINES = 4_096;
const ARRAY_ITEMS_MAX = 1_000_000;

/** `put FILE|-`: receipts as a JSON object, an array, or ndjson. */
export function putCommand(): Command {
  return withTarget(new Command('put'))
    .description('Sync receipts from a file. Exit: 0 all have their quorum, 65 any invalid, 1 any refused or conflict, else 75.')
    .argument('<file>', 'a JSON object, an array, or ndjson; - is stdin')
    .option('--json', 'print each result as a line of JSON')
    .option('--wait <duration>', 'how long to wait for the quorum, at most 60s', '5s')
    .addHelpText('beforeAll', 'Examples:\n  receipt-sync put receipt.json\n  receipt-sync put - < receipts.ndjson\n')
    .action(async (file: string, options: TargetOptions & { readonly json?: true; readonly wait: string }) => {
      if (durationMs(options.wait) === undefined) throw new CommandFailure(EXIT.usage, '--wait must be a duration such as 5s');
      const batches = batchesOf(textOf(await readBytes(file)));
      goOnUnread();
      await using client = await clientOf(options);
      const codes = new Set<ExitCode>();
      for (const batch of batches) {
        for (const item of await client.postBatch(batch.join('\n'), { deadline: options.wait })) {
          print(options.json === true ? jsonOf(item) : lineOf(item));
          codes.add(codeOf(item));
        }
      }
      process.exitCode = [EXIT.badData, EXIT.negative, EXIT.tryAgain].find((code) => codes.has(code)) ?? EXIT.ok;
    });
}

/** Bytes that are no UTF-8 must not become another receipt by being repaired. */
function textOf(bytes: Uint8Array): string {
  const text = utf8Text(bytes);
  if (text === undefined) throw new CommandFailure(EXIT.badData, 'The input is not UTF-8: nothing was sent');
  return text;
}

/** The input as ndjson lines: an array's items and a pretty-printed object become one line each. */
function batchesOf(input: string): readonly (readonly string[])[] {
  const lines = startsArray(input) ? arrayLines(input) : isOneValue(input) ? [receiptJson(receiptFromJson(input))] : input.split('\n');
  const kept = lines.filter((line) => line.trim() !== '');
  return Array.from({ length: Math.ceil(kept.length / BATCH_LINES) }, (_, n) => kept.slice(n * BATCH_LINES, (n + 1) * BATCH_LINES));
}

function arrayLines(input: string): readonly string[] {
  return receiptsFromJsonArray(input, ARRAY_ITEMS_MAX).map((item) => {
    if (item instanceof InvalidReceiptError) throw item;
    return receiptJson(item);
  });
}

/** Is the whole input one JSON value, perhaps over several lines? Then it is not ndjson. */
function isOneValue(input: string): boolean {
  try {
    JSON.parse(input);
    return input.trim().includes('\n');
  } catch {
    return false;
  }
}

function jsonOf(item: BatchItem): string {
  if ('result' in item) {
    const { certificate: _, ...fields } = item.result;
    return JSON.stringify({ status: item.status, ...fields });
  }
  return JSON.stringify({ status: item.status, code: item.error.code, message: item.error.message });
}

function lineOf(item: BatchItem): string {
  if ('error' in item) return `error ${item.error.code}: ${printable(item.error.message)}`;
  const { receiptId, outcome, syncedRegions, totalRegions, pending } = item.result;
  return `${outcome} ${printable(JSON.stringify(receiptId))}: ${syncedRegions}/${totalRegions} regions${pending.length === 0 ? '' : `, pending: ${pending.join(', ')}`}`;
}

function codeOf(item: BatchItem): ExitCode {
  if ('result' in item) return item.result.outcome === 'quorum' ? EXIT.ok : item.result.outcome === 'refused' ? EXIT.negative : EXIT.tryAgain;
  if (item.error.code === 'RECEIPT_CONFLICT') return EXIT.negative;
  return ['INVALID_RECEIPT', 'INVALID_JSON', 'TOO_LARGE'].includes(item.error.code) ? EXIT.badData : EXIT.tryAgain;
}
