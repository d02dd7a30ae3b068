// A payment is answered "paid" only when a quorum of regions holds its receipt. The receipt is written in the payment's own
// transaction: if this process dies after COMMIT, the poller of the next one hands it over.
import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import express from 'express';
import { MultiRegionConfig, QuorumNotReachedError, type Receipt, ReceiptConflictError, ReceiptSyncManager, RemoteRegion, requireQuorum } from 'receipt-sync';
import { OutboxPoller, outboxSchema, sqliteHandle, writeReceiptSync } from 'receipt-sync/outbox';

const { WEST = '', EU = '', DATA = './receipt-sync-data', DATABASE = './payments.db', PORT = '8080' } = process.env;
const remotes = [new RemoteRegion('us-west-1', WEST), new RemoteRegion('eu-west-1', EU)];
const config = remotes.reduce((all, remote) => all.addRegion(remote), new MultiRegionConfig('us-east-1').withCrossRegionSync(true));
const manager = await ReceiptSyncManager.open(config.withQuorumThreshold(2).withDataDir(DATA));
const database = new DatabaseSync(DATABASE);
database.exec(`CREATE TABLE IF NOT EXISTS payment (id TEXT PRIMARY KEY, cents INTEGER NOT NULL) STRICT; ${outboxSchema('sqlite')}`);
new OutboxPoller({ handle: sqliteHandle(database), target: manager, onError: console.error }).start();

/** The receipt of the payment as it is committed; `undefined` if that is another one under this id: nobody may sync a receipt of it. */
function pay(id: string, cents: number): Receipt | undefined {
  const hash = new Uint8Array(createHash('sha256').update(`${id}:${cents}`).digest());
  const receipt = { receiptId: `payment-${id}`, transactionId: id, hash, ticks: 1, spanId: 0n, committed: true };
  database.exec('BEGIN IMMEDIATE');
  try {
    const { changes } = database.prepare('INSERT INTO payment VALUES (?, ?) ON CONFLICT DO NOTHING').run(id, cents);
    if (changes === 1) writeReceiptSync(database, receipt);
    const isSame = database.prepare('SELECT 1 FROM payment WHERE id = ? AND cents = ?').get(id, cents) !== undefined;
    database.exec('COMMIT');
    return isSame ? receipt : undefined;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

const app = express().use(express.json());
app.post('/payments', async ({ body }, response) => {
  const receipt = pay(String(body.id), Number(body.cents));
  if (receipt === undefined) return void response.status(409).json({ paid: false, reason: 'another payment has this id' });
  try {
    const { syncedRegions } = requireQuorum(await manager.syncReceipt(receipt, { deadline: '5s' }));
    response.status(201).json({ paid: true, regions: syncedRegions });
  } catch (error) {
    if (error instanceof ReceiptConflictError) throw error;
    // The payment stands. No quorum, or no answer at all, is not "no" but "not yet": delivery goes on, and the same request may be sent again.
    const pending = error instanceof QuorumNotReachedError ? error.result.pending : [];
    response.status(503).set('retry-after', '1').json({ paid: false, pending });
  }
});
app.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on ${PORT}`));
