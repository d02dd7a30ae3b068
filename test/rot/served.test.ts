import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { Finding } from '../../src/audit/finding.ts';
import { canonicalBytes } from '../../src/receipt/canonical.ts';
import { sha256, toHex, utf8Bytes } from '../../src/std/bytes.ts';
import { MirroredCluster, type TestRegion, until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';

/** Changes stored bytes of a region that is stopped: in each blob of the rows, where `wanted` stands, the byte there. */
function flip(
  region: TestRegion,
  { table, column, where, wanted }: { readonly table: string; readonly column: string; readonly where: string; readonly wanted?: Uint8Array },
): void {
  using database = new DatabaseSync(join(region.config.dataDir, 'receipts.db'));
  let flipped = 0;
  for (const row of database.prepare(`SELECT rowid AS place, ${column} AS content FROM ${table} WHERE ${where}`).all()) {
    const isText = typeof row['content'] === 'string';
    const bytes = isText ? Buffer.from(String(row['content'])) : Buffer.from(row['content'] instanceof Uint8Array ? row['content'] : []);
    const at = wanted === undefined ? 0 : bytes.indexOf(wanted);
    if (at === -1) continue;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    database.prepare(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`).run(isText ? bytes.toString() : bytes, row['place'] ?? 0);
    flipped += 1;
  }
  assert.equal(flipped, 1);
}

/** The digest in the index has no rowid. */
function flipDigest(region: TestRegion, id: string): void {
  using database = new DatabaseSync(join(region.config.dataDir, 'receipts.db'));
  const digest = Buffer.from(database.prepare('SELECT digest FROM receipt WHERE id = ?').get(id)?.['digest'] as never);
  digest[5] = (digest[5] ?? 0) ^ 4;
  database.prepare('UPDATE receipt SET digest = ? WHERE id = ?').run(digest, id);
}

function contentOf(n: number): Uint8Array {
  return canonicalBytes(receiptOf(n)).subarray(3);
}

async function put(region: TestRegion, from: number, to: number): Promise<void> {
  await Promise.all(Array.from({ length: to - from }, (_, n) => region.manager.syncReceipt(receiptOf(from + n), { waitFor: 'local' })));
}

test('a receipt that has rotted in one region is not served there, is left out of its listings, and does not count', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1, far: 1 }, threshold: 2 });
  const [here, there, far] = [cluster.region('here'), cluster.region('there'), cluster.region('far')];
  await Promise.all(Array.from({ length: 40 }, (_, n) => here.manager.syncReceipt(receiptOf(n), { waitFor: 'all' })));
  await until('certified', () =>
    there.manager.getCertificate('rec-7').then(
      () => true,
      () => false,
    ),
  );
  await there.stop();
  flip(there, { table: 'entry_group', column: 'frame', where: 'log > 2', wanted: contentOf(7) });
  await there.start();
  await assert.rejects(there.manager.getReceipt('rec-7'), { code: 'ROTTEN' });
  await assert.rejects(there.manager.getCertificate('rec-7'), { code: 'ROTTEN' });
  assert.equal((await there.manager.getReceipt('rec-8'))?.receiptId, 'rec-8');
  const page = await there.manager.list({ limit: 100 });
  assert.deepEqual([page.receipts.length, page.rotten.length, page.rotten[0]?.first], [39, 1, page.rotten[0]?.last]);
  const ids: string[] = [];
  await assert.rejects(
    async () => {
      for await (const { receipt } of there.manager.receipts()) ids.push(receipt.receiptId);
    },
    { code: 'ROTTEN' },
  );
  assert.equal(ids.length, 39);
  const asked = await here.manager.verify('rec-7');
  assert.deepEqual([asked.verdict, asked.weight, asked.regions.find(({ region }) => region === 'there')?.state], ['confirmed', 2, 'unreachable']);
  await far.stop();
  assert.deepEqual([(await here.manager.verify('rec-7')).verdict, (await here.manager.verify('rec-8')).verdict], ['unknown', 'confirmed']);
  assert.deepEqual([...new Set(there.alarms())].includes('rotten'), true);
  assert.equal(there.manager.overview().alarms.filter(({ alarm }) => alarm === 'rotten').length >= 1, true);
});

test('an origin does not send a mirror what has rotted, says so, and does not ask again and again', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2 });
  const [here, there] = [cluster.region('here'), cluster.region('there')];
  await there.stop();
  await put(here, 0, 30);
  await here.stop();
  flip(here, { table: 'entry_group', column: 'frame', where: 'log = 1', wanted: contentOf(11) });
  await there.start();
  await here.start();
  await until('here has noticed', () => here.alarms().includes('rotten'));
  const alarms = here.events.length;
  const before = there.events.length;
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  assert.equal(there.manager.overview().receipts, 0);
  assert.ok(here.events.length - alarms <= 2, `${here.events.length - alarms} events in three seconds`);
  assert.ok(there.events.length - before <= 1, `${there.events.length - before} events over there in three seconds`);
  // The rest of the region goes on.
  assert.equal((await here.manager.getReceipt('rec-12'))?.receiptId, 'rec-12');
});

test('a plain remote gets everything but what has rotted', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2, plain: ['here', 'there'] });
  const [here, there] = [cluster.region('here'), cluster.region('there')];
  await there.stop();
  await put(here, 0, 30);
  await here.stop();
  flip(here, { table: 'entry_group', column: 'frame', where: 'log = 1', wanted: contentOf(11) });
  await there.start();
  await here.start();
  await until('there has all others', () => there.manager.overview().receipts === 29);
  await assert.rejects(here.manager.getReceipt('rec-11'), { code: 'ROTTEN' });
  assert.equal(await there.manager.getReceipt('rec-11'), undefined);
  const [status] = await here.manager.getSyncStatus();
  assert.equal(status?.owedCount, 1);
});

test('where the digest of the first content has rotted nobody is told of a conflict, and a mirror refuses nothing for it', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 1 });
  const [here, there] = [cluster.region('here'), cluster.region('there')];
  await there.stop();
  await put(here, 0, 5);
  await here.stop();
  flipDigest(here, 'rec-3');
  // The same content comes in another region's log: it waits, and is refused by nobody.
  await there.start();
  await there.manager.syncReceipt(receiptOf(3), { waitFor: 'local' });
  await here.start();
  await assert.rejects(here.manager.syncReceipt(receiptOf(3)), { code: 'ROTTEN' });
  await assert.rejects(here.manager.syncReceipt(receiptOf(3, { ticks: 9 })), { code: 'ROTTEN' });
  assert.equal((await here.manager.syncReceipt(receiptOf(4))).duplicate, true);
  await assert.rejects(here.manager.syncReceipt(receiptOf(4, { ticks: 9 })), { code: 'RECEIPT_CONFLICT' });
  await until('there was told', async () => (await there.manager.getSyncStatus())[0]?.lastError?.message.includes('503') === true);
  assert.ok(there.events.every(({ kind }) => kind !== 'refused' && kind !== 'conflict'));
});

test('an id with two contents audits well; where the row of the refused one has rotted it is found, and not shown', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2 });
  const [here, there] = [cluster.region('here'), cluster.region('there')];
  await there.stop();
  await put(here, 0, 5);
  await here.stop();
  await there.start();
  await there.manager.syncReceipt(receiptOf(3, { ticks: 9 }), { waitFor: 'local' });
  await here.start();
  for (const { manager } of [here, there]) await until('both know', async () => (await manager.getStored('rec-3'))?.refused.length === 1);
  await there.stop();
  const audit = async (): Promise<readonly unknown[]> => {
    const findings: unknown[] = [];
    const onFinding = ({ kind, receiptId }: Finding): unknown => findings.push([kind, receiptId]);
    await here.manager.audit({ onFinding, onProgress: () => undefined });
    return findings;
  };
  assert.deepEqual(await audit(), []);
  await here.stop();
  {
    using database = new DatabaseSync(join(here.config.dataDir, 'receipts.db'));
    database.exec("UPDATE refused_entry SET digest = zeroblob(32) WHERE id = 'rec-3'");
  }
  await here.start();
  await assert.rejects(here.manager.getReceipt('rec-3'), { code: 'ROTTEN' });
  assert.deepEqual(await audit(), [['index', 'rec-3']]);
});

test('a text that has rotted is not signed again, and a certified checkpoint that has rotted certifies nothing', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2 });
  const [here, there] = [cluster.region('here'), cluster.region('there')];
  await Promise.all(Array.from({ length: 10 }, (_, n) => here.manager.syncReceipt(receiptOf(n))));
  const hash = toHex(sha256(utf8Bytes('test.example.com/here/log/1')));
  await until('certified there', () =>
    there.manager.getCertificate('rec-3').then(
      () => true,
      () => false,
    ),
  );
  const good = there.manager.servedLog(hash)?.checkpoint();
  assert.ok(good !== undefined);
  await here.stop();
  await there.stop();
  using database = new DatabaseSync(join(there.config.dataDir, 'receipts.db'));
  const changed = (note: unknown): string => String(note).replace(/^(.*\n)(\d+)\n/, (_, origin, size) => `${origin}${Number(size) + 1}\n`);
  for (const row of database.prepare('SELECT log, slot, note FROM cosigned_text').all())
    database.prepare('UPDATE cosigned_text SET note = ? WHERE log = ? AND slot = ?').run(changed(row['note']), row['log'] ?? 0, row['slot'] ?? 0);
  database.exec("UPDATE certified SET note = replace(note, 'mirror', 'mirrox')");
  database.close();
  await there.start();
  assert.equal(there.manager.servedLog(hash)?.checkpoint(), undefined);
  await assert.rejects(there.manager.getCertificate('rec-3'), { code: 'NOT_CERTIFIED' });
  assert.ok(there.alarms().includes('rotten'));
  // The origin brings the texts of now, and all is well again.
  await here.start();
  await until('mended', () =>
    there.manager.getCertificate('rec-3').then(
      () => true,
      () => false,
    ),
  );
  assert.ok(there.manager.servedLog(hash)?.checkpoint() !== undefined);
});
