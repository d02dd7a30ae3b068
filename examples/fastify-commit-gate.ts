// The commit gate with PostgreSQL and a sidecar: the receipt is written in the payment's transaction, handed over by the poller,
// and the answer waits until a quorum of regions holds it.
import { createHash } from 'node:crypto';
import fastify from 'fastify';
import pg from 'pg';
import { QuorumNotReachedError, type Receipt, ReceiptSyncClient, requireQuorum } from 'receipt-sync';
import { OutboxPoller, outboxSchema, pgHandle, writeReceipt } from 'receipt-sync/outbox';

const { SIDECAR = 'http://127.0.0.1:7480', DATABASE_URL = '', PORT = '8080' } = process.env;
const sidecar = new ReceiptSyncClient(SIDECAR);
const pool = new pg.Pool({ connectionString: DATABASE_URL });
await pool.query(`CREATE TABLE IF NOT EXISTS payment (id text PRIMARY KEY, cents bigint NOT NULL); ${outboxSchema('postgres')}`);
const poller = new OutboxPoller({ handle: pgHandle(pool), target: sidecar, onError: console.error });
poller.start();

async function pay(id: string, cents: number): Promise<Receipt> {
  const hash = new Uint8Array(createHash('sha256').update(`${id}:${cents}`).digest());
  const receipt = { receiptId: `payment-${id}`, transactionId: id, hash, ticks: 1, spanId: 0n, committed: true };
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rowCount } = await client.query('INSERT INTO payment VALUES ($1, $2) ON CONFLICT DO NOTHING', [id, cents]);
    if (rowCount === 1) await writeReceipt(pgHandle(client), receipt);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
  poller.wake();
  return receipt;
}

const app = fastify();
app.post<{ Body: { readonly id: string; readonly cents: number } }>('/payments', async ({ body }, reply) => {
  try {
    const { syncedRegions } = requireQuorum(await sidecar.syncReceipt(await pay(body.id, body.cents), { deadline: '5s' }));
    return reply.code(201).send({ paid: true, regions: syncedRegions });
  } catch (error) {
    if (!(error instanceof QuorumNotReachedError)) throw error;
    // Not "no" but "not yet": the payment stands, delivery goes on, and the same request may be sent again.
    return reply.code(503).header('retry-after', '1').send({ paid: false, pending: error.result.pending });
  }
});
console.log(`listening on ${await app.listen({ port: Number(PORT), host: '127.0.0.1' })}`);
