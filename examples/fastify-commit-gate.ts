// The commit gate with PostgreSQL and a sidecar: the receipt is written in the payment's transaction, handed over by the poller,
// and the answer waits until a quorum of regions holds it.
import { createHash } from 'node:crypto';
import fastify from 'fastify';
import pg from 'pg';
import { QuorumNotReachedError, type Receipt, ReceiptConflictError, ReceiptSyncClient, requireQuorum } from 'receipt-sync';
import { OutboxPoller, outboxSchema, pgHandle, writeReceipt } from 'receipt-sync/outbox';

const { SIDECAR = 'http://127.0.0.1:7480', DATABASE_URL = '', PORT = '8080' } = process.env;
const sidecar = new ReceiptSyncClient(SIDECAR);
// Without a listener, a connection that PostgreSQL ends while it is idle would end this process.
const pool = new pg.Pool({ connectionString: DATABASE_URL }).on('error', console.error);
await pool.query(`CREATE TABLE IF NOT EXISTS payment (id text PRIMARY KEY, cents bigint NOT NULL); ${outboxSchema('postgres')}`);
const poller = new OutboxPoller({ handle: pgHandle(pool), target: sidecar, onError: console.error });
poller.start();

/** The receipt of the payment as it is committed; `undefined` if that is another one under this id: nobody may sync a receipt of it. */
async function pay(id: string, cents: number): Promise<Receipt | undefined> {
  const hash = new Uint8Array(createHash('sha256').update(`${id}:${cents}`).digest());
  const receipt = { receiptId: `payment-${id}`, transactionId: id, hash, ticks: 1, spanId: 0n, committed: true };
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rowCount } = await client.query('INSERT INTO payment VALUES ($1, $2) ON CONFLICT DO NOTHING', [id, cents]);
    if (rowCount === 1) await writeReceipt(pgHandle(client), receipt);
    const same = await client.query('SELECT 1 FROM payment WHERE id = $1 AND cents = $2', [id, cents]);
    await client.query('COMMIT');
    client.release();
    return same.rowCount === 1 ? receipt : undefined;
  } catch (error) {
    // Closed rather than rolled back: that works on a broken connection, too.
    client.release(true);
    throw error;
  }
}

const app = fastify();
app.post<{ Body: { readonly id: string; readonly cents: number } }>('/payments', async ({ body }, reply) => {
  const receipt = await pay(body.id, body.cents);
  if (receipt === undefined) return reply.code(409).send({ paid: false, reason: 'another payment has this id' });
  poller.wake();
  try {
    const { syncedRegions } = requireQuorum(await sidecar.syncReceipt(receipt, { deadline: '5s' }));
    return reply.code(201).send({ paid: true, regions: syncedRegions });
  } catch (error) {
    if (error instanceof ReceiptConflictError) throw error;
    // The payment stands. No quorum, or no answer at all, is not "no" but "not yet": delivery goes on, and the same request may be sent again.
    const pending = error instanceof QuorumNotReachedError ? error.result.pending : [];
    return reply.code(503).header('retry-after', '1').send({ paid: false, pending });
  }
});
console.log(`listening on ${await app.listen({ port: Number(PORT), host: '127.0.0.1' })}`);
