import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { ReceiptSyncError } from '../../errors.ts';
import { recordedAt } from '../../log/entry.ts';
import { type GroupItem, groupItems } from '../../log/group.ts';
import type { LogNumber } from '../../ports/log-store.ts';
import type { ReceiptPage, ReceiptQuery, StoredReceipt } from '../../ports/receipt-index.ts';
import { parseCanonical, receiptDigest } from '../../receipt/canonical.ts';
import { equalBytes } from '../../std/bytes.ts';
import type { IndexRow } from './reader.ts';
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
    this.#arrivals = database.prepare('SELECT seq, log, start, frame FROM entry_group WHERE seq BETWEEN ? AND ? ORDER BY seq');
  }

  list(query: ReceiptQuery): ReceiptPage {
    const after = query.after === undefined ? { seq: 0, position: -1 } : parseCursor(query.after);
    const window = this.#windows.of(query);
    const receipts: StoredReceipt[] = [];
    let scanned = 0;
    let next = query.after ?? '0.0';
    for (const row of this.#arrivals.iterate(Math.max(after.seq, window.firstSeq), window.lastSeq)) {
      const group = { seq: Number(row['seq']), log: Number(row['log']), start: Number(row['start']) };
      let position = 0;
      for (const item of groupItems(frameOf(row['frame']))) {
        const at: Arrival = { seq: group.seq, position, log: group.log, index: group.start + position };
        position += 1;
        if (at.seq === after.seq && at.position <= after.position) continue;
        const receipt = this.#match(item, at, { query, window });
        if (receipt !== undefined) receipts.push(receipt);
        scanned += 1;
        next = `${at.seq}.${at.position}`;
        if (receipts.length === query.limit || scanned === ENTRIES_SCANNED_MAX) return { receipts, next, atEnd: false };
      }
    }
    return { receipts, next, atEnd: true };
  }

  /** The receipt of this item if it is wanted, and if this is where it came first: content that stands in two logs is listed once. */
  #match({ entry, canonical }: GroupItem, at: Arrival, wanted: { readonly query: ReceiptQuery; readonly window: TimeWindow }): StoredReceipt | undefined {
    if (canonical.length === 0) return undefined;
    const recorded = recordedAt(entry);
    if (recorded < wanted.window.since || recorded >= wanted.window.until) return undefined;
    const receipt = parseCanonical(canonical);
    const { transactionId } = wanted.query;
    if (transactionId !== undefined && receipt.transactionId !== transactionId) return undefined;
    const cursor = `${at.seq}.${at.position}`;
    const rows = this.#lookups.places(receipt.receiptId);
    const [row] = rows;
    if (rows.length !== 1 || row === undefined || row.log !== at.log || row.index !== at.index) {
      const stored = this.#lookups.get(receipt.receiptId);
      return stored?.cursor === cursor ? stored : undefined;
    }
    const digest = receiptDigest(canonical);
    if (!equalBytes(digest, row.digest)) throw new ReceiptSyncError('INTERNAL', 'A stored copy is damaged');
    const places = [{ log: at.log, index: at.index, recordedAt: recorded }];
    return { receipt, digest, places, recordedAt: recorded, cursor, refused: this.#lookups.refused(receipt.receiptId) };
  }
}

function parseCursor(cursor: string): { readonly seq: number; readonly position: number } {
  const [, seq, position] = /^([0-9]{1,15})\.([0-9]{1,5})$/.exec(cursor) ?? [];
  if (seq === undefined || position === undefined) throw new ReceiptSyncError('INVALID_QUERY', 'cursor must be one that a listing gave');
  return { seq: Number(seq), position: Number(position) };
}

function frameOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}
