import { InvalidJsonError, InvalidReceiptError, ReceiptConflictError } from '../errors.ts';
import { canonicalBytes, receiptDigest } from '../receipt/canonical.ts';
import { parseReceipt } from '../receipt/parse.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { receiptFromJson, receiptJson } from '../receipt/wire.ts';
import { toHex } from '../std/bytes.ts';
import { type OutboxHandle, querySqlite, type Row, type SyncSqlite } from './handle.ts';

const INSERT = 'INSERT INTO receipt_sync_outbox (receipt_id, receipt) VALUES ($1, $2) ON CONFLICT (receipt_id) DO NOTHING RETURNING seq';
const HELD = 'SELECT receipt FROM receipt_sync_outbox WHERE receipt_id = $1';

/**
 * The table, to be made once by the application's own migrations. The receipt is the JSON of the wire: a u64 has no column type
 * in either database, and what the sidecar gets is then what the transaction wrote, byte for byte.
 */
export function outboxSchema(dialect: OutboxHandle['dialect']): string {
  const seq = dialect === 'postgres' ? 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY' : 'INTEGER PRIMARY KEY AUTOINCREMENT';
  const createdAt = dialect === 'postgres' ? 'timestamptz NOT NULL DEFAULT clock_timestamp()' : "TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";
  return `CREATE TABLE IF NOT EXISTS receipt_sync_outbox (
  seq ${seq},
  receipt_id text NOT NULL UNIQUE,
  receipt text NOT NULL,
  created_at ${createdAt},
  set_aside text
)`;
}

/**
 * Writes a receipt in the caller's transaction: it is handed over if and only if that commits. The same receipt twice is one row;
 * another content under an id that waits is RECEIPT_CONFLICT (after it was handed over, the sidecar finds that out and the row is
 * set aside). Throws InvalidReceiptError; a failed statement is the driver's error.
 */
export async function writeReceipt(handle: OutboxHandle, receipt: Receipt): Promise<void> {
  const checked = parseReceipt(receipt);
  const inserted = await handle.query(INSERT, [checked.receiptId, receiptJson(checked)]);
  if (inserted.length === 0) checkSame(checked, await handle.query(HELD, [checked.receiptId]));
}

/** {@link writeReceipt} on a synchronous SQLite connection: nothing else can come between its statements and the caller's. */
export function writeReceiptSync(database: SyncSqlite, receipt: Receipt): void {
  const checked = parseReceipt(receipt);
  const inserted = querySqlite(database, INSERT, [checked.receiptId, receiptJson(checked)]);
  if (inserted.length === 0) checkSame(checked, querySqlite(database, HELD, [checked.receiptId]));
}

function checkSame(receipt: Receipt, rows: readonly Row[]): void {
  const held = rows[0]?.['receipt'];
  const offered = digestOf(receipt);
  const known = typeof held === 'string' ? digestOf(receiptFromJson(held)) : offered;
  if (known !== offered) throw new ReceiptConflictError(receipt.receiptId, { held: known, offered });
}

function digestOf(receipt: Receipt): string {
  return toHex(receiptDigest(canonicalBytes(receipt)));
}

/** A row that waits; one that somebody else wrote there may hold no receipt. */
export interface WaitingRow {
  readonly seq: string;
  readonly receipt: Receipt | InvalidReceiptError | InvalidJsonError;
}

/** The first rows that wait, in the order of their numbers. A row with a lower number may still appear later: its transaction was longer. */
export async function waitingRows(handle: OutboxHandle, limit: number): Promise<readonly WaitingRow[]> {
  const rows = await handle.query('SELECT seq, receipt FROM receipt_sync_outbox WHERE set_aside IS NULL ORDER BY seq LIMIT $1', [limit]);
  return rows.map((row) => ({ seq: String(row['seq']), receipt: receiptOf(String(row['receipt'])) }));
}

function receiptOf(json: string): WaitingRow['receipt'] {
  try {
    return receiptFromJson(json);
  } catch (error) {
    if (error instanceof InvalidReceiptError || error instanceof InvalidJsonError) return error;
    throw error;
  }
}

/** Exactly these rows, never "all up to": a transaction that committed late has a lower number. */
export async function removeRows(handle: OutboxHandle, seqs: readonly string[]): Promise<void> {
  if (seqs.length === 0) return;
  const places = seqs.map((_, n) => `$${n + 1}`).join(', ');
  await handle.query(`DELETE FROM receipt_sync_outbox WHERE seq IN (${places})`, seqs.map(Number));
}

/** A row that can never be handed over stays, with the reason, and is in nobody's way. */
export async function setAside(handle: OutboxHandle, seq: string, reason: string): Promise<void> {
  await handle.query('UPDATE receipt_sync_outbox SET set_aside = $1 WHERE seq = $2', [reason, Number(seq)]);
}

/** How an outbox stands. */
export interface OutboxStatus {
  readonly waiting: number;
  /** As the database writes its time; `undefined` where none waits. */
  readonly oldest: string | undefined;
  /** Rows that the sidecar refuses for good: somebody must look at them. */
  readonly setAside: readonly { readonly receiptId: string; readonly reason: string }[];
}

/** Rows set aside that are shown; the count of all is what alarms are made of. */
const SET_ASIDE_SHOWN = 100;

/** How many wait, since when, and what was set aside: for a health page and its alarms. */
export async function outboxStatus(handle: OutboxHandle): Promise<OutboxStatus> {
  const [waiting] = await handle.query(
    'SELECT count(*) AS waiting, CAST(min(created_at) AS text) AS oldest FROM receipt_sync_outbox WHERE set_aside IS NULL',
    [],
  );
  const aside = await handle.query('SELECT receipt_id, set_aside FROM receipt_sync_outbox WHERE set_aside IS NOT NULL ORDER BY seq LIMIT $1', [
    SET_ASIDE_SHOWN,
  ]);
  const oldest = waiting?.['oldest'];
  return {
    waiting: Number(waiting?.['waiting'] ?? 0),
    oldest: typeof oldest === 'string' ? oldest : undefined,
    setAside: aside.map((row) => ({ receiptId: String(row['receipt_id']), reason: String(row['set_aside']) })),
  };
}
