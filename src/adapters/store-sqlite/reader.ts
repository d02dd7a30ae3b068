import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { RottenError } from '../../errors.ts';
import { isEntry, recordedAt } from '../../log/entry.ts';
import { type GroupItem, itemAt } from '../../log/group.ts';
import { readItem } from '../../log/stored-item.ts';
import type { ArrivedGroup } from '../../ports/arrivals.ts';
import { type Group, type LogNumber, RECEIVED_LOG } from '../../ports/log-store.ts';
import type { KnownReceipt, ReceiptPage, ReceiptQuery, StoredReceipt } from '../../ports/receipt-index.ts';
import { parseCanonical } from '../../receipt/canonical.ts';
import { equalBytes } from '../../std/bytes.ts';
import { leafHash } from '../../tlog/hash.ts';
import { Lister } from './lister.ts';
import type { RareRows } from './rare-rows.ts';

/** Where an entry stands, and what is there. */
interface FoundEntry {
  readonly seq: number;
  readonly position: number;
  readonly item: GroupItem;
  readonly row: IndexRow;
}

/** A row of the index of first digests. */
export interface IndexRow {
  readonly log: LogNumber;
  readonly index: number;
  readonly digest: Uint8Array;
}

/** The store's reading half, in the worker. Sees what is committed. */
export class Reader {
  readonly #places: StatementSync;
  readonly #groupAt: StatementSync;
  readonly #groupsFrom: StatementSync;
  readonly #arrivals: StatementSync;
  readonly #lastArrival: StatementSync;
  readonly #tile: StatementSync;
  readonly #rare: RareRows;
  readonly #lister: Lister;

  constructor(database: DatabaseSync, rare: RareRows) {
    this.#rare = rare;
    this.#arrivals = database.prepare('SELECT seq, log, start, count, frame FROM entry_group WHERE seq > ? ORDER BY seq');
    this.#tile = database.prepare('SELECT hashes FROM tile WHERE log = ? AND level = ? AND idx = ?');
    this.#lastArrival = database.prepare('SELECT coalesce(max(seq), 0) AS seq FROM entry_group');
    this.#lister = new Lister(database, { places: (id) => this.#rows(id), get: (id) => this.get(id), refused: (id) => this.#refused(id) });
    this.#places = database.prepare('SELECT log, idx, digest FROM receipt WHERE id = ? ORDER BY log');
    this.#groupAt = database.prepare('SELECT seq, log, start, count, frame FROM entry_group WHERE log = ? AND start <= ? ORDER BY start DESC LIMIT 1');
    this.#groupsFrom = database.prepare(`SELECT seq, log, start, count, frame FROM entry_group WHERE log = ?1 AND start >=
      coalesce((SELECT max(start) FROM entry_group WHERE log = ?1 AND start <= ?2), ?2) ORDER BY start`);
  }

  /** Only of ids that are known, with their position: most of the time there are none. */
  find(ids: readonly string[]): readonly (readonly [number, KnownReceipt])[] {
    const found: (readonly [number, KnownReceipt])[] = [];
    for (const [n, id] of ids.entries()) {
      const rows = this.#rows(id);
      if (rows[0] !== undefined) found.push([n, { digest: rows[0].digest, places: rows.map(({ log, index }) => ({ log, index })) }]);
    }
    return found;
  }

  get(id: string): StoredReceipt | undefined {
    const found = this.#rows(id).map((row) => this.#entry(row));
    const first = found.reduce<FoundEntry | undefined>((least, entry) => (least === undefined || isBefore(entry, least) ? entry : least), undefined);
    return first === undefined ? undefined : { ...stored(id, found, first), refused: this.#refused(id) };
  }

  list(query: ReceiptQuery): ReceiptPage {
    return this.#lister.list(query);
  }

  lastArrival(): number {
    return Number(this.#lastArrival.get()?.['seq']);
  }

  arrivals(afterSeq: number, bytesMax: number): readonly ArrivedGroup[] {
    const groups: ArrivedGroup[] = [];
    let bytes = 0;
    for (const row of this.#arrivals.iterate(afterSeq)) {
      const group = { ...groupOf(row), seq: Number(row['seq']) };
      bytes += group.frame.length;
      if (groups.length > 0 && bytes > bytesMax) break;
      groups.push(group);
    }
    return groups;
  }

  entries(log: LogNumber, from: number, bytesMax: number): readonly Group[] {
    const groups: Group[] = [];
    let bytes = 0;
    for (const row of this.#groupsFrom.iterate(log, from)) {
      const group = groupOf(row);
      if (group.start + group.count <= from) continue;
      bytes += group.frame.length;
      if (groups.length > 0 && bytes > bytesMax) break;
      groups.push(group);
    }
    return groups;
  }

  /** A full tile's hashes. */
  tile(log: LogNumber, level: number, index: number): Uint8Array | undefined {
    const row = this.#tile.get(log, level, index);
    return row === undefined ? undefined : bytesOf(row['hashes']);
  }

  #rows(id: string): readonly IndexRow[] {
    const rows = this.#places.all(id).map((row) => ({ log: Number(row['log']), index: Number(row['idx']), digest: bytesOf(row['digest']) }));
    const [first] = rows;
    const further = first === undefined ? [] : this.#rare.furtherPlaces(id);
    if (first === undefined || further.length === 0) return rows;
    return [...rows, ...further.map((place) => ({ ...place, digest: first.digest }))].sort((a, b) => a.log - b.log || a.index - b.index);
  }

  /** Other contents under the id, each still the one that stands at its place. */
  #refused(id: string): StoredReceipt['refused'] {
    const refused = this.#rare.refusedOf(id);
    for (const row of refused) {
      const read = readItem(this.#entry(row).item);
      if (read.kind !== 'receipt' || read.id !== id || !equalBytes(read.digest, row.digest))
        throw new RottenError(`What is refused under this id is damaged: entry ${row.index} of log ${row.log}`);
    }
    return refused;
  }

  #entry(row: IndexRow): FoundEntry {
    const { log, index } = row;
    const found = this.#groupAt.get(log, index);
    const group = { frame: bytesOf(found?.['frame']), count: Number(found?.['count'] ?? 0) };
    const position = index - Number(found?.['start']);
    const item = itemAt(group, position);
    if (found === undefined || item === undefined) throw new RottenError(`Entry ${index} of log ${log} is in the index but not in the log`);
    if (log === RECEIVED_LOG && !isInTime(itemAt(group, 0), item, position))
      throw new RottenError(`The time of entry ${index} of log ${log} is not that of its group`);
    return { seq: Number(found['seq']), position, item, row };
  }
}

/** Every copy must still be what its entry commits to: a rotten one is not served as good. */
function stored(id: string, found: readonly FoundEntry[], first: FoundEntry): Omit<StoredReceipt, 'refused'> {
  const { canonical, entry } = first.item;
  for (const { item, row } of found) {
    const read = readItem(item);
    if (read.kind !== 'receipt' || read.id !== id || !equalBytes(read.digest, row.digest) || !equalBytes(item.canonical, canonical))
      throw new RottenError(`The stored copy of this receipt is damaged: entry ${row.index} of log ${row.log}`);
  }
  const places = found.map(({ item, row }) => ({ log: row.log, index: row.index, recordedAt: recordedAt(item.entry), leaf: leafHash(item.entry) }));
  const cursor = `${first.seq}.${first.position}`;
  return { receipt: parseCanonical(canonical), digest: first.row.digest, places, recordedAt: recordedAt(entry), cursor };
}

/** Entries of a group that was made here follow each other by 1; the received log has no tree that would say so. */
export function isInTime(first: GroupItem | undefined, item: GroupItem, position: number): boolean {
  if (first === undefined || !isEntry(first.entry) || !isEntry(item.entry)) return false;
  return recordedAt(item.entry) === recordedAt(first.entry) + BigInt(position);
}

function isBefore(a: FoundEntry, b: FoundEntry): boolean {
  return a.seq < b.seq || (a.seq === b.seq && a.position < b.position);
}

function groupOf(row: Readonly<Record<string, unknown>>): Group {
  return { log: Number(row['log']), start: Number(row['start']), count: Number(row['count']), frame: bytesOf(row['frame']) };
}

/** A blob column. */
export function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}
