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

async function pay(connection: pg.PoolClient, n: number): Promise<void> {
  await connection.query('BEGIN');
  const { rowCount } = await connection.query('INSERT INTO payment VALUES ($1) ON CONFLICT DO NOTHING', [n]);
  // A payment that stood there before had its receipt written with it.
  if (rowCount === 1) await writeReceipt(pgHandle(connection), receiptOf(`payment-${n}`));
  await connection.query('COMMIT');
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
