// source.md "Basic Setup"
import { MultiRegionConfig, ReceiptSyncManager, RemoteRegion } from 'receipt-sync';

// WEST is the peer endpoint of another region, DATA a folder for this one.
const { WEST = 'http://replica-west.example.com', DATA = './receipt-sync-data' } = process.env;

const config = new MultiRegionConfig('us-east-1')
  .addRegion(new RemoteRegion('us-west-1', WEST))
  .withCrossRegionSync(true)
  .withQuorumThreshold(2)
  .withDataDir(DATA);

await using manager = await ReceiptSyncManager.open(config);
console.log(`open: ${manager.config.region}`);
