import { accessSync, closeSync, constants, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Finding, fail, ok, warn } from './finding.ts';

const MIB = 1024 * 1024;
/** Below this there is room for hours at a few receipts a second, not for a busy day. */
const FREE_MIB_WARN = 1_024;
const FREE_MIB_MIN = 64;
const FSYNCS = 30;
/** Every group of receipts waits for one: above this a region is slow, above that something is wrong with the disk. */
const FSYNC_MS_WARN = 10;
const FSYNC_MS_MAX = 200;

/** Folder, lock, space, and how long an fsync takes where the receipts will lie. */
export function storeChecks(path: string): readonly Finding[] {
  const folder = nearestFolder(path);
  const findings = [permissions(path, folder), lock(path), ...space(folder)];
  return findings.some(({ check, level }) => check === 'store' && level === 'fail') ? findings : [...findings, fsyncTime(folder)];
}

/** Is a process of ours using this data directory? */
export function isInUse(path: string): boolean {
  if (statSync(join(path, 'lock.db'), { throwIfNoEntry: false }) === undefined) return false;
  try {
    using database = new DatabaseSync(join(path, 'lock.db'), { timeout: 0, readOnly: true });
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch {
    // SQLITE_BUSY above all; whatever else, it can not be read beside a `serve` either.
    return true;
  }
}

function nearestFolder(path: string): string {
  let folder = path;
  while (statSync(folder, { throwIfNoEntry: false }) === undefined && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function permissions(path: string, folder: string): Finding {
  const stat = statSync(folder);
  if (!stat.isDirectory()) return fail('store', `${folder} is no folder`, 'Set store.path to a folder, or move that file away');
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    // The one thing access() says is no.
    return fail(
      'store',
      `${folder} can not be written by this user`,
      `chown it to the user that runs serve (uid ${process.getuid?.() ?? '?'} here), or set store.path elsewhere`,
    );
  }
  if (folder !== path) return ok('store', `${path} will be made at the first start`);
  const openTo = stat.mode & 0o077;
  if (openTo !== 0) return warn('store', `${path} may be read by other users (mode ${(stat.mode & 0o777).toString(8)})`, `chmod 700 ${path}`);
  return ok('store', `${path} is writable, and nobody else's`);
}

function lock(path: string): Finding {
  return isInUse(path) ? ok('lock', 'a serve process is using the store') : ok('lock', 'no process is using the store');
}

function space(folder: string): readonly Finding[] {
  const { bavail, bsize, type } = statfsSync(folder);
  const freeMib = Math.floor((bavail * bsize) / MIB);
  const fix = 'Make room, or set store.path on a larger disk: a receipt takes about 1 KB in each region';
  const memory = TMPFS_TYPES.has(type)
    ? [fail('disk', `${folder} is in memory (tmpfs): receipts there are gone at the next boot`, 'Set store.path on a disk')]
    : [];
  if (freeMib < FREE_MIB_MIN) return [fail('disk', `only ${freeMib} MiB are free`, fix), ...memory];
  if (freeMib < FREE_MIB_WARN) return [warn('disk', `only ${freeMib} MiB are free`, fix), ...memory];
  return [ok('disk', `${freeMib.toLocaleString('en')} MiB are free`), ...memory];
}

/** statfs(2): TMPFS_MAGIC, RAMFS_MAGIC. */
const TMPFS_TYPES: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** The median of some, measured as the store writes: 4 KiB at the end of a file, then fdatasync. */
function fsyncTime(folder: string): Finding {
  const own = mkdtempSync(join(folder, '.doctor-'));
  try {
    const fd = openSync(join(own, 'fsync'), 'w');
    const times = Array.from({ length: FSYNCS }, () => {
      writeSync(fd, Buffer.alloc(4_096));
      const start = performance.now();
      fdatasyncSync(fd);
      return performance.now() - start;
    });
    closeSync(fd);
    return fsyncFinding(times.sort((a, b) => a - b)[FSYNCS / 2] ?? 0);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function fsyncFinding(ms: number): Finding {
  const detail = `an fsync of 4 KiB takes ${ms.toFixed(2)} ms (median of ${FSYNCS})`;
  const fix = 'Every acknowledgement waits for one: use a local SSD with power-loss protection, not a network disk';
  if (ms > FSYNC_MS_MAX) return fail('fsync', detail, fix);
  if (ms > FSYNC_MS_WARN) return warn('fsync', detail, fix);
  if (ms < 0.01)
    return warn(
      'fsync',
      `${detail}: too quick to be true`,
      'This disk may not keep what it says it has: check for eatmydata, nobarrier, or a write cache that lies',
    );
  return ok('fsync', detail);
}

/** Secrets that others can read are none. */
export function secretFile(check: string, path: string): Finding {
  try {
    if ((readFileSync(path, 'utf8').split(/\r?\n/, 1)[0] ?? '').trim() === '')
      return fail(check, `the first line of ${path} is empty`, 'Write the token there');
    const mode = statSync(path).mode & 0o077;
    return mode === 0 ? ok(check, `${path} is readable by this user alone`) : warn(check, `${path} may be read by others`, `chmod 600 ${path}`);
  } catch (error) {
    return fail(
      check,
      `${path} can not be read: ${error instanceof Error && 'code' in error ? error.code : error}`,
      'Make it, with the token in its first line, readable by this user',
    );
  }
}
