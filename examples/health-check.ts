// source.md "Health Check Endpoint"
import { HealthStatus, healthCheck, MultiRegionConfig, ReceiptSyncManager, RemoteRegion } from 'receipt-sync';

// WEST and EU are the peer endpoints of two other regions, DATA a folder for this one.
const { WEST = 'http://replica-west.example.com', EU = 'http://replica-eu.example.com', DATA = './receipt-sync-data' } = process.env;

const config = new MultiRegionConfig('us-east-1')
  .addRegion(new RemoteRegion('us-west-1', WEST))
  .addRegion(new RemoteRegion('eu-west-1', EU))
  .withCrossRegionSync(true)
  .withQuorumThreshold(2) // 2 of 3
  .withMaxRetries(3)
  .withDataDir(DATA);

await using manager = await ReceiptSyncManager.open(config);

// Never throws: a manager that can't answer is degraded.
const health = await healthCheck(manager);
console.log(`${health.status}: ${health.regionsAvailable}/${health.regionsTotal}, quorum ${health.quorumStatus}`);
console.log(`unknown is ${HealthStatus.degraded().status}`);
