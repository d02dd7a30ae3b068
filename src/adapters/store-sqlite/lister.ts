import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { ReceiptSyncError, RottenError } from '../../errors.ts';
import { isEntry, recordedAt } from '../../log/entry.ts';
import { type GroupItem, wholeItems } from '../../log/group.ts';
import { readItem } from '../../log/stored-item.ts';
import { type LogNumber, OWN_LOG, RECEIVED_LOG } from '../../ports/log-store.ts';
import type { ReceiptPage, ReceiptQuery, RottenRange, StoredReceipt } from '../../ports/receipt-index.ts';
import { checkedCanonical, parseCanonical } from '../../receipt/canonical.ts';
import { equalBytes } from '../../std/bytes.ts';
import { leafHash } from '../../tlog/hash.ts';
import { bytesOf, type IndexRow, isInTime } from './reader.ts';
import { type TimeWindow, TimeWindows } from './time-window.ts';

/** Entries looked at for one page: about 20 ms, for that long no commit waits behind a search that finds nothing. */
const ENTRIES_SCANNED_MAX = 8_192;

/** What the lister asks of the reader. */
export interface Lookups {
  places(id: string): readonly IndexRow[];
  get(id: string): StoredReceipt | undefined;
  refused(id: string): StoredReceipt['refused'];
}

/** A place in the order of arrival: the group, and the item in it. */
interface Arrival {
  readonly seq: number;
  readonly position: number;
  readonly log: LogNumber;
  readonly index: number;
}

/** Walks the receipts in order of arrival. Bounded work a page: whoever asks goes on from `next`. */
export class Lister {
  readonly #lookups: Lookups;
  readonly #windows: TimeWindows;
  readonly #arrivals: StatementSync;

  constructor(database: DatabaseSync, lookups: Lookups) {
    this.#lookups = lookups;
    this.#windows = new TimeWindows(database);
    this.#arrivals = database.prepare('SELECT seq, log, start, count, frame FROM entry_group WHERE seq BETWEEN ? AND ? ORDER BY seq');
  }

  list(query: ReceiptQuery): ReceiptPage {
    const after = query.after === undefined ? { seq: 0, position: -1 } : parseCursor(query.after);
    const window = this.#windows.of(query);
    const receipts: StoredReceipt[] = [];
    const rotten: RottenRange[] = [];
    let scanned = 0;
    let next = query.after ?? '0.0';
    for (const { at, item } of this.#from(after, window, rotten)) {
      const found = this.#match(item, at, { query, window });
      if (found === 'rotten') rotten.push({ log: at.log, first: at.index, last: at.index });
      else if (found !== undefined) receipts.push(found);
      scanned += 1;
      next = `${at.seq}.${at.position}`;
      if (receipts.length === query.limit || scanned === ENTRIES_SCANNED_MAX) return { receipts, rotten, next, atEnd: false };
    }
    return { receipts, rotten, next, atEnd: true };
  }

  /** Entries after a place in order of arrival; groups that are not whole go to `rotten`. */
  *#from(after: Pick<Arrival, 'seq' | 'position'>, window: TimeWindow, rotten: RottenRange[]): Generator<{ readonly at: Arrival; readonly item: GroupItem }> {
    for (const row of this.#arrivals.iterate(Math.max(after.seq, window.firstSeq), window.lastSeq)) {
      const { seq, log, start, count } = { seq: Number(row['seq']), log: Number(row['log']), start: Number(row['start']), count: Number(row['count']) };
      const items = wholeItems({ frame: bytesOf(row['frame']), count });
      if (items === undefined) rotten.push({ log, first: start, last: start + count - 1 });
      const done = seq === after.seq ? after.position + 1 : 0;
      for (const [n, item] of (items ?? []).slice(done).entries()) {
        const at = { seq, position: done + n, log, index: start + done + n };
        if (log !== RECEIVED_LOG || isInTime(items?.[0], item, at.position)) yield { at, item };
        else rotten.push({ log, first: at.index, last: at.index });
      }
    }
  }

  /** The receipt of this item if it is wanted, and if this is where it came first: content that stands in two logs is listed once. */
  #match(item: GroupItem, at: Arrival, wanted: { readonly query: ReceiptQuery; readonly window: TimeWindow }): StoredReceipt | 'rotten' | undefined {
    const { entry, canonical } = item;
    if (canonical.length === 0) return undefined;
    const receiptId = checkedCanonical(canonical);
    if (receiptId === undefined || !isEntry(entry)) return 'rotten';
    const recorded = recordedAt(entry);
    if (recorded < wanted.window.since || recorded >= wanted.window.until) return undefined;
    const receipt = parseCanonical(canonical);
    const { transactionId } = wanted.query;
    if (transactionId !== undefined && receipt.transactionId !== transactionId) return undefined;
    const cursor = `${at.seq}.${at.position}`;
    const rows = this.#lookups.places(receiptId);
    const [row] = rows;
    // What is not indexed here was refused, which is no rot; in these two logs nothing ever is.
    const isRefusable = at.log !== OWN_LOG && at.log !== RECEIVED_LOG;
    if (!rows.some(({ log }) => log === at.log) && !(isRefusable && readItem(item).kind === 'receipt')) return 'rotten';
    if (rows.length !== 1 || row === undefined || row.log !== at.log || row.index !== at.index) return this.#elsewhere(receiptId, cursor);
    const read = readItem(item);
    if (read.kind !== 'receipt' || !equalBytes(read.digest, row.digest)) return 'rotten';
    const place = { log: at.log, index: at.index, recordedAt: recorded, leaf: leafHash(entry) };
    const refused = soundOr('rotten', () => this.#lookups.refused(receiptId));
    return refused === 'rotten' ? refused : { receipt, digest: read.digest, places: [place], recordedAt: recorded, cursor, refused };
  }

  /** A receipt of several places, if this is the first of them. */
  #elsewhere(receiptId: string, cursor: string): StoredReceipt | 'rotten' | undefined {
    const stored = soundOr('rotten', () => this.#lookups.get(receiptId));
    return stored === 'rotten' || stored?.cursor === cursor ? stored : undefined;
  }
}

function soundOr<T, R>(otherwise: R, read: () => T): T | R {
  try {
    return read();
  } catch (error) {
    if (error instanceof RottenError) return otherwise;
    throw error;
  }
}

function parseCursor(cursor: string): { readonly seq: number; readonly position: number } {
  const [, seq, position] = /^([0-9]{1,15})\.([0-9]{1,5})$/.exec(cursor) ?? [];
  if (seq === undefined || position === undefined) throw new ReceiptSyncError('INVALID_QUERY', 'cursor must be one that a listing gave');
  return { seq: Number(seq), position: Number(position) };
}
