import { Command } from 'commander';
import { BackupReader } from '../adapters/backup-stream.ts';
import { openSqliteStore, type SqliteStore } from '../adapters/store-sqlite/store.ts';
import type { ReceiptSyncClient } from '../client.ts';
import { checkedGroup } from '../log/check-group.ts';
import type { ArrivedGroup } from '../ports/arrivals.ts';
import type { NewGroup } from '../ports/log-store.ts';
import { equalBytes } from '../std/bytes.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { clientOf, print, type TargetOptions, tell } from './io.ts';
import { ProgressBar } from './progress.ts';
import { withTarget } from './target.ts';

/** Frames of one transaction: few fsyncs, little memory. */
const COMMIT_BYTES = 4 * 1024 * 1024;
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
    const { sizes } = await store.recover();
    const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    if (options.json === true) print(JSON.stringify({ region, dir, added, total }));
    else print(`${dir} holds ${total} receipts of ${region}, ${added} of them new`);
    tell('To start from it: receipt-sync serve --config FILE --set store.path=DIR, on a copy if the backup is to stay.');
  } finally {
    await store.close();
  }
}

/** Everything after what is there already. Offsets come last: they speak of entries that are here by then. */
async function copyInto(store: SqliteStore, client: ReceiptSyncClient, dir: string): Promise<number> {
  await store.recover();
  const lastSeq = await store.lastArrival();
  const reader = new BackupReader(await client.backup(Math.max(0, lastSeq - 1)));
  const { offsets, parked } = await reader.head();
  const groups = reader.groups();
  if (lastSeq > 0) await checkOverlap(store, (await groups.next()).value, { lastSeq, dir });
  using bar = new ProgressBar('backup');
  let waiting: NewGroup[] = [];
  let bytes = 0;
  let added = 0;
  for await (const arrived of groups) {
    const group = checked(arrived);
    waiting.push(group);
    bytes += group.frame.length;
    added += group.count;
    bar.show({ done: 0, total: 0, receipts: added });
    if (bytes < COMMIT_BYTES) continue;
    await store.commit({ groups: waiting, offsets: [], parked: [] });
    waiting = [];
    bytes = 0;
  }
  await store.commit({ groups: waiting, offsets, parked });
  return added;
}

/** The last group that is there must be the region's own at that place: else it is no earlier backup of this store. */
async function checkOverlap(store: SqliteStore, theirs: ArrivedGroup | undefined, at: { readonly lastSeq: number; readonly dir: string }): Promise<void> {
  const [ours] = await store.arrivals(at.lastSeq - 1, 0);
  if (ours !== undefined && theirs?.seq === ours.seq && theirs.log === ours.log && theirs.start === ours.start && equalBytes(theirs.frame, ours.frame)) return;
  throw new CommandFailure(EXIT.badData, `${at.dir} is no earlier backup of this region as it is now: name another folder`);
}

function checked(arrived: ArrivedGroup): NewGroup {
  const group = checkedGroup(arrived);
  if (group !== undefined) return group;
  const { log, start, count } = arrived;
  throw new CommandFailure(
    EXIT.badData,
    `The region holds damaged receipts: entries ${start} to ${start + count - 1} of log ${log}; what came before them is in the backup`,
  );
}
