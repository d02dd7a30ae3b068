// source.md "Graceful Degradation"
import { MultiRegionConfig, QuorumNotReachedError, ReceiptSyncManager, RemoteRegion, type SyncResult } from 'receipt-sync';

// WEST and EU are the peer endpoints of two other regions, DATA a folder for this one.
const { WEST = 'http://replica-west.example.com', EU = 'http://replica-eu.example.com', DATA = './receipt-sync-data' } = process.env;

const config = new MultiRegionConfig('us-east-1')
  .addRegion(new RemoteRegion('us-west-1', WEST))
  .addRegion(new RemoteRegion('eu-west-1', EU))
  .withCrossRegionSync(true)
  .withQuorumThreshold(3) // all
  .withMaxRetries(1)
  .withRetryBackoff('10ms')
  .withDataDir(DATA);

await using manager = await ReceiptSyncManager.open(config);
const receipt = { receiptId: 'rec-123', transactionId: 'tx-456', hash: Uint8Array.of(1, 2, 3, 4), ticks: 42, spanId: 789n, committed: true };

/** What the application makes of a result: partial success is its policy, not ours. */
function proceed(result: SyncResult): string {
  if (result.quorumAchieved) return 'proceed normally';
  if (result.syncedRegions > 1) return `Partial quorum: ${result.syncedRegions} regions`;
  throw new QuorumNotReachedError(result);
}

try {
  console.log(proceed(await manager.syncReceipt(receipt, { waitFor: 'all' })));
} catch (error) {
  if (!(error instanceof QuorumNotReachedError)) throw error;
  console.error(`No regions synced successfully: ${error.message}`);
}
