import pg from 'pg';
import { ReceiptSyncClient } from '../../src/client.ts';
import { OutboxPoller, pgHandle, writeReceipt } from '../../src/outbox.ts';
import { receiptOf } from '../receipts.ts';

/**
 * An application: commits payment and receipt in one transaction, over several connections, and polls its outbox. It is killed at
 * any moment and started again; what it had committed it finds in its own table, as a real one would.
 */
const [databaseUrl = '', sidecarUrl = '', total = '0', pauseMs = '0'] = process.argv.slice(2);
const CONNECTIONS = 4;

const pool = new pg.Pool({ connectionString: databaseUrl, max: CONNECTIONS + 1 });
const client = new ReceiptSyncClient(sidecarUrl);
const poller = new OutboxPoller({ handle: pgHandle(pool), target: client, batchMax: 100, idleMs: 20 });
poller.start();

/** This life of the application: a receipt of a payment that a kill rolled back tells itself apart from the one paid later. */
const LIFE = process.pid;
/** So often a payment is given up after its receipt was written. */
const UNDONE_EVERY = 10;

async function pay(connection: pg.PoolClient, n: number): Promise<void> {
  if (n % UNDONE_EVERY === 0) await write(connection, n, { receiptId: `undone-${n}`, end: 'ROLLBACK' });
  await write(connection, n, { receiptId: `rec-payment-${n}`, end: 'COMMIT' });
}

async function write(connection: pg.PoolClient, n: number, { receiptId, end }: { readonly receiptId: string; readonly end: string }): Promise<void> {
  await connection.query('BEGIN');
  const { rowCount } = await connection.query('INSERT INTO payment VALUES ($1, $2) ON CONFLICT DO NOTHING', [n, LIFE]);
  // A payment that stood there before had its receipt written with it.
  if (rowCount === 1) await writeReceipt(pgHandle(connection), receiptOf(n, { receiptId, ticks: LIFE }));
  await connection.query(end);
}

async function work(first: number): Promise<void> {
  const connection = await pool.connect();
  const done = new Set((await connection.query('SELECT id FROM payment')).rows.map(({ id }) => Number(id)));
  for (let n = first; n < Number(total); n += CONNECTIONS) {
    if (done.has(n)) continue;
    await pay(connection, n);
    // So that payments go on as long as the kills do.
    await new Promise((resolve) => setTimeout(resolve, Number(pauseMs)));
  }
  connection.release();
}

await Promise.all(Array.from({ length: CONNECTIONS }, (_, n) => work(n)));
process.send?.('paid');
// The poller goes on until the test ends this process.
