import type { DatabaseSync } from 'node:sqlite';
import { StoreFailedError } from '../../errors.ts';
import { ALARM_KINDS, ALARMS_KEPT, type AlarmRecord } from '../../log/alarm.ts';
import { recordedAt } from '../../log/entry.ts';
import { wholeItems } from '../../log/group.ts';
import type { LogNumber, RecoveredLog } from '../../ports/log-store.ts';
import { concatBytes, equalBytes } from '../../std/bytes.ts';
import { append, type Edge, EMPTY_EDGE, edgeOf, rootOf } from '../../tlog/edge.ts';
import { HASH_BYTES, leafHash } from '../../tlog/hash.ts';
import { TILE_HEIGHT, TILE_WIDTH, TileNodes, tileWidth } from '../../tlog/tile.ts';
import { logClaims } from './claims.ts';
import { bytesOf } from './reader.ts';

/** Reads what a region starts with. Throws StoreFailedError where the parts of the store do not fit each other. */
export function recoverLogs(database: DatabaseSync): ReadonlyMap<LogNumber, RecoveredLog> {
  const lastGroup = database.prepare('SELECT start + count AS size FROM entry_group WHERE log = ? ORDER BY start DESC LIMIT 1');
  const logs = new Map<LogNumber, RecoveredLog>();
  for (const { root, ...claim } of logClaims(database)) {
    const { log, size } = claim;
    const end = Number(lastGroup.get(log)?.['size'] ?? 0);
    if (end !== size) throw damaged(`Log ${log} has ${size} entries by its size and ${end} by its groups`);
    if (size > 0 && lastTime(database, log) !== claim.lastRecordedAt)
      throw damaged(`The time of the last entry of log ${log} is not the one that is stored with it`);
    const hasTree = root !== undefined || claim.origin !== undefined;
    logs.set(log, { ...claim, edge: hasTree ? recoverEdge(database, { log, size, root }) : undefined });
  }
  return logs;
}

interface RootedLog {
  readonly log: LogNumber;
  readonly size: number;
  readonly root: Uint8Array | undefined;
}

/**
 * The right edge, checked against the root that was stored with it: from the newest entries and the tiles; where these do not lead there, a tile has rotted or an
 * entry, and the entries alone are asked, all of them, some 3 µs each.
 */
function recoverEdge(database: DatabaseSync, log: RootedLog): Edge {
  const edge = rooted(edgeOfTiles(database, log), log) ?? rooted(edgeOfEntries(database, log.log), log);
  if (edge === undefined) throw damaged(`The entries and tiles of log ${log.log} do not lead to its stored root`);
  return edge;
}

function rooted(edge: Edge | undefined, { size, root }: RootedLog): Edge | undefined {
  if (edge?.size !== size) return undefined;
  return root === undefined || equalBytes(rootOf(edge), root) ? edge : undefined;
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

function edgeOfTiles(database: DatabaseSync, { log, size }: RootedLog): Edge | undefined {
  const partials: Uint8Array[] = [];
  for (let level = 0; TILE_WIDTH ** level <= size; level += 1) {
    const index = Math.floor(size / TILE_WIDTH ** (level + 1));
    const width = tileWidth(size, level, index);
    const first = index * TILE_WIDTH;
    partials.push(level === 0 ? lastLeaves(database, { log, size }, width) : tileRoots(database, { log, level: level - 1, first, count: width }));
  }
  return edgeOf(size, partials);
}

function edgeOfEntries(database: DatabaseSync, log: LogNumber): Edge | undefined {
  let edge = EMPTY_EDGE;
  for (const row of database.prepare('SELECT start, count, frame FROM entry_group WHERE log = ? ORDER BY start').iterate(log)) {
    const items = wholeItems({ frame: bytesOf(row['frame']), count: Number(row['count']) });
    if (items === undefined || Number(row['start']) !== edge.size) return undefined;
    ({ edge } = append(edge, concatBytes(items.map(({ entry }) => leafHash(entry)))));
  }
  return edge;
}

function lastLeaves(database: DatabaseSync, { log, size }: { readonly log: LogNumber; readonly size: number }, width: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = size;
  for (const row of database.prepare('SELECT start, count, frame FROM entry_group WHERE log = ? ORDER BY start DESC').iterate(log)) {
    if (size - from >= width) break;
    from = Number(row['start']);
    const items = wholeItems({ frame: bytesOf(row['frame']), count: Number(row['count']) }) ?? [];
    parts.unshift(concatBytes(items.map(({ entry }) => leafHash(entry))));
  }
  const leaves = concatBytes(parts);
  return leaves.subarray(Math.max(0, leaves.length - width * HASH_BYTES));
}

function lastTime(database: DatabaseSync, log: LogNumber): bigint | undefined {
  const row = database.prepare('SELECT count, frame FROM entry_group WHERE log = ? ORDER BY start DESC LIMIT 1').get(log);
  const last = wholeItems({ frame: bytesOf(row?.['frame']), count: Number(row?.['count']) })?.at(-1);
  return last === undefined ? undefined : recordedAt(last.entry);
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

function damaged(message: string): StoreFailedError {
  return new StoreFailedError(message, { untilRestart: true });
}
