// A payment is answered "paid" only when a quorum of regions holds its receipt. The receipt is written in the payment's own
// transaction: if this process dies after COMMIT, the poller of the next one hands it over.
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import express from 'express';
import { MultiRegionConfig, QuorumNotReachedError, type Receipt, ReceiptSyncManager, RemoteRegion, requireQuorum } from 'receipt-sync';
import { OutboxPoller, outboxSchema, sqliteHandle, writeReceiptSync } from 'receipt-sync/outbox';

const { WEST = '', EU = '', DATA = './receipt-sync-data', DATABASE = './payments.db', PORT = '8080' } = process.env;
const config = new MultiRegionConfig('us-east-1')
  .addRegion(new RemoteRegion('us-west-1', WEST))
  .addRegion(new RemoteRegion('eu-west-1', EU))
  .withCrossRegionSync(true)
  .withQuorumThreshold(2)
  .withDataDir(DATA);
const manager = await ReceiptSyncManager.open(config);
const database = new DatabaseSync(DATABASE);
database.exec(`CREATE TABLE IF NOT EXISTS payment (id TEXT PRIMARY KEY, cents INTEGER NOT NULL) STRICT; ${outboxSchema('sqlite')}`);
new OutboxPoller({ handle: sqliteHandle(database), target: manager, onError: console.error }).start();

function pay(id: string, cents: number): Receipt {
  const hash = new Uint8Array(createHash('sha256').update(`${id}:${cents}`).digest());
  const receipt = { receiptId: `payment-${id}`, transactionId: id, hash, ticks: 1, spanId: 0n, committed: true };
  database.exec('BEGIN IMMEDIATE');
  try {
    const { changes } = database.prepare('INSERT INTO payment VALUES (?, ?) ON CONFLICT DO NOTHING').run(id, cents);
    if (changes === 1) writeReceiptSync(database, receipt);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
  return receipt;
}

const app = express().use(express.json());
app.post('/payments', async (request, response) => {
  try {
    const result = requireQuorum(await manager.syncReceipt(pay(String(request.body.id), Number(request.body.cents)), { deadline: '5s' }));
    response.status(201).json({ paid: true, regions: result.syncedRegions });
  } catch (error) {
    if (!(error instanceof QuorumNotReachedError)) throw error;
    // Not "no" but "not yet": the payment stands, delivery goes on, and the same request may be sent again.
    response.status(503).set('retry-after', '1').json({ paid: false, pending: error.result.pending });
  }
});
app.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on ${PORT}`));
