// source.md "Handle Region Failures"
import { MultiRegionConfig, ReceiptSyncManager, RemoteRegion } from 'receipt-sync';

// WEST and EU are the peer endpoints of two other regions, DATA a folder for this one.
const { WEST = 'http://replica-west.example.com', EU = 'http://replica-eu.example.com', DATA = './receipt-sync-data' } = process.env;

const config = new MultiRegionConfig('us-east-1')
  .addRegion(new RemoteRegion('us-west-1', WEST))
  .addRegion(new RemoteRegion('eu-west-1', EU))
  .withCrossRegionSync(true)
  .withQuorumThreshold(2) // 2 of 3
  .withMaxRetries(1)
  .withRetryBackoff('10ms')
  .withDataDir(DATA);

await using manager = await ReceiptSyncManager.open(config);
const receipt = { receiptId: 'rec-123', transactionId: 'tx-456', hash: Uint8Array.of(1, 2, 3, 4), ticks: 42, spanId: 789n, committed: true };
for (const n of [1, 2, 3]) await manager.syncReceipt({ ...receipt, receiptId: `rec-${n}` }, { waitFor: 'all' });

const unavailable = (await manager.getSyncStatus()).filter((region) => !region.isAvailable);
if (unavailable.length > 0) console.warn(`Unavailable regions: ${unavailable.map(({ regionId }) => regionId).join(', ')}`);
