import { Command } from 'commander';
import { BackupReader } from '../adapters/backup-stream.ts';
import { openSqliteStore, type SqliteStore } from '../adapters/store-sqlite/store.ts';
import type { ReceiptSyncClient } from '../client.ts';
import { InvalidEvidenceError } from '../errors.ts';
import { type CheckedFrame, checkFrame } from '../log/batch.ts';
import { appendChecked } from '../log/decide-batch.ts';
import { growTree } from '../log/growth.ts';
import { headOf, recoveredHeads } from '../log/heads.ts';
import { Turn } from '../log/turn.ts';
import type { ArrivedGroup } from '../ports/arrivals.ts';
import { NO_CHANGES } from '../ports/log-store.ts';
import { equalBytes } from '../std/bytes.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { clientOf, print, type TargetOptions, tell } from './io.ts';
import { ProgressBar } from './progress.ts';
import { withTarget } from './target.ts';

/** Frames of one transaction: few fsyncs, little memory. */
const COMMIT_BYTES = 2 * 1024 * 1024;
/** Beyond every place there can be: asks for the head alone. */
const NOTHING_AFTER = 999_999_999_999_999;

type BackupOptions = TargetOptions & { readonly json?: true };

/** `backup DIR`: a data directory like the running region's, checked receipt by receipt. */
export function backupCommand(): Command {
  return withTarget(new Command('backup'))
    .description('Copy the running region into DIR, a data directory to start from. Run again, it adds what came since.')
    .argument('<dir>', 'where to; made if it is not there')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'beforeAll',
      'Examples:\n  receipt-sync backup /backups/us-east-1\n  receipt-sync serve --config config.yaml --set store.path=/backups/us-east-1   # restore\n',
    )
    .action((dir: string, options: BackupOptions) => backup(dir, options));
}

async function backup(dir: string, options: BackupOptions): Promise<void> {
  await using client = await clientOf(options);
  const { region, cluster } = await new BackupReader(await client.backup(NOTHING_AFTER)).head();
  const store = await openSqliteStore({ dataDir: dir, region, cluster });
  try {
    const added = await copyInto(store, client, dir);
    const { logs } = await store.recover();
    const total = [...logs.values()].reduce((sum, { size, others }) => sum + size - others, 0);
    if (options.json === true) print(JSON.stringify({ region, dir, added, total }));
    else print(`${dir} holds ${total} receipts of ${region}, ${added} of them new`);
    tell('To start from it: receipt-sync serve --config FILE --set store.path=DIR, on a copy if the backup is to stay.');
  } finally {
    await store.close();
  }
}

/** Everything after what is there already. Offsets and notes come last: they speak of entries that are here by then. */
async function copyInto(store: SqliteStore, client: ReceiptSyncClient, dir: string): Promise<number> {
  const before = await store.recover();
  const lastSeq = await store.lastArrival();
  const reader = new BackupReader(await client.backup(Math.max(0, lastSeq - 1)));
  const { region, signs, offsets, parked, mirrored, notes, kept = [], refusals = [] } = await reader.head();
  const groups = reader.groups();
  if (lastSeq > 0) await checkOverlap(store, (await groups.next()).value, { lastSeq, dir });
  const news = mirrored.filter(({ log }) => before.logs.get(log)?.origin === undefined);
  // What the region signs after this copy is not in it: started in its place, it must sign nothing (SPEC §2.1), and half a copy neither.
  const forgot = signs || mirrored.length > 0 ? ['this store is a backup, and knows nothing of what was signed after it'] : [];
  await store.commit({ ...NO_CHANGES, mirrored: news, forgot });
  using bar = new ProgressBar('backup');
  let turn = new Turn(region, recoveredHeads((await store.recover()).logs), new Map());
  let bytes = 0;
  let added = 0;
  const write = async (): Promise<void> => {
    await store.commit({ ...NO_CHANGES, ...turn.written() });
    turn = new Turn(region, turn.heads, new Map());
    bytes = 0;
  };
  for await (const arrived of groups) {
    added += await take(store, turn, arrived);
    bytes += arrived.frame.length;
    bar.show({ done: 0, total: 0, receipts: added });
    if (bytes >= COMMIT_BYTES) await write();
  }
  await write();
  await store.commit({ ...NO_CHANGES, offsets, parked, notes, kept, refusals });
  return added;
}

/** Adds a group to the turn, checked entry by entry; what another content came first for is refused here as it was there. Returns its receipts. */
async function take(store: SqliteStore, turn: Turn, arrived: ArrivedGroup): Promise<number> {
  const checked = checkedFrame(arrived);
  const ids = checked.items.flatMap(({ receipt }) => (receipt === undefined ? [] : [receipt.id]));
  const known = await store.find(ids);
  for (const [n, id] of ids.entries()) {
    const found = known[n];
    if (found !== undefined && !turn.known.has(id)) turn.known.set(id, found);
  }
  const { edge } = headOf(turn.heads, arrived.log);
  const { log, frame } = arrived;
  appendChecked(turn, { log, frame, items: checked.items }, edge === undefined ? undefined : growTree(log, edge, checked.leaves));
  return ids.length;
}

/** The last group that is there must be the region's own at that place: else it is no earlier backup of this store. */
async function checkOverlap(store: SqliteStore, theirs: ArrivedGroup | undefined, at: { readonly lastSeq: number; readonly dir: string }): Promise<void> {
  const [ours] = await store.arrivals(at.lastSeq - 1, 0);
  if (ours !== undefined && theirs?.seq === ours.seq && theirs.log === ours.log && theirs.start === ours.start && equalBytes(theirs.frame, ours.frame)) return;
  throw new CommandFailure(EXIT.badData, `${at.dir} is no earlier backup of this region as it is now: name another folder`);
}

function checkedFrame(arrived: ArrivedGroup): CheckedFrame {
  const { log, start, count } = arrived;
  try {
    return checkFrame(arrived);
  } catch (error) {
    if (!(error instanceof InvalidEvidenceError)) throw error;
    throw new CommandFailure(
      EXIT.badData,
      `The region holds damaged receipts: entries ${start} to ${start + count - 1} of log ${log} (${error.message}); what came before them is in the backup`,
    );
  }
}
