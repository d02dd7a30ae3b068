import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MultiRegionConfig, type Receipt, ReceiptSyncManager, RegionConfig, type RegionSyncStatus, RemoteRegion, type SyncResult } from '../../src/index.ts';
import { parseReceipt } from '../../src/receipt/parse.ts';
import { Regions } from '../regions.ts';

// One test for each named case of the suite that the project began with (source.md "Test Coverage"), under its name.

const WEST = 'http://replica-west.example.com';
const EU = 'http://replica-eu.example.com';

const RECEIPT: Receipt = { receiptId: 'receipt-123', transactionId: 'tx-456', hash: Uint8Array.of(1, 2, 3, 4), ticks: 42, spanId: 789n, committed: true };

function invalid(text: string): { readonly code: string; readonly message: RegExp } {
  return { code: 'INVALID_CONFIG', message: new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) };
}

test('test_remote_region_validation_valid', () => {
  const region = new RemoteRegion('us-west-1', WEST).withTimeout('5s').withWeight(2);
  region.validate();
  assert.deepEqual([region.regionId, region.weight, region.timeoutMs], ['us-west-1', 2, 5_000]);
});

test('test_remote_region_validation_empty_id', () => {
  assert.throws(() => new RemoteRegion('', WEST).validate(), invalid('Region ID cannot be empty'));
});

test('test_remote_region_validation_empty_endpoint', () => {
  assert.throws(() => new RemoteRegion('us-west-1', '').validate(), invalid('Endpoint cannot be empty for region us-west-1'));
});

test('test_remote_region_validation_zero_timeout', () => {
  assert.throws(() => new RemoteRegion('us-west-1', WEST).withTimeout(0).validate(), invalid('Timeout must be > 0 for region us-west-1'));
});

test('test_multi_region_config_validation_valid', () => {
  const config = new MultiRegionConfig('us-east-1')
    .addRegion(new RemoteRegion('us-west-1', WEST))
    .addRegion(new RemoteRegion('eu-west-1', EU))
    .withCrossRegionSync(true)
    .withQuorumThreshold(2)
    .withMaxRetries(3);
  config.validate();
  assert.deepEqual([config.regions.length, config.quorumThreshold, config.maxRetries], [2, 2, 3]);
});

test('test_multi_region_config_sync_disabled', () => {
  new MultiRegionConfig('us-east-1').withCrossRegionSync(false).validate();
});

test('test_multi_region_config_validation_no_regions', () => {
  assert.throws(
    () => new MultiRegionConfig('us-east-1').withCrossRegionSync(true).validate(),
    invalid('Cross-region sync enabled but no remote regions configured'),
  );
});

test('test_multi_region_config_validation_invalid_quorum', () => {
  const config = new MultiRegionConfig('us-east-1').addRegion(new RemoteRegion('us-west-1', WEST)).withCrossRegionSync(true).withQuorumThreshold(10);
  assert.throws(() => config.validate(), invalid('Quorum threshold 10 exceeds total regions 2'));
});

test('test_multi_region_config_validation_zero_quorum', () => {
  const config = new MultiRegionConfig('us-east-1').addRegion(new RemoteRegion('us-west-1', WEST)).withCrossRegionSync(true).withQuorumThreshold(0);
  assert.throws(() => config.validate(), invalid('Quorum threshold must be at least 1'));
});

test('test_multi_region_config_validation_zero_retries', () => {
  const config = new MultiRegionConfig('us-east-1').addRegion(new RemoteRegion('us-west-1', WEST)).withCrossRegionSync(true).withMaxRetries(0);
  assert.throws(() => config.validate(), invalid('Max retries must be at least 1'));
});

test('test_region_config_backward_compatibility', () => {
  const legacy = new RegionConfig({
    region: 'us-east-1',
    primaryRegion: 'us-east-1',
    crossRegionSyncEnabled: true,
    receiptSyncEndpoints: [WEST, EU],
    quorumThreshold: 2,
  });
  const config = legacy.toMultiRegionConfig();
  assert.deepEqual([config.region, config.quorumThreshold, config.crossRegionSyncEnabled], ['us-east-1', 2, true]);
  assert.deepEqual(
    config.regions.map(({ regionId, endpoint }) => [regionId, endpoint]),
    [
      ['replica-west', WEST],
      ['replica-eu', EU],
    ],
  );
});

test('test_is_primary', () => {
  assert.equal(new MultiRegionConfig('us-east-1').isPrimary(), true);
  assert.equal(new MultiRegionConfig('us-east-1').withPrimaryRegion('us-west-1').isPrimary(), false);
  assert.equal(new MultiRegionConfig('us-west-1').withPrimaryRegion('us-west-1').isPrimary(), true);
});

test('test_receipt_structure', () => {
  assert.deepEqual(parseReceipt(RECEIPT), RECEIPT);
});

test('test_region_sync_status', async () => {
  await using regions = await Regions.make();
  const west = await regions.receiving('us-west-1');
  const manager = await regions.open(
    new MultiRegionConfig('us-east-1').addRegion(new RemoteRegion('us-west-1', west.url)).withCrossRegionSync(true).withQuorumThreshold(2),
  );
  await manager.syncReceipt(RECEIPT);
  const [status] = await manager.getSyncStatus();
  const { lastSyncTimestamp, ...rest } = status ?? ({} as RegionSyncStatus);
  assert.deepEqual(rest, { regionId: 'us-west-1', isAvailable: true, failureCount: 0, circuit: 'closed', owedCount: 0, owedSince: null, lastError: null });
  assert.ok(Math.abs((lastSyncTimestamp ?? 0) - Date.now() / 1_000) < 60, 'unix seconds');
});

test('test_sync_result_structure', async () => {
  await using regions = await Regions.make();
  const dead = (id: string) => new RemoteRegion(id, 'http://127.0.0.1:9').withTimeout('1s');
  const config = new MultiRegionConfig('us-east-1').addRegion(dead('us-west-1')).addRegion(dead('eu-west-1')).withCrossRegionSync(true).withQuorumThreshold(2);
  const manager = await regions.open(config.withMaxRetries(1).withRetryBackoff('1ms'));
  const result: SyncResult = await manager.syncReceipt(RECEIPT);
  assert.deepEqual([result.syncedRegions, result.totalRegions, result.quorumAchieved, result.errors.length], [1, 3, false, 2]);
  assert.deepEqual(
    result.errors.map(({ region }) => region),
    ['us-west-1', 'eu-west-1'],
  );
});

test('test_receipt_sync_manager_creation', async () => {
  await using regions = await Regions.make();
  const manager = await regions.open(
    new MultiRegionConfig('us-east-1').addRegion(new RemoteRegion('us-west-1', WEST)).withCrossRegionSync(true).withQuorumThreshold(1),
  );
  assert.ok(manager instanceof ReceiptSyncManager);
});

test('test_receipt_sync_manager_invalid_config', async () => {
  await assert.rejects(ReceiptSyncManager.open(new MultiRegionConfig('us-east-1').withCrossRegionSync(true)), invalid('no remote regions configured'));
});

test('test_sync_receipt_disabled', async () => {
  await using regions = await Regions.make();
  const manager = await regions.open(new MultiRegionConfig('us-east-1').withCrossRegionSync(false));
  const result = await manager.syncReceipt(RECEIPT);
  assert.deepEqual([result.syncedRegions, result.totalRegions, result.errors, result.quorumAchieved, result.outcome], [0, 0, [], false, 'disabled']);
  assert.deepEqual(await manager.getReceipt('receipt-123'), RECEIPT);
});

test('test_get_sync_status', async () => {
  await using regions = await Regions.make();
  const manager = await regions.open(
    new MultiRegionConfig('us-east-1').addRegion(new RemoteRegion('us-west-1', WEST)).withCrossRegionSync(true).withQuorumThreshold(1),
  );
  const status = await manager.getSyncStatus();
  assert.deepEqual(
    status.map(({ regionId, isAvailable, failureCount, lastSyncTimestamp }) => [regionId, isAvailable, failureCount, lastSyncTimestamp]),
    [['us-west-1', true, 0, null]],
  );
});

test('test_get_health_status', async () => {
  await using regions = await Regions.make();
  const config = new MultiRegionConfig('us-east-1')
    .addRegion(new RemoteRegion('us-west-1', WEST))
    .addRegion(new RemoteRegion('eu-west-1', EU))
    .withCrossRegionSync(true)
    .withQuorumThreshold(2);
  const manager = await regions.open(config);
  const { regionsAvailable, regionsTotal, quorumStatus } = await manager.getHealthStatus();
  assert.deepEqual([regionsAvailable, regionsTotal, quorumStatus], [2, 2, true]);
});

test('test_verify_quorum_disabled', async () => {
  await using regions = await Regions.make();
  const manager = await regions.open(new MultiRegionConfig('us-east-1').withCrossRegionSync(false));
  assert.equal(await manager.verifyQuorum('receipt-123'), true);
  assert.deepEqual((await manager.verify('receipt-123')).regions, []);
});

test('test_regional_timeout_configuration', () => {
  assert.equal(new RemoteRegion('us-west-1', WEST).withTimeout('10s').timeoutMs, 10_000);
});

test('test_retry_backoff_configuration', () => {
  const config = new MultiRegionConfig('us-east-1').withRetryBackoff('500ms').withMaxRetries(5);
  assert.deepEqual([config.retryBackoffMs, config.maxRetries], [500, 5]);
});

test('test_config_builder_pattern', () => {
  const config = new MultiRegionConfig('us-east-1')
    .addRegion(new RemoteRegion('us-west-1', WEST))
    .addRegion(new RemoteRegion('eu-west-1', EU))
    .withCrossRegionSync(true)
    .withQuorumThreshold(2)
    .withMaxRetries(3)
    .withRetryBackoff('1s');
  assert.deepEqual(
    [config.region, config.regions.length, config.crossRegionSyncEnabled, config.quorumThreshold, config.maxRetries, config.retryBackoffMs],
    ['us-east-1', 2, true, 2, 3, 1_000],
  );
});
