// source.md "Configuration Patterns"
import { MultiRegionConfig, RemoteRegion } from 'receipt-sync';

// WEST and EU are the peer endpoints of two other regions, DATA a folder for this one.
const { WEST = 'http://replica-west.example.com', EU = 'http://replica-eu.example.com', DATA = './receipt-sync-data' } = process.env;

const config = new MultiRegionConfig('us-east-1')
  .addRegion(new RemoteRegion('us-west-1', WEST))
  .addRegion(new RemoteRegion('eu-west-1', EU))
  .withCrossRegionSync(true)
  .withQuorumThreshold(2) // 2 of 3
  .withMaxRetries(3)
  .withDataDir(DATA);

// Custom timeouts
const slow = new RemoteRegion('us-west-1', 'http://slow.com').withTimeout('30s'); // Slower region
// Weighted regions
const heavy = new RemoteRegion('primary-replica', 'http://primary.com').withWeight(2); // Double weight for weighted quorum

config.validate();
console.log(
  `regions: ${config.regions.length}, threshold: ${config.quorumThreshold} of ${config.totalWeight()}, timeout: ${slow.timeoutMs}, weight: ${heavy.weight}`,
);
