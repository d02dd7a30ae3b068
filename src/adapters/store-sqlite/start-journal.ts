import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, truncateSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Journal } from './journal.ts';
import { type ChainedCommit, claimedStore, type JournalRecord, oldLockOf, type Standing, standingOf } from './journal-record.ts';

/** A store that was opened: whether it may be written and signed for. */
export interface StartedStore {
  readonly storeId: string;
  readonly starts: number;
  readonly forgot: string | undefined;
  /** Absent where this region has forgotten: nothing is written then. */
  readonly journal: Journal | undefined;
}

/** What the start needs of the engine. */
export interface Starting {
  readonly dataDir: string;
  readonly signs: boolean;
  /** The last commit of the database as it is now. */
  readonly last: () => ChainedCommit;
  /** Brings one commit into the database. */
  readonly replay: (record: JournalRecord) => void;
  /** Makes all that is in the database durable; throws if it can't. */
  readonly makeDurable: () => void;
}

/** Where the journal of a region that signs lies: beside the data directory, where restoring a copy of that does not reach (SPEC §2.1). */
export function lockPath(dataDir: string): string {
  return `${resolve(dataDir)}.lock`;
}

/**
 * Brings the database up to its journal, and decides the first step of SPEC §2.1: same store, lock not ahead of what can be had from
 * it. Otherwise this region remembers less than it signed, and the lock is left as it is, for it says what was signed.
 */
export function startJournal(database: DatabaseSync, starting: Starting): StartedStore {
  const { dataDir, signs, last, replay } = starting;
  const meta = metaOf(database);
  const storeId = meta.get('store_id') ?? '';
  const starts = Number(meta.get('starts') ?? 0) + 1;
  const remember = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  remember.run('starts', String(starts));
  // Made with the store, and in no journal: nobody who writes receipts can know it.
  const keyHex = meta.get('journal_key') ?? randomBytes(32).toString('hex');
  if (!meta.has('journal_key')) remember.run('journal_key', keyHex);
  const store = { storeId, key: Buffer.from(keyHex, 'hex') };
  const inside = join(dataDir, 'journal');
  const [path, other] = signs ? [lockPath(dataDir), inside] : [inside, lockPath(dataDir)];
  const hasSigned = meta.get('signed') === '1';
  // Whichever was kept before: a region may have got keys since, or lost them.
  const before = compare(other, store, last());
  for (const record of missingFrom(before)) replay(record);
  // What an older copy commits without keys would bring it past its lock: what is known now is remembered for the day it has them again.
  const why = signs || !hasSigned || meta.has('forgot') ? undefined : forgotten(before, { path: other, hasSigned });
  if (why !== undefined) remember.run('forgot', why);
  const standing = compare(path, store, last());
  const unlike = signs ? forgotten(standing, { path, hasSigned }) : undefined;
  if (unlike === undefined) for (const record of missingFrom(standing)) replay(record);
  // Only now: that a remote has shown it may be in the journal alone.
  const forgot = signs ? (metaOf(database).get('forgot') ?? unlike) : undefined;
  if (forgot !== undefined) return { storeId, starts, forgot, journal: undefined };
  // Without keys nothing was signed. A journal of another history must not be taken for ours at the next start.
  if (standing?.kind === 'forgot') truncateSync(path);
  starting.makeDurable();
  const newest = standing?.kind === 'behind' ? standing.newest : undefined;
  const journal = Journal.open(path, { ...store, ...last(), newest });
  if (signs && !hasSigned) {
    // After its lock is there: killed in between, a store that has signed would miss it for ever. And durable before anything is signed.
    remember.run('signed', '1');
    starting.makeDurable();
  }
  return { storeId, starts, forgot: undefined, journal };
}

/** `empty`: a file was made, and the process ended, or the disk was full, before anything was written to it. */
type Found = Standing | { readonly kind: 'empty' };

function missingFrom(standing: Found | undefined): readonly JournalRecord[] {
  return standing?.kind === 'behind' ? standing.missing : [];
}

function forgotten(standing: Found | undefined, lock: { readonly path: string; readonly hasSigned: boolean }): string | undefined {
  if (standing?.kind === 'empty') return lock.hasSigned ? `this store has signed, and its lock file ${lock.path} is empty` : undefined;
  if (standing?.kind === 'forgot') return standing.why;
  return standing === undefined && lock.hasSigned ? `this store has signed, and its lock file ${lock.path} is gone` : undefined;
}

function metaOf(database: DatabaseSync): ReadonlyMap<string, string> {
  const rows = database.prepare('SELECT key, value FROM meta').all();
  return new Map(rows.map((row) => [String(row['key']), String(row['value'])]));
}

/** `undefined` where there is none. */
function compare(path: string, { storeId, key }: { readonly storeId: string; readonly key: Uint8Array }, last: ChainedCommit): Found | undefined {
  const records = Journal.read(path, key);
  if (records === undefined) return undefined;
  const name = `the lock file ${path}`;
  if (records.length > 0) return standingOf(records, { ...last, name });
  const head = begin(path);
  if (head.every((byte) => byte === 0)) return { kind: 'empty' };
  const old = oldLockOf(head);
  const owner = old?.storeId ?? claimedStore(head);
  if (owner !== undefined && owner !== storeId) return { kind: 'forgot', why: `${name} names another store, ${owner}, not this one, ${storeId}` };
  if (old === undefined) return standingOf([], { ...last, name });
  if (old.number <= last.number) return { kind: 'behind', missing: [], newest: 0 };
  return { kind: 'forgot', why: `${name} knows of commit ${old.number}, this store ends with ${last.number}: it is an older copy` };
}

/** The first KiB of a file. */
function begin(path: string): Uint8Array {
  const bytes = Buffer.alloc(1_024);
  const fd = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}
