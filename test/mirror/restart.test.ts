import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { verifyCertificate } from '../../src/verify.ts';
import { MirroredCluster, until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';

const THREE = { weights: { 'us-east-1': 1, 'us-west-1': 1, 'eu-west-1': 1 }, threshold: 2 };

test('an origin is gone for good and all others restart, at once and by turns: every receipt that was certified still has its certificate from each', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const [east, west, eu] = cluster.regions;
  assert.ok(east !== undefined && west !== undefined && eu !== undefined);
  const policy = cluster.policy(west.id);
  const hasAll = async (region: typeof west): Promise<boolean> => {
    for (let n = 0; n < 40; n += 1) {
      const certificate = await region.manager.getCertificate(`rec-${n}`).catch(() => undefined);
      if (certificate === undefined || !(await verifyCertificate({ certificate, receipt: receiptOf(n), policy })).valid) return false;
    }
    return true;
  };
  for (let n = 0; n < 40; n += 1) await east.manager.syncReceipt(receiptOf(n));
  for (const region of [west, eu]) await until(`${region.id} has all certificates`, () => hasAll(region));
  await east.stop();
  rmSync(east.config.dataDir, { recursive: true });
  await Promise.all([west.stop(), eu.stop()]);
  await Promise.all([west.start(), eu.start()]);
  for (const region of [west, eu]) assert.equal(await hasAll(region), true, region.id);
  for (let n = 0; n < 3; n += 1) {
    await west.stop();
    await west.start();
    await west.manager.syncReceipt(receiptOf(`west-${n}`));
    await eu.stop();
    await eu.start();
  }
  for (const region of [west, eu]) assert.equal(await hasAll(region), true, region.id);
});

test('who waits for a certificate while a region stops is told, and gets it after the restart', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const [east, west, eu] = cluster.regions;
  assert.ok(east !== undefined && west !== undefined && eu !== undefined);
  await Promise.all([west.stop(), eu.stop()]);
  const result = await east.manager.syncReceipt(receiptOf(1), { deadline: '100ms' });
  assert.equal(result.outcome, 'pending');
  const waiting = result.certificate().then(
    () => 'certified',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'odd'),
  );
  await east.stop();
  assert.equal(await waiting, 'CLOSED');
  await Promise.all([west.start(), eu.start()]);
  await east.start();
  await until('certified', () =>
    east.manager.getCertificate('rec-1').then(
      () => true,
      () => false,
    ),
  );
  const again = await east.manager.syncReceipt(receiptOf(1));
  assert.equal(again.duplicate, true);
  const report = await verifyCertificate({ certificate: await again.certificate(), receipt: receiptOf(1), policy: cluster.policy(east.id) });
  assert.equal(report.valid, true);
});
