import { InvalidJsonError, InvalidReceiptError, ReceiptConflictError, ReceiptSyncError } from '../errors.ts';
import { canonicalBytes, receiptDigest } from '../receipt/canonical.ts';
import { parseReceipt } from '../receipt/parse.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { receiptFromJson, receiptJson } from '../receipt/wire.ts';
import { toHex } from '../std/bytes.ts';
import { type OutboxHandle, querySqlite, type Row, type SyncSqlite } from './handle.ts';

const INSERT = 'INSERT INTO receipt_sync_outbox (receipt_id, receipt) VALUES ($1, $2) ON CONFLICT (receipt_id) DO NOTHING RETURNING seq';
const HELD = 'SELECT receipt FROM receipt_sync_outbox WHERE receipt_id = $1';
/** Each further attempt needs a poller that took the row between two of our statements, and a writer that brought it back. */
const WRITE_ATTEMPTS_MAX = 5;

/**
 * The table, to be made once by the application's own migrations: two processes that make it at the same moment may meet
 * PostgreSQL's unique violation, `IF NOT EXISTS` or not. The receipt is the JSON of the wire: a u64 has no column type
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
  for (let attempt = 0; attempt < WRITE_ATTEMPTS_MAX; attempt += 1) {
    if ((await handle.query(INSERT, [checked.receiptId, receiptJson(checked)])).length > 0) return;
    const [held] = await handle.query(HELD, [checked.receiptId]);
    // No row any more: it was handed over in between, and says nothing of this content. So this one is written.
    if (held === undefined) continue;
    checkSame(checked, held);
    return;
  }
  throw unsettled(checked);
}

/** {@link writeReceipt} on a synchronous SQLite connection: nothing else can come between its statements and the caller's. */
export function writeReceiptSync(database: SyncSqlite, receipt: Receipt): void {
  const checked = parseReceipt(receipt);
  for (let attempt = 0; attempt < WRITE_ATTEMPTS_MAX; attempt += 1) {
    if (querySqlite(database, INSERT, [checked.receiptId, receiptJson(checked)]).length > 0) return;
    const [held] = querySqlite(database, HELD, [checked.receiptId]);
    if (held === undefined) continue;
    checkSame(checked, held);
    return;
  }
  throw unsettled(checked);
}

function checkSame(receipt: Receipt, row: Row): void {
  const held = digestOf(receiptFromJson(column(row, 'receipt')));
  const offered = digestOf(receipt);
  if (held !== offered) throw new ReceiptConflictError(receipt.receiptId, { held, offered });
}

function unsettled({ receiptId }: Receipt): ReceiptSyncError {
  return new ReceiptSyncError('UNAVAILABLE', `The outbox row of receipt ${receiptId} comes and goes: repeat the transaction`);
}

/** Never guessed: a handle that names columns in another way must not make every content "the same". */
function column(row: Row, name: string): string {
  const value = row[name];
  if (value === undefined || value === null) throw new ReceiptSyncError('INTERNAL', `The outbox handle gave a row without its column ${name}`);
  return String(value);
}

function digestOf(receipt: Receipt): string {
  return toHex(receiptDigest(canonicalBytes(receipt)));
}

/** A row that waits; one that somebody else wrote there may hold no receipt. */
export interface WaitingRow {
  readonly seq: string;
  readonly receipt: Receipt | InvalidReceiptError | InvalidJsonError;
}

/**
 * The first rows that wait, in the order of their numbers, but for those in `except`. A row with a lower number may still appear
 * later: its transaction was longer.
 */
export async function waitingRows(handle: OutboxHandle, limit: number, except: readonly string[]): Promise<readonly WaitingRow[]> {
  // On a connection shared with the application (SQLite) this would show receipts that may be rolled back.
  if (handle.isInTransaction?.() === true) return [];
  const others = except.length === 0 ? '' : ` AND seq NOT IN (${places(except.length)})`;
  const sql = `SELECT seq, receipt FROM receipt_sync_outbox WHERE set_aside IS NULL${others} ORDER BY seq LIMIT $${except.length + 1}`;
  const rows = await handle.query(sql, [...except.map(Number), limit]);
  return rows.map((row) => ({ seq: column(row, 'seq'), receipt: receiptOf(column(row, 'receipt')) }));
}

function places(count: number): string {
  return Array.from({ length: count }, (_, n) => `$${n + 1}`).join(', ');
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
  // RETURNING, here and below: better-sqlite3 has `all` only for statements that answer with rows.
  await handle.query(`DELETE FROM receipt_sync_outbox WHERE seq IN (${places(seqs.length)}) RETURNING seq`, seqs.map(Number));
}

/** A row that can never be handed over stays, with the reason, and is in nobody's way. */
export async function setAside(handle: OutboxHandle, seq: string, reason: string): Promise<void> {
  await handle.query('UPDATE receipt_sync_outbox SET set_aside = $1 WHERE seq = $2 RETURNING seq', [reason, Number(seq)]);
}

/** How an outbox stands. */
export interface OutboxStatus {
  readonly waiting: number;
  /** As the database writes its time; `undefined` where none waits. */
  readonly oldest: string | undefined;
  /** How many rows the sidecar refuses for good: what an alarm is made of. */
  readonly setAsideCount: number;
  /** The first hundred of them: somebody must look. */
  readonly setAside: readonly { readonly receiptId: string; readonly reason: string }[];
}

/** Rows set aside that are shown. */
const SET_ASIDE_SHOWN = 100;

/** How many wait, since when, and what was set aside: for a health page and its alarms. */
export async function outboxStatus(handle: OutboxHandle): Promise<OutboxStatus> {
  // Columns of one word: Kysely's CamelCasePlugin renames the others.
  const [row = {}] = await handle.query(
    `SELECT count(*) - count(set_aside) AS waiting, count(set_aside) AS aside,
       CAST(min(CASE WHEN set_aside IS NULL THEN created_at END) AS text) AS oldest FROM receipt_sync_outbox`,
    [],
  );
  const aside = await handle.query('SELECT receipt_id AS id, set_aside AS reason FROM receipt_sync_outbox WHERE set_aside IS NOT NULL ORDER BY seq LIMIT $1', [
    SET_ASIDE_SHOWN,
  ]);
  const oldest = row['oldest'];
  return {
    waiting: Number(column(row, 'waiting')),
    oldest: typeof oldest === 'string' ? oldest : undefined,
    setAsideCount: Number(column(row, 'aside')),
    setAside: aside.map((one) => ({ receiptId: column(one, 'id'), reason: column(one, 'reason') })),
  };
}
