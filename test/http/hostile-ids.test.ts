import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import { RemoteRegion } from '../../src/region/remote-region.ts';
import { receiptOf } from '../receipts.ts';
import { Regions } from '../regions.ts';

const IDS = ['a/b', '../../health', 'x?y#z', '%2e%2e', '..', '.', 'é', 'e\u0301', 'a b', '__proto__', 'constructor', '"quoted"', '\\', '😀', 'x'.repeat(256)];
const SPANS = [0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 2n, 2n ** 64n - 1n];

test('ids and span ids come out of put, replication, get and verify as they went in', async () => {
  await using regions = await Regions.make();
  const west = await regions.receiving('us-west-1');
  const manager = await regions.open(
    new MultiRegionConfig('us-east-1').addRegion(new RemoteRegion('us-west-1', west.url)).withCrossRegionSync(true).withQuorumThreshold(2),
  );
  const receipts = [
    ...IDS.map((receiptId) => receiptOf(0, { receiptId, transactionId: receiptId })),
    ...SPANS.map((spanId) => receiptOf(`span-${spanId}`, { spanId })),
  ];
  for (const receipt of receipts) {
    assert.equal((await manager.syncReceipt(receipt)).quorumAchieved, true, receipt.receiptId);
    assert.deepEqual(await manager.getReceipt(receipt.receiptId), receipt);
    assert.deepEqual(await west.manager.getReceipt(receipt.receiptId), receipt);
    const { verdict, regions: asked } = await manager.verify(receipt.receiptId);
    assert.deepEqual([verdict, asked.map(({ state }) => state)], ['confirmed', ['confirmed', 'confirmed']], receipt.receiptId);
  }
  assert.equal(Object.hasOwn(Object.prototype, 'receiptId'), false);
});

test('a second content is refused by the library, by the peer listener, and between racing senders; the first stays', async () => {
  await using regions = await Regions.make();
  const west = await regions.receiving('us-west-1');
  const config = (id: string) => new MultiRegionConfig(id).addRegion(new RemoteRegion('us-west-1', west.url)).withCrossRegionSync(true).withQuorumThreshold(2);
  const east = await regions.open(config('us-east-1'));
  const south = await regions.open(config('sa-east-1'));
  await east.syncReceipt(receiptOf(1));
  await assert.rejects(east.syncReceipt(receiptOf(1, { ticks: 5 })), { code: 'RECEIPT_CONFLICT' });
  const late = await south.syncReceipt(receiptOf(1, { committed: false }), { waitFor: 'all' });
  assert.deepEqual([late.outcome, late.errors[0]?.code, late.pending], ['refused', 'CONFLICT', []]);
  const raced = await Promise.all([east, south].map((manager, n) => manager.syncReceipt(receiptOf(2, { ticks: n }), { waitFor: 'all' })));
  assert.deepEqual(raced.map(({ outcome }) => outcome).sort(), ['quorum', 'refused']);
  assert.deepEqual(await west.manager.getReceipt('rec-1'), receiptOf(1));
  assert.equal((await south.verify('rec-1')).verdict, 'conflict');
  assert.equal((await east.verify('rec-1')).verdict, 'confirmed');
});

test('a hundred remotes in one manager: hanging ones delay neither health nor the quorum of the others', async () => {
  await using regions = await Regions.make();
  const hanging = await regions.fake(() => undefined);
  const fake = await regions.fake((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => response.end(JSON.stringify({ status: 'acknowledged', receipt_id: JSON.parse(body).receipt_id })));
  });
  const remotes = Array.from({ length: 100 }, (_, n) => new RemoteRegion(`region-${n}`, n < 40 ? hanging.url : fake.url).withTimeout('30s'));
  const config = remotes.reduce((all, remote) => all.addRegion(remote), new MultiRegionConfig('here').withCrossRegionSync(true).withQuorumThreshold(61));
  const manager = await regions.open(config);
  const startMs = performance.now();
  const result = await manager.syncReceipt(receiptOf(1));
  assert.deepEqual([result.outcome, result.weight, result.totalRegions], ['quorum', 61, 101]);
  assert.equal((await manager.getHealthStatus()).quorumStatus, true);
  assert.ok(performance.now() - startMs < 10_000, 'nobody waited for a hanging remote');
});

test('verify tells confirmed, pending and unknown apart', async () => {
  await using regions = await Regions.make();
  const west = await regions.receiving('us-west-1');
  const manager = await regions.open(
    new MultiRegionConfig('us-east-1')
      .addRegion(new RemoteRegion('us-west-1', west.url))
      .addRegion(new RemoteRegion('eu-west-1', 'http://127.0.0.1:9').withTimeout('200ms'))
      .withCrossRegionSync(true)
      .withQuorumThreshold(3)
      .withMaxRetries(1)
      .withRetryBackoff('1ms'),
  );
  await manager.syncReceipt(receiptOf(1), { waitFor: 'all' });
  const { verdict, weight, regions: asked } = await manager.verify('rec-1');
  assert.deepEqual([verdict, weight, asked.map(({ state }) => state)], ['unknown', 2, ['confirmed', 'confirmed', 'unreachable']]);
  assert.equal(await manager.verifyQuorum('rec-1'), false);
});
