import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ReceiptSyncManager } from '../../src/manager.ts';
import { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import { RemoteRegion } from '../../src/region/remote-region.ts';
import { receiptOf } from '../receipts.ts';
import { Regions } from '../regions.ts';

test('receipts() yields all in order of arrival, and goes on after a cursor', async () => {
  await using regions = await Regions.make();
  const manager = await regions.open(new MultiRegionConfig('here'));
  const ids = Array.from({ length: 1_200 }, (_, n) => `rec-${n}`);
  await Promise.all(ids.map((_, n) => manager.syncReceipt(receiptOf(n))));
  const seen = await Array.fromAsync(manager.receipts());
  assert.deepEqual(
    seen.map(({ receipt }) => receipt.receiptId),
    ids,
  );
  const rest = await Array.fromAsync(manager.receipts({ after: seen[999]?.cursor ?? '' }));
  assert.deepEqual(
    rest.map(({ receipt }) => receipt.receiptId),
    ids.slice(1_000),
  );
});

test("events() tells a receipt's story in order, and ends with its signal", async () => {
  await using regions = await Regions.make();
  const west = await regions.receiving('us-west-1');
  const manager = await regions.open(
    new MultiRegionConfig('here').addRegion(new RemoteRegion('us-west-1', west.url)).withCrossRegionSync(true).withQuorumThreshold(2),
  );
  const stop = new AbortController();
  const reading = Array.fromAsync(manager.events({ signal: stop.signal }));
  await manager.syncReceipt(receiptOf(1), { waitFor: 'all' });
  stop.abort();
  assert.deepEqual(
    (await reading).map(({ kind }) => kind),
    ['accepted', 'delivered', 'quorum', 'settled'],
  );
});

test('close refuses new calls, resolves waiting ones as pending within its time, and what they brought is stored', async () => {
  await using regions = await Regions.make();
  const hanging = await regions.fake(() => undefined);
  const config = new MultiRegionConfig('here')
    .addRegion(new RemoteRegion('us-west-1', hanging.url).withTimeout('60s'))
    .withCrossRegionSync(true)
    .withQuorumThreshold(2);
  const manager = await regions.open(config);
  const waiting = manager.syncReceipt(receiptOf(1));
  await manager.syncReceipt(receiptOf(2), { waitFor: 'local' });
  const startMs = performance.now();
  const closing = manager.close({ timeout: '100ms' });
  await assert.rejects(manager.syncReceipt(receiptOf(3)), { code: 'CLOSED' });
  assert.deepEqual([(await waiting).outcome, (await waiting).pending], ['pending', ['us-west-1']]);
  await closing;
  assert.ok(performance.now() - startMs < 10_000);
  const again = await regions.open(config);
  assert.deepEqual(
    (await Array.fromAsync(again.receipts())).map(({ receipt }) => receipt.receiptId),
    ['rec-1', 'rec-2'],
  );
});

test('certificate() says that plain acknowledgements make none', async () => {
  await using regions = await Regions.make();
  const west = await regions.receiving('us-west-1');
  const manager = await regions.open(
    new MultiRegionConfig('here').addRegion(new RemoteRegion('us-west-1', west.url)).withCrossRegionSync(true).withQuorumThreshold(2),
  );
  const result = await manager.syncReceipt(receiptOf(1));
  assert.equal(result.quorumAchieved, true);
  await assert.rejects(result.certificate(), { code: 'QUORUM_NOT_REACHED' });
});

test('a remote that wants a token gets the one of the file, and refuses another', async () => {
  await using regions = await Regions.make();
  const west = await ReceiptSyncManager.open(new MultiRegionConfig('us-west-1').withDataDir(join(regions.folder, 'west')), {
    plain: { accept: 'token', token: () => 'right' },
  });
  const { url } = await regions.fake(west.peerHandler);
  const outcomeWith = async (token: string): Promise<unknown> => {
    const tokenFile = join(regions.folder, token);
    await writeFile(tokenFile, `${token}\n`);
    const remote = new RemoteRegion('us-west-1', url).withTokenFile(tokenFile);
    const manager = await regions.open(new MultiRegionConfig(`region-${token}`).addRegion(remote).withCrossRegionSync(true).withQuorumThreshold(2));
    const { outcome, errors } = await manager.syncReceipt(receiptOf(token));
    return [outcome, errors[0]?.code, manager.overview().alarms.length];
  };
  assert.deepEqual(await outcomeWith('right'), ['quorum', undefined, 0]);
  assert.deepEqual(await outcomeWith('wrong'), ['pending', 'UNAUTHENTICATED', 1]);
  await west.close();
});
