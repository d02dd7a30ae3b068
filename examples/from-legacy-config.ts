// source.md "From Legacy Config"
import { ReceiptSyncManager, RegionConfig } from 'receipt-sync';

// WEST and EU are the peer endpoints of two other regions.
const { WEST = 'http://replica-west.example.com', EU = 'http://replica-eu.example.com' } = process.env;

const legacy = new RegionConfig({
  region: 'us-east-1',
  primaryRegion: 'us-east-1',
  crossRegionSyncEnabled: true,
  receiptSyncEndpoints: [WEST, EU],
  quorumThreshold: 2,
});

await using manager = await ReceiptSyncManager.fromRegionConfig(legacy);
console.log(`regions: ${manager.config.regions.map(({ regionId }) => regionId).join(', ')}`);
