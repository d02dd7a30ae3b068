import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newKeys, readSigner } from '../../src/adapters/signer-file.ts';
import { lockPath } from '../../src/adapters/store-sqlite/start-journal.ts';
import { openSqliteStore } from '../../src/adapters/store-sqlite/store.ts';
import { mirrorName } from '../../src/log/names.ts';
import { NO_CHANGES } from '../../src/ports/log-store.ts';
import { formatVerifierKey, parseVerifierKey, TYPE_COSIGNATURE, verifierKey } from '../../src/tlog/vkey.ts';
import { MirroredCluster, until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';
import { recordsIn } from '../store/journal-of.ts';

const THREE = { weights: { 'us-east-1': 1, 'us-west-1': 1, 'eu-west-1': 1 }, threshold: 2 };

/** Makes the lock file forget a commit in its middle, as it does of its own when it is full. */
function forgetCommit(dataDir: string, number: number): void {
  const lock = `${dataDir}.lock`;
  const file = readFileSync(lock);
  const at = recordsIn(lock, dataDir).find((record) => record.kind === 'commit' && record.number === number)?.at;
  assert.ok(at !== undefined);
  file.fill(0, at, at + 4);
  writeFileSync(lock, file);
}

/** The newest commit that a lock file tells of. */
function newestCommit(dataDir: string): number {
  return recordsIn(`${dataDir}.lock`, dataDir).at(-1)?.number ?? 0;
}

test('a store that is put back from an older copy is brought up from its lock file, and signs on', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const east = cluster.region('us-east-1');
  const { dataDir } = east.config;
  await east.manager.syncReceipt(receiptOf(1), { waitFor: 'all' });
  await east.stop();
  cpSync(dataDir, `${dataDir}.copy`, { recursive: true });
  // What a signature rested on after the copy was made is in the lock file, whole.
  await east.start();
  assert.equal((await east.manager.syncReceipt(receiptOf(2), { waitFor: 'all' })).outcome, 'quorum');
  const lock = readFileSync(`${dataDir}.lock`);
  await east.stop();
  rmSync(dataDir, { recursive: true });
  renameSync(`${dataDir}.copy`, dataDir);
  writeFileSync(`${dataDir}.lock`, lock);
  await east.start();
  assert.deepEqual(east.manager.overview().alarms, []);
  assert.deepEqual(await east.manager.getReceipt('rec-2'), receiptOf(2));
  assert.equal((await east.manager.syncReceipt(receiptOf(3), { waitFor: 'all' })).syncedRegions, 3);
});

test('a store that is put back from a copy older than its lock file reaches: it serves reads, takes and signs nothing, and says why', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const east = cluster.region('us-east-1');
  const { dataDir } = east.config;
  await east.manager.syncReceipt(receiptOf(1), { waitFor: 'all' });
  await east.stop();
  cpSync(dataDir, `${dataDir}.copy`, { recursive: true });
  const before = newestCommit(dataDir);
  await east.start();
  await east.manager.syncReceipt(receiptOf(2), { waitFor: 'all' });
  await east.manager.syncReceipt(receiptOf(22), { waitFor: 'all' });
  await east.stop();
  rmSync(dataDir, { recursive: true });
  renameSync(`${dataDir}.copy`, dataDir);
  forgetCommit(dataDir, before + 1);
  await east.start();
  assert.deepEqual(
    east.manager.overview().alarms.map(({ alarm }) => alarm),
    ['forgot'],
  );
  assert.match(east.manager.overview().alarms[0]?.message ?? '', /knows of commit \d+, this store ends with \d+: it is an older copy/);
  assert.equal(east.manager.isReady(), false);
  assert.equal((await east.manager.getReceipt('rec-1'))?.receiptId, 'rec-1');
  await assert.rejects(east.manager.syncReceipt(receiptOf(3)), { code: 'STORE_FAILED' });
  // The others go on, and what they certify is certified without it.
  const west = await cluster.region('us-west-1').manager.syncReceipt(receiptOf(4));
  assert.equal(west.outcome, 'quorum');
  await east.stop();
  await east.start();
  assert.equal(east.manager.overview().alarms.length, 1);
});

test('a lock file that is gone, damaged, or another store’s is as good as none; killed between commit and lock a region starts', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const east = cluster.region('us-east-1');
  const lock = `${east.config.dataDir}.lock`;
  await east.manager.syncReceipt(receiptOf(1));
  await east.stop();
  const good = readFileSync(lock);
  const alarmsWith = async (bytes: Uint8Array | undefined): Promise<readonly string[]> => {
    rmSync(lock, { force: true });
    if (bytes !== undefined) writeFileSync(lock, bytes);
    await east.start();
    const messages = east.manager.overview().alarms.map(({ message }) => message);
    await east.stop();
    return messages;
  };
  assert.match((await alarmsWith(undefined))[0] ?? '', /its lock file .* is gone/);
  assert.equal(existsSync(lock), false);
  assert.match((await alarmsWith(Buffer.alloc(1_024, 7)))[0] ?? '', /is damaged/);
  const other = cluster.region('us-west-1');
  await other.stop();
  assert.match((await alarmsWith(readFileSync(`${other.config.dataDir}.lock`)))[0] ?? '', /names another store/);
  // The record that was being written, torn by a power cut: nothing rested on it.
  const torn = Buffer.concat([good, Buffer.alloc(4_096)]);
  torn.write('RSjc', good.length, 'latin1');
  assert.deepEqual(await alarmsWith(torn), []);
  assert.deepEqual(await alarmsWith(good), []);
});

test('killed or out of disk before its first signature, a region starts: a lock file that was made and never written says nothing', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const east = cluster.region('us-east-1');
  const { dataDir } = east.config;
  const lock = `${dataDir}.lock`;
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(512), Buffer.alloc(1_024)]) {
    await east.stop();
    rmSync(dataDir, { recursive: true });
    writeFileSync(lock, bytes);
    await east.start();
    assert.deepEqual(east.manager.overview().alarms, []);
  }
  await east.stop();
  // A store that has signed had a lock with something in it.
  writeFileSync(lock, Buffer.alloc(1_024));
  await east.start();
  assert.match(east.manager.overview().alarms[0]?.message ?? '', /its lock file .* is empty/);
});

test('an older copy that ran without keys for a while has forgotten all the same once it has them again', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const east = cluster.region('us-east-1');
  const { dataDir } = east.config;
  await east.manager.syncReceipt(receiptOf(1), { waitFor: 'all' });
  await east.stop();
  cpSync(dataDir, `${dataDir}.copy`, { recursive: true });
  const before = newestCommit(dataDir);
  await east.start();
  await east.manager.syncReceipt(receiptOf(2), { waitFor: 'all' });
  await east.manager.syncReceipt(receiptOf(22), { waitFor: 'all' });
  await east.stop();
  rmSync(dataDir, { recursive: true });
  renameSync(`${dataDir}.copy`, dataDir);
  forgetCommit(dataDir, before + 1);
  const store = await openSqliteStore({ dataDir, region: 'us-east-1', cluster: 'test.example.com' });
  for (let n = 0; n < 50; n += 1) await store.commit(NO_CHANGES);
  await store.close();
  await east.start();
  assert.match(east.manager.overview().alarms[0]?.message ?? '', /it is an older copy/);
});

test('the lock lies beside the data directory, however that is written', async () => {
  assert.equal(lockPath('/a/data/'), '/a/data.lock');
  assert.equal(lockPath('/a/data/.'), '/a/data.lock');
  assert.equal(lockPath('/a/x/../data'), '/a/data.lock');
  assert.equal(lockPath('.'), `${process.cwd()}.lock`);
});

test('a remote that has lost its disk and its lock is not filled again in silence: it is not counted, an alarm says so, and it finds out itself', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const east = cluster.region('us-east-1');
  const eu = cluster.region('eu-west-1');
  for (let n = 0; n < 5; n += 1) await east.manager.syncReceipt(receiptOf(n), { waitFor: 'all' });
  await eu.stop();
  rmSync(eu.config.dataDir, { recursive: true });
  rmSync(`${eu.config.dataDir}.lock`);
  await eu.start();
  assert.equal((await east.manager.syncReceipt(receiptOf('next'))).outcome, 'quorum');
  await until('east says that eu has forgotten', () => east.alarms().includes('remote-forgot'));
  await until('eu says that it has forgotten', () => eu.alarms().includes('forgot'), 90_000);
  assert.equal(eu.manager.isReady(), false);
  const result = await east.manager.syncReceipt(receiptOf('later'), { waitFor: 'all', deadline: '3s' });
  assert.deepEqual([result.outcome, result.weight], ['quorum', 2]);
  assert.equal(await eu.manager.getReceipt('rec-1'), undefined);
});

test('an origin whose mirrors hold more of its log than itself has forgotten, and stops', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const east = cluster.region('us-east-1');
  for (let n = 0; n < 5; n += 1) await east.manager.syncReceipt(receiptOf(n), { waitFor: 'all' });
  await east.stop();
  rmSync(east.config.dataDir, { recursive: true });
  rmSync(`${east.config.dataDir}.lock`);
  await east.start();
  await until('east says that it has forgotten', () => east.alarms().includes('forgot'));
  await assert.rejects(east.manager.syncReceipt(receiptOf('fork')), { code: 'STORE_FAILED' });
  await east.stop();
  await east.start();
  assert.equal(east.manager.overview().alarms[0]?.alarm, 'forgot');
});

test('a key file that others may read, of another region, malformed, or with one key twice is refused', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const name = { cluster: 'test.example.com', region: 'us-east-1' };
  const path = `${cluster.folder}/keys.json`;
  const refused = (text: string, problem: RegExp, mode = 0o600): void => {
    rmSync(path, { force: true });
    writeFileSync(path, text, { mode });
    chmodSync(path, mode);
    assert.throws(
      () => readSigner(path, name),
      (error) => error instanceof Error && problem.test(error.message),
      String(problem),
    );
  };
  const { file } = newKeys(name);
  refused(file, /may be read by others \(mode 644\)/, 0o644);
  refused(file, /may be read by others \(mode 640\)/, 0o640);
  refused(newKeys({ ...name, region: 'us-west-1' }).file, /holds the key .*us-west-1\/log\/1, not/);
  refused('{', /is not JSON/);
  // What a damaged file says is a secret, and stays one: a parser that quotes it writes it into a log.
  const seed = /"seed": "([^"]+)"/.exec(file)?.[1] ?? '';
  const cut = join(cluster.folder, 'cut.json');
  writeFileSync(cut, file.replace(`${seed}"`, `${seed}`), { mode: 0o600 });
  assert.throws(
    () => readSigner(cut, name),
    (error) => error instanceof Error && ![...seed.matchAll(/(?=(.{6}))/g)].some(([, part = '']) => error.message.includes(part)),
  );
  refused(file.replace('"version": 1', '"version": 2'), /version 2/);
  refused('[]', /version/);
  refused('null', /version/);
  refused('{"version":1}', /no log\.seed of 32 bytes/);
  refused(file.replace(/"seed": "."/, '"seed": ""').replace(/"seed": ".{10}/, '"seed": "AAAAAAAAAA'), /not that of its seed/);
  const { log, mirror } = JSON.parse(file);
  refused(JSON.stringify({ version: 1, log: mirror, mirror: log }), /of another kind/);
  const twice = formatVerifierKey(verifierKey(mirrorName(name), TYPE_COSIGNATURE, parseVerifierKey(log.vkey).publicKey));
  refused(JSON.stringify({ version: 1, log, mirror: { vkey: twice, seed: log.seed } }), /holds one key twice/);
  assert.throws(() => readSigner(`${path}.none`, name), /There is no key file/);
  assert.throws(() => readSigner(cluster.folder, name), /is no key file/);
  writeFileSync(path, file, { mode: 0o600 });
  chmodSync(path, 0o600);
  assert.equal(readSigner(path, name).logKey.name, 'test.example.com/us-east-1/log/1');
});

test('a place where nothing can be made, or whose lock is no file, is an error at once', { timeout: 20_000 }, async () => {
  await using cluster = await MirroredCluster.start(THREE);
  for (const dataDir of ['/proc/nothing/data', '/dev/null/data']) await assert.rejects(openSqliteStore({ dataDir, region: 'a' }), { code: 'STORE_FAILED' });
  const dataDir = join(cluster.folder, 'deep', 'er', 'data');
  mkdirSync(`${dataDir}.lock`, { recursive: true });
  await assert.rejects(openSqliteStore({ dataDir, region: 'a', signs: true }), { code: 'STORE_FAILED' });
  rmSync(`${dataDir}.lock`, { recursive: true });
  await (await openSqliteStore({ dataDir, region: 'a', signs: true })).close();
});
