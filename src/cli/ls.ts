import { Command } from 'commander';
import { durationMs } from '../std/duration.ts';
import { rfc3339, rfc3339Ms } from '../std/time.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { clientOf, print, type TargetOptions, tell } from './io.ts';
import { table } from './table.ts';
import { withTarget } from './target.ts';

interface ListOptions extends TargetOptions {
  readonly transaction?: string;
  readonly state?: string;
  readonly since?: string;
  readonly until?: string;
  readonly after?: string;
  readonly limit: string;
  readonly json?: true;
}

const LIMIT_MAX = 1_000_000;
const PAGE_MAX = 1_000;

/** `ls`: receipts in order of arrival. */
export function lsCommand(): Command {
  return withTarget(new Command('ls'))
    .description('List receipts in order of arrival.')
    .option('--transaction <id>', 'only this transaction')
    .option('--state <state>', 'only pending, quorum, conflict, refused, received or disabled')
    .option('--since <time>', 'recorded at this time or later: RFC 3339, or a duration ago (1h)')
    .option('--until <time>', 'recorded before this time')
    .option('--after <cursor>', 'go on after this place (an earlier listing names it)')
    .option('--limit <n>', 'at most so many', '100')
    .option('--json', 'print each receipt as a line of JSON')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync ls --state pending\n  receipt-sync ls --transaction tx-456 --json\n  receipt-sync ls --since 1h --limit 1000\n',
    )
    .action((options: ListOptions) => ls(options));
}

async function ls(options: ListOptions): Promise<void> {
  const { transaction, state, after, json } = options;
  if (!/^[1-9][0-9]{0,6}$/.test(options.limit) || Number(options.limit) > LIMIT_MAX)
    throw new CommandFailure(EXIT.usage, `--limit must be a whole number from 1 to ${LIMIT_MAX}`);
  const filter = { transactionId: transaction, state, since: timeOf('--since', options.since), until: timeOf('--until', options.until) };
  await using client = await clientOf(options);
  const rows: string[][] = [];
  let left = Number(options.limit);
  let next = after;
  let rotten = 0;
  do {
    const page = await client.listReceipts({ ...filter, after: next }, Math.min(left, PAGE_MAX));
    for (const { receipt, state: stands, recordedAt, json: text } of page.receipts) {
      if (json === true) print(text);
      else rows.push([receipt.receiptId, receipt.transactionId, stands, recordedAt]);
    }
    left -= page.receipts.length;
    rotten += page.rotten;
    next = page.next;
  } while (left > 0 && next !== undefined);
  if (json !== true) printTable(rows);
  if (rotten > 0) {
    tell('Some of what is stored there has rotted, and was left out: look with receipt-sync receipts verify-chain');
    process.exitCode = EXIT.io;
  }
  if (next !== undefined) tell(`There is more: receipt-sync ls --after ${next}`);
}

function printTable(rows: readonly (readonly string[])[]): void {
  if (rows.length === 0) {
    tell('No receipt fits.');
    return;
  }
  const columns = [{ head: 'RECEIPT', shrinkTo: 20 }, { head: 'TRANSACTION', shrinkTo: 12 }, { head: 'STATE' }, { head: 'RECORDED' }];
  for (const line of table(columns, rows)) print(line);
}

/** RFC 3339 as it is; a duration is so long ago. */
export function timeOf(flag: string, text: string | undefined): string | undefined {
  if (text === undefined || rfc3339Ms(text) !== undefined) return text;
  const ago = durationMs(text);
  if (ago === undefined) throw new CommandFailure(EXIT.usage, `${flag} must be a time such as 2026-01-31T12:00:00Z, or a duration such as 1h`);
  return rfc3339(Math.max(0, Date.now() - ago));
}
