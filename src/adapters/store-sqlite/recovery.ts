import type { DatabaseSync } from 'node:sqlite';
import { StoreFailedError } from '../../errors.ts';
import { ALARM_KINDS, ALARMS_KEPT, type AlarmRecord } from '../../log/alarm.ts';
import { frameLeaves } from '../../log/growth.ts';
import { unionOf } from '../../log/refused-lines.ts';
import {
  type KeptNote,
  type KeptText,
  type LogNumber,
  OWN_LOG,
  type ParkedReceipt,
  type RecoveredLog,
  type RemoteCosigned,
  type RemoteOffset,
} from '../../ports/log-store.ts';
import { concatBytes, equalBytes } from '../../std/bytes.ts';
import { type Edge, edgeOf, rootOf } from '../../tlog/edge.ts';
import { HASH_BYTES } from '../../tlog/hash.ts';
import { TILE_HEIGHT, TILE_WIDTH, TileNodes, tileWidth } from '../../tlog/tile.ts';
import { bytesOf } from './reader.ts';
import { COMMIT_NUMBER } from './schema.ts';

/** Reads what a region starts with. Throws StoreFailedError where the parts of the store do not fit each other. */
export function recoverLogs(database: DatabaseSync): ReadonlyMap<LogNumber, RecoveredLog> {
  const lastGroup = database.prepare('SELECT start + count AS size FROM entry_group WHERE log = ? ORDER BY start DESC LIMIT 1');
  const logs = new Map<LogNumber, RecoveredLog>();
  for (const row of database.prepare('SELECT log, size, last_recorded_at, root, origin, others FROM log WHERE log <> ?').all(COMMIT_NUMBER)) {
    const log = Number(row['log']);
    const size = Number(row['size']);
    const end = Number(lastGroup.get(log)?.['size'] ?? 0);
    if (end !== size) throw damaged(`Log ${log} has ${size} entries by its size and ${end} by its groups`);
    const hasTree = row['root'] !== null || row['origin'] !== null;
    logs.set(log, {
      size,
      lastRecordedAt: BigInt(String(row['last_recorded_at'])),
      origin: row['origin'] === null ? undefined : String(row['origin']),
      edge: hasTree ? recoverEdge(database, { log, size, root: row['root'] === null ? undefined : bytesOf(row['root']) }) : undefined,
      texts: textsOf(database, log),
      others: Number(row['others']),
      refused: refusedOf(database, log),
      joined: log === OWN_LOG ? joinedRanges(database) : [],
      certified: certifiedOf(database, log),
      kept: keptOf(database, log),
    });
  }
  return logs;
}

/** Offsets of the plain protocol. */
export function recoverOffsets(database: DatabaseSync): readonly RemoteOffset[] {
  const rows = database.prepare('SELECT region, idx FROM remote_offset').all();
  return rows.map((row) => ({ region: String(row['region']), offset: Number(row['idx']) }));
}

/** What the remotes have cosigned of the own log. */
export function recoverCosigned(database: DatabaseSync): readonly RemoteCosigned[] {
  const rows = database.prepare('SELECT region, size, note FROM remote_cosigned').all();
  return rows.map((row) => ({ region: String(row['region']), size: Number(row['size']), note: String(row['note']) }));
}

/** Receipts that plain remotes have refused for good. */
export function recoverParked(database: DatabaseSync): readonly ParkedReceipt[] {
  return database.prepare('SELECT region, idx, status, code, message, at_ms FROM parked').all().map(parkedOf);
}

/** Alarms that wait for an operator, and the newest of those that were acknowledged. */
export function recoverAlarms(database: DatabaseSync): readonly AlarmRecord[] {
  const rows = database.prepare('SELECT * FROM alarm WHERE acknowledged_at_ms IS NULL OR id > (SELECT max(id) FROM alarm) - ? ORDER BY id').all(ALARMS_KEPT);
  return rows.flatMap((row): readonly AlarmRecord[] => {
    // A kind that only a later version raises stays in the table until that version reads it again.
    const alarm = ALARM_KINDS.find((kind) => kind === row['kind']);
    if (alarm === undefined) return [];
    return [
      {
        id: Number(row['id']),
        alarm,
        region: String(row['region']),
        subject: String(row['subject']),
        message: String(row['message']),
        notes: JSON.parse(String(row['notes'])),
        evidence: row['evidence'] === null ? undefined : String(row['evidence']),
        raisedAtMs: Number(row['raised_at_ms']),
        acknowledged: row['acknowledged_at_ms'] === null ? undefined : { atMs: Number(row['acknowledged_at_ms']), reason: String(row['reason']) },
      },
    ];
  });
}

/** The right edge from the newest entries and the tiles, checked against the root that was stored with them. */
function recoverEdge(database: DatabaseSync, log: { readonly log: LogNumber; readonly size: number; readonly root: Uint8Array | undefined }): Edge {
  const { size, root } = log;
  const partials: Uint8Array[] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level += 1) {
    const index = Math.floor(size / TILE_WIDTH ** (level + 1));
    const width = tileWidth(size, level, index);
    partials.push(
      level === 0 ? lastLeaves(database, log, width) : tileRoots(database, { log: log.log, level: level - 1, first: index * TILE_WIDTH, count: width }),
    );
  }
  const edge = edgeOf(size, partials);
  if (edge === undefined || (root !== undefined && !equalBytes(rootOf(edge), root)))
    throw damaged(`The entries and tiles of log ${log.log} do not lead to its stored root`);
  return edge;
}

function lastLeaves(database: DatabaseSync, { log, size }: { readonly log: LogNumber; readonly size: number }, width: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = size;
  for (const row of database.prepare('SELECT start, count, frame FROM entry_group WHERE log = ? ORDER BY start DESC').iterate(log)) {
    if (size - from >= width) break;
    from = Number(row['start']);
    parts.unshift(frameLeaves(bytesOf(row['frame']), Number(row['count'])));
  }
  const leaves = concatBytes(parts);
  return leaves.subarray(leaves.length - width * HASH_BYTES);
}

function tileRoots(
  database: DatabaseSync,
  wanted: { readonly log: LogNumber; readonly level: number; readonly first: number; readonly count: number },
): Uint8Array {
  const { log, level, first, count } = wanted;
  const rows = database
    .prepare('SELECT hashes FROM tile WHERE log = ? AND level = ? AND idx >= ? AND idx < ? ORDER BY idx')
    .all(log, level, first, first + count);
  return concatBytes(rows.map((row) => new TileNodes(bytesOf(row['hashes'])).node(TILE_HEIGHT, 0) ?? new Uint8Array()));
}

function textsOf(database: DatabaseSync, log: LogNumber): RecoveredLog['texts'] {
  const rows = database.prepare('SELECT size, hash, at_s, note FROM cosigned_text WHERE log = ? ORDER BY size, slot').all(log);
  return rows.map((row) => ({ log, size: Number(row['size']), hash: String(row['hash']), atS: Number(row['at_s']), note: String(row['note']) }));
}

/** Joined as they were told: a row may touch others, or lie within one. */
function refusedOf(database: DatabaseSync, log: LogNumber): RecoveredLog['refused'] {
  const rows = database.prepare('SELECT region, first, last FROM refusal WHERE log = ?').all(log);
  return unionOf(rows.map((row) => ({ region: String(row['region']), first: Number(row['first']), last: Number(row['last']) })));
}

function certifiedOf(database: DatabaseSync, log: LogNumber): KeptNote | undefined {
  const row = database.prepare('SELECT size, note FROM certified WHERE log = ?').get(log);
  return row === undefined ? undefined : { log, size: Number(row['size']), note: String(row['note']) };
}

function joinedRanges(database: DatabaseSync): RecoveredLog['joined'] {
  const rows = database.prepare('SELECT region, first, last FROM joined_range').all();
  return rows.map((row) => ({ region: String(row['region']), first: Number(row['first']), last: Number(row['last']) }));
}

function keptOf(database: DatabaseSync, log: LogNumber): readonly KeptText[] {
  const rows = database.prepare('SELECT slot, size, note FROM kept_text WHERE log = ? ORDER BY slot').all(log);
  return rows.map((row) => ({ log, slot: Number(row['slot']), size: Number(row['size']), note: String(row['note']) }));
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

function damaged(message: string): StoreFailedError {
  return new StoreFailedError(message, { untilRestart: true });
}
