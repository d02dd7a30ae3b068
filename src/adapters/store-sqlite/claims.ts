import type { DatabaseSync } from 'node:sqlite';
import { unionOf } from '../../log/refused-lines.ts';
import type { LogClaim, StoreClaims } from '../../ports/audited-store.ts';
import { type KeptNote, type KeptText, type LogNumber, OWN_LOG, type ParkedReceipt, type RemoteCosigned, type RemoteOffset } from '../../ports/log-store.ts';
import { bytesOf } from './reader.ts';
import { COMMIT_NUMBER } from './schema.ts';

/** Faults of the structure that are told one by one. */
const FAULTS_MAX = 100;

/** What the store says of each log, as it lies there. */
export function logClaims(database: DatabaseSync): readonly LogClaim[] {
  return database
    .prepare('SELECT log, size, last_recorded_at, root, origin, others FROM log WHERE log <> ?')
    .all(COMMIT_NUMBER)
    .map((row) => {
      const log = Number(row['log']);
      return {
        log,
        size: Number(row['size']),
        lastRecordedAt: unsigned(row['last_recorded_at']),
        origin: row['origin'] === null ? undefined : String(row['origin']),
        root: row['root'] === null ? undefined : bytesOf(row['root']),
        texts: textsOf(database, log),
        others: Number(row['others']),
        refused: refusedOf(database, log),
        joined: log === OWN_LOG ? joinedRanges(database) : [],
        certified: certifiedOf(database, log),
        kept: keptOf(database, log),
      };
    });
}

/** Everything an audit starts from. Clean pages are dropped, so that reads after this come from the file. */
export function storeClaims(database: DatabaseSync): StoreClaims {
  database.exec('PRAGMA shrink_memory');
  return { logs: logClaims(database), cosigned: remoteCosigned(database) };
}

/** Where the newest entries begin: groups back from the last one until there are so many. */
export function newestEntries(database: DatabaseSync, count: number): ReadonlyMap<LogNumber, number> {
  const firsts = new Map<LogNumber, number>();
  let left = count;
  for (const row of database.prepare('SELECT log, start, count FROM entry_group ORDER BY seq DESC').iterate()) {
    if (left <= 0) break;
    const entries = Number(row['count']);
    firsts.set(Number(row['log']), Number(row['start']) + Math.max(0, entries - left));
    left -= entries;
  }
  return firsts;
}

/** SQLite's own check of pages, trees and indexes (https://sqlite.org/pragma.html#pragma_integrity_check). */
export function structureFaults(database: DatabaseSync): readonly string[] {
  return database
    .prepare(`PRAGMA integrity_check(${FAULTS_MAX})`)
    .all()
    .flatMap((row) => (row['integrity_check'] === 'ok' ? [] : String(row['integrity_check']).split('\n')));
}

/** Offsets of the plain protocol. */
export function remoteOffsets(database: DatabaseSync): readonly RemoteOffset[] {
  const rows = database.prepare('SELECT region, idx FROM remote_offset').all();
  return rows.map((row) => ({ region: String(row['region']), offset: Number(row['idx']) }));
}

/** What the remotes have cosigned of the own log. */
export function remoteCosigned(database: DatabaseSync): readonly RemoteCosigned[] {
  const rows = database.prepare('SELECT region, size, note FROM remote_cosigned').all();
  return rows.map((row) => ({ region: String(row['region']), size: Number(row['size']), note: String(row['note']) }));
}

/** Receipts that plain remotes have refused for good. */
export function parkedReceipts(database: DatabaseSync): readonly ParkedReceipt[] {
  return database.prepare('SELECT region, idx, status, code, message, at_ms FROM parked').all().map(parkedOf);
}

function textsOf(database: DatabaseSync, log: LogNumber): LogClaim['texts'] {
  const rows = database.prepare('SELECT size, hash, at_s, note FROM cosigned_text WHERE log = ? ORDER BY size, slot').all(log);
  return rows.map((row) => ({ log, size: Number(row['size']), hash: String(row['hash']), atS: Number(row['at_s']), note: String(row['note']) }));
}

/** Joined as they were told: a row may touch others, or lie within one. */
function refusedOf(database: DatabaseSync, log: LogNumber): LogClaim['refused'] {
  const rows = database.prepare('SELECT region, first, last FROM refusal WHERE log = ?').all(log);
  return unionOf(rows.map((row) => ({ region: String(row['region']), first: Number(row['first']), last: Number(row['last']) })));
}

function joinedRanges(database: DatabaseSync): LogClaim['joined'] {
  const rows = database.prepare('SELECT region, first, last FROM joined_range').all();
  return rows.map((row) => ({ region: String(row['region']), first: Number(row['first']), last: Number(row['last']) }));
}

function keptOf(database: DatabaseSync, log: LogNumber): readonly KeptText[] {
  const rows = database.prepare('SELECT slot, size, note FROM kept_text WHERE log = ? ORDER BY slot').all(log);
  return rows.map((row) => ({ log, slot: Number(row['slot']), size: Number(row['size']), note: String(row['note']) }));
}

function certifiedOf(database: DatabaseSync, log: LogNumber): KeptNote | undefined {
  const row = database.prepare('SELECT size, note FROM certified WHERE log = ?').get(log);
  return row === undefined ? undefined : { log, size: Number(row['size']), note: String(row['note']) };
}

function parkedOf(row: Readonly<Record<string, unknown>>): ParkedReceipt {
  return {
    region: String(row['region']),
    index: Number(row['idx']),
    status: Number(row['status']),
    code: row['code'] === 'CONFLICT' ? 'CONFLICT' : 'REFUSED',
    message: String(row['message']),
    atMs: Number(row['at_ms']),
  };
}

/** Decimal text as it was written; what is none any more is a time that no entry has. */
function unsigned(text: unknown): bigint {
  return /^[0-9]{1,20}$/.test(String(text)) ? BigInt(String(text)) : -1n;
}
