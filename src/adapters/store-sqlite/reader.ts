import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { ReceiptSyncError } from '../../errors.ts';
import { recordedAt } from '../../log/entry.ts';
import { groupItems } from '../../log/group.ts';
import type { ArrivedGroup } from '../../ports/arrivals.ts';
import type { Group, LogNumber } from '../../ports/log-store.ts';
import type { KnownReceipt, ReceiptPage, ReceiptQuery, StoredReceipt } from '../../ports/receipt-index.ts';
import { parseCanonical, receiptDigest } from '../../receipt/canonical.ts';
import { equalBytes } from '../../std/bytes.ts';
import { Lister } from './lister.ts';
import type { RareRows } from './rare-rows.ts';

/** Where an entry stands, and what is there. */
interface FoundEntry {
  readonly seq: number;
  readonly position: number;
  readonly canonical: Uint8Array;
  readonly recordedAt: bigint;
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
    this.#lister = new Lister(database, { places: (id) => this.#rows(id), get: (id) => this.get(id), refused: (id) => rare.refusedOf(id) });
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
    const rows = this.#rows(id);
    const found = rows.map((row) => this.#entry(row));
    const first = found.reduce<FoundEntry | undefined>((least, entry) => (least === undefined || isBefore(entry, least) ? entry : least), undefined);
    return first === undefined ? undefined : { ...stored(id, { rows, found, first }), refused: this.#rare.refusedOf(id) };
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

  #entry({ log, index }: IndexRow): FoundEntry {
    const row = this.#groupAt.get(log, index);
    if (row !== undefined) {
      let position = 0;
      for (const { entry, canonical } of groupItems(bytesOf(row['frame']))) {
        if (Number(row['start']) + position === index) return { seq: Number(row['seq']), position, canonical, recordedAt: recordedAt(entry) };
        position += 1;
      }
    }
    throw new ReceiptSyncError('INTERNAL', `Entry ${index} of log ${log} is in the index but not in the log`);
  }
}

/** Every copy must still have its digest: a rotten one is not served as good. */
function stored(
  id: string,
  held: { readonly rows: readonly IndexRow[]; readonly found: readonly FoundEntry[]; readonly first: FoundEntry },
): Omit<StoredReceipt, 'refused'> {
  const { rows, found, first } = held;
  const receipt = parseCanonical(first.canonical);
  const digest = receiptDigest(first.canonical);
  const isSound =
    receipt.receiptId === id && rows.every((row) => equalBytes(row.digest, digest)) && found.every((entry) => equalBytes(entry.canonical, first.canonical));
  if (!isSound) throw new ReceiptSyncError('INTERNAL', 'The stored copy of this receipt is damaged');
  const places = rows.map(({ log, index }, n) => ({ log, index, recordedAt: found[n]?.recordedAt ?? 0n }));
  return { receipt, digest, places, recordedAt: first.recordedAt, cursor: `${first.seq}.${first.position}` };
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
