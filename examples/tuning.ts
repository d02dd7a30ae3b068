// source.md "Performance Tuning"
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

// Lower latency: a lower threshold returns sooner (1 is the local region alone), a short timeout gives up sooner.
const quick = config.withQuorumThreshold(1);
const fast = new RemoteRegion('fast-region', WEST).withTimeout('500ms');
// More reliable: more retries, a longer first backoff against a thundering herd.
const patient = config.withMaxRetries(5).withRetryBackoff('2s');

console.log(`${quick.warnings().join()}; ${fast.timeoutMs} ms; ${patient.maxRetries} retries from ${patient.retryBackoffMs} ms`);
