import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLogText } from '../../src/log/log-text.ts';
import { toHex } from '../../src/std/bytes.ts';
import { parseNote } from '../../src/tlog/note.ts';
import { parseTlogProof } from '../../src/tlog/tlog-proof.ts';
import { verifyCertificate } from '../../src/verify.ts';
import { MirroredCluster, type TestRegion, until } from '../mirrored.ts';
import { receiptOf, sealed } from '../receipts.ts';

const THREE = { weights: { 'us-east-1': 1, 'us-west-1': 1, 'eu-west-1': 1 }, threshold: 2 };

function linesOf(region: TestRegion): readonly string[] {
  return parseLogText(parseNote(region.manager.servedLog()?.checkpoint() ?? '').text).refused.map((line) => `${line.region} ${line.first}-${line.last}`);
}

async function nothingOwed(region: TestRegion): Promise<boolean> {
  return (await region.manager.getSyncStatus()).every(({ owedCount }) => owedCount === 0);
}

/** The first region takes one content, the second another one, before either has heard of the other's. */
async function conflict(one: TestRegion, two: TestRegion, name: string): Promise<void> {
  await Promise.all([
    one.manager.syncReceipt(receiptOf(name), { waitFor: 'local' }),
    two.manager.syncReceipt(receiptOf(name, { ticks: 9 }), { waitFor: 'local' }),
  ]);
}

test('a receipt that the own application brings and that is certified in another log is a duplicate with a quorum: nothing is stored', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const [east, west] = cluster.regions;
  assert.ok(east !== undefined && west !== undefined);
  await (await east.manager.syncReceipt(receiptOf(1), { waitFor: 'all' })).certificate();
  await until('west holds its certificate', () =>
    west.manager.getCertificate('rec-1').then(
      () => true,
      () => false,
    ),
  );
  const before = west.manager.servedLog()?.checkpoint();
  const again = await west.manager.syncReceipt(receiptOf(1));
  assert.deepEqual([again.outcome, again.duplicate, again.quorumAchieved, again.weight >= 2, again.errors], ['quorum', true, true, true, []]);
  assert.equal(again.digest, toHex(sealed(receiptOf(1)).digest));
  const certificate = await again.certificate();
  assert.equal(parseTlogProof(certificate).checkpoint.origin, 'test.example.com/us-east-1/log/1');
  assert.equal((await verifyCertificate({ certificate, receipt: receiptOf(1), policy: cluster.policy('us-west-1') })).valid, true);
  assert.equal((await west.manager.waitForQuorum('rec-1')).outcome, 'quorum');
  assert.equal(west.manager.servedLog()?.checkpoint(), before);
  await assert.rejects(west.manager.syncReceipt(receiptOf(1, { ticks: 9 })), { code: 'RECEIPT_CONFLICT' });
});

test('what is not certified yet goes into the own log too', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const [east, west, eu] = cluster.regions;
  assert.ok(east !== undefined && west !== undefined && eu !== undefined);
  await Promise.all([west.stop(), eu.stop()]);
  await east.manager.syncReceipt(receiptOf(1), { waitFor: 'local' });
  await east.stop();
  await Promise.all([west.start(), eu.start()]);
  const result = await west.manager.syncReceipt(receiptOf(1));
  assert.deepEqual([result.outcome, result.duplicate], ['quorum', false]);
  await east.start();
  await until('both places are known', async () => (await west.manager.getStored('rec-1'))?.places.length === 2);
});

test('a plain remote is owed no evidence, after a restart neither, and is told of what comes after it', async () => {
  await using cluster = await MirroredCluster.start({ weights: { a: 1, b: 1, c: 1, plain: 1 }, threshold: 2, plain: ['plain'] });
  const [a, b] = [cluster.region('a'), cluster.region('b')];
  await cluster.region('plain').stop();
  for (let n = 0; n < 3; n += 1) await conflict(a, b, `x-${n}`);
  await until(
    'both have evidence',
    async () => (await a.manager.getStored('rec-x-2'))?.refused.length === 1 && (await b.manager.getStored('rec-x-2'))?.refused.length === 1,
  );
  await a.manager.syncReceipt(receiptOf('after'));
  const { receipts } = a.manager.overview();
  await a.stop();
  await a.start();
  // Own receipts and mirrored ones; evidence is none, and is in the log all the same.
  assert.equal(a.manager.overview().receipts, receipts);
  const { size } = parseLogText(parseNote(a.manager.servedLog()?.checkpoint() ?? '').text);
  assert.equal(size, 7);
  await cluster.region('plain').start();
  // A call rings the circuit: else the link takes its time.
  await a.manager.syncReceipt(receiptOf('ring'), { deadline: '2s', waitFor: 'all' });
  await until('nothing is owed', () => nothingOwed(a));
  const held = await cluster.region('plain').manager.list({ limit: 100 });
  assert.ok(held.receipts.some(({ stored }) => stored.receipt.receiptId === 'rec-after'));
  await conflict(a, b, 'x-9');
  const last = await a.manager.syncReceipt(receiptOf('last'), { waitFor: 'all' });
  assert.equal(last.syncedRegions, 4);
  await until('nothing is owed again', () => nothingOwed(a));
});

test('an observer refuses without lines: what it refuses it does not sign, nothing waits for it, and nobody asks it for ever', async () => {
  await using cluster = await MirroredCluster.start({ weights: { a: 1, b: 1, c: 1, watcher: 0 }, threshold: 2 });
  const [a, watcher] = [cluster.region('a'), cluster.region('watcher')];
  const others = cluster.regions.filter((region) => region !== watcher);
  // It takes its own content while nobody hears of it, and comes back when the others have another one.
  await Promise.all(others.map((region) => region.stop()));
  await watcher.manager.syncReceipt(receiptOf('x', { ticks: 9 }), { waitFor: 'local' });
  await watcher.stop();
  await Promise.all(others.map((region) => region.start()));
  assert.equal((await a.manager.syncReceipt(receiptOf('x'))).outcome, 'quorum');
  await watcher.start();
  await a.manager.syncReceipt(receiptOf('ring'), { waitFor: 'all', deadline: '2s' });
  await until('the refusal is known', () => a.events.some((event) => event.kind === 'refused' && event.region === 'watcher' && event.receiptId === 'rec-x'));
  const result = await a.manager.syncReceipt(receiptOf('after'), { waitFor: 'all' });
  assert.deepEqual([result.outcome, result.weight, result.syncedRegions, result.errors, result.pending], ['quorum', 3, 4, [], []]);
  assert.deepEqual(linesOf(a), []);
  const certificate = await a.manager.getCertificate('rec-x', { all: true });
  assert.equal((await verifyCertificate({ certificate, receipt: receiptOf('x'), policy: cluster.policy('a') })).valid, true);
  assert.ok(!certificate.includes('/watcher/mirror'));
  const stored = await a.manager.getStored('rec-x');
  assert.equal(stored && a.manager.standingOf(stored).state, 'conflict');
  await until('nothing is owed', () => nothingOwed(a));
  await a.stop();
  await a.start();
  await until('nothing is owed after a restart', () => nothingOwed(a));
  // Its own content weighs nothing: it reaches no quorum.
  const verified = await watcher.manager.verify('rec-x');
  assert.equal(verified.verdict, 'conflict');
});

test('where nothing is owed any more a conflict leaves the links quiet, beside an observer too', async () => {
  await using cluster = await MirroredCluster.start({ weights: { a: 1, b: 1, watcher: 0 }, threshold: 2 });
  const [a, b, watcher] = [cluster.region('a'), cluster.region('b'), cluster.region('watcher')];
  await conflict(a, watcher, 'x');
  await conflict(a, b, 'y');
  for (const region of cluster.regions) await until('nothing is owed', () => nothingOwed(region));
  await until('the line is there', () => linesOf(a).length > 0);
  // A sync point each second while there is something new.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  for (const region of cluster.regions) region.requests = 0;
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  // Each link speaks up every ten seconds: six of them.
  for (const region of cluster.regions) assert.ok(region.requests <= 4, `${region.requests} requests to ${region.id} in three seconds of nothing`);
});

test('the first text after a restart names what remotes refuse, and what is refused by id is there too', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const [east, west] = cluster.regions;
  assert.ok(east !== undefined && west !== undefined);
  await conflict(east, west, 'x');
  await until('the lines are there', () => linesOf(east).length > 0 && linesOf(west).length > 0);
  const lines = linesOf(east);
  await east.stop();
  await east.start();
  assert.deepEqual(linesOf(east), lines);
  const stored = await east.manager.getStored('rec-x');
  assert.deepEqual(
    stored?.refused.map(({ log, digest }) => [east.manager.originOf(log), toHex(digest)]),
    [['us-west-1', toHex(sealed(receiptOf('x', { ticks: 9 })).digest)]],
  );
  assert.deepEqual(
    (await east.manager.list({ state: 'conflict', limit: 10 })).receipts.map(({ stored: each }) => each.receipt.receiptId),
    ['rec-x'],
  );
});
