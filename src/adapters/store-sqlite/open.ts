import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { InvalidConfigError, StoreFailedError } from '../../errors.ts';
import { migrate } from './migrate.ts';
import { resultCode, SQLITE_BUSY } from './result-codes.ts';
import { APPLICATION_ID, SCHEMA, SCHEMA_VERSION } from './schema.ts';

/** Pages of 4 KiB kept in memory: the upper levels of the id index of some five million receipts; what is beyond comes from the page cache of the system. */
const CACHE_KIB = 16_384;

/** Whose data directory it is, and the random id that a new one gets. */
export interface StoreIdentity {
  readonly dataDir: string;
  readonly region: string;
  readonly cluster: string;
  readonly newStoreId: string;
  /** Does this region sign? Then its lock file is kept (SPEC §2.1). */
  readonly signs: boolean;
}

/** A data directory that is ours alone as long as `lock` is open. */
export interface OpenedDirectory {
  readonly database: DatabaseSync;
  readonly lock: DatabaseSync;
}

/**
 * Opens `dataDir`, made if it is not there. Refuses, without touching a byte: a directory in use by another process, a file that
 * is not ours, one of a newer version, one of another region or cluster.
 */
export function openDirectory(identity: StoreIdentity): OpenedDirectory {
  makeDurably(resolve(identity.dataDir));
  const lock = takeLock(join(identity.dataDir, 'lock.db'));
  try {
    const path = join(identity.dataDir, 'receipts.db');
    if (isNew(path)) create(path, identity);
    return { database: openOurs(path, identity), lock };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/**
 * mkdir -p whose result survives a power cut: a new name is durable once its directory is fsynced. One level at a time: Node's own
 * `recursive` never returns where a file system has the parent and takes no new names, as /proc.
 */
function makeDurably(directory: string): void {
  if (existsSync(directory)) return;
  const parent = dirname(directory);
  if (parent !== directory) makeDurably(parent);
  mkdirSync(directory, { mode: 0o700 });
  syncDirectory(directory);
  syncDirectory(parent);
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** An exclusive transaction for life: a second process gets SQLITE_BUSY, and SIGKILL releases it. */
function takeLock(path: string): DatabaseSync {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if ((resultCode(error) & 0xff) !== SQLITE_BUSY) throw new StoreFailedError(`Can't lock ${path}`, { cause: error, untilRestart: true });
    throw new StoreFailedError(`The data directory ${dirname(path)} is in use by another process`, { cause: error, untilRestart: true });
  }
}

/** True if there is no file, false if there is one that is ours; any other is refused. Reads the header without SQLite, which might repair it. */
function isNew(path: string): boolean {
  const header = Buffer.alloc(100);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) return true;
  const fd = openSync(path, 'r');
  try {
    readSync(fd, header, 0, 100, 0);
  } finally {
    closeSync(fd);
  }
  // https://sqlite.org/fileformat2.html#the_database_header
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0' || header.readUInt32BE(68) !== APPLICATION_ID)
    throw refused(`${path} is no store of receipt-sync; it was left as it is`);
  const version = header.readUInt32BE(60);
  if (version > SCHEMA_VERSION)
    throw refused(`${path} was written by a newer receipt-sync (format ${version}, this one reads ${SCHEMA_VERSION}); it was left as it is`);
  return false;
}

/** Made whole under another name and then renamed: there is never half a store under ours. */
function create(path: string, identity: StoreIdentity): void {
  const draft = `${path}.new`;
  for (const suffix of ['', '-journal']) rmSync(draft + suffix, { force: true });
  const database = new DatabaseSync(draft);
  database.exec('PRAGMA synchronous = FULL');
  database.exec(`BEGIN; ${SCHEMA} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
  const remember = database.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
  database.exec('BEGIN');
  for (const [key, value] of [
    ['store_id', identity.newStoreId],
    ['region', identity.region],
    ['cluster', identity.cluster],
  ] as const)
    remember.run(key, value);
  database.exec('COMMIT');
  database.close();
  renameSync(draft, path);
  syncDirectory(dirname(path));
}

function openOurs(path: string, identity: StoreIdentity): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // NORMAL: a commit is durable by our own journal, and the WAL is fsynced before it is moved into the database (docs/decisions/0011).
    // Exclusive before WAL: the WAL index is kept in memory, and no -shm file can run out of disk under a mapping.
    database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;`);
    database.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF`);
    const meta = new Map(
      database
        .prepare('SELECT key, value FROM meta')
        .all()
        .map((row) => [String(row['key']), String(row['value'])]),
    );
    for (const key of ['region', 'cluster'] as const) {
      const held = meta.get(key) ?? '';
      // A region that had no need of a cluster's name may be given one; it keeps it.
      if (key === 'cluster' && held === '') database.prepare("UPDATE meta SET value = ? WHERE key = 'cluster'").run(identity.cluster);
      else if (held !== identity[key]) throw refused(`${dirname(path)} holds the receipts of ${key} "${held}", not of "${identity[key]}"`);
    }
    migrate(database, Number(database.prepare('PRAGMA user_version').get()?.['user_version']));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function refused(message: string): InvalidConfigError {
  return new InvalidConfigError([{ path: 'store.path', message }]);
}
