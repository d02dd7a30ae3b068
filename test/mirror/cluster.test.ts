import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { parseLogText } from '../../src/log/log-text.ts';
import { sha256, toHex, utf8Bytes } from '../../src/std/bytes.ts';
import { formatNote, parseNote } from '../../src/tlog/note.ts';
import { formatTlogProof, parseTlogProof } from '../../src/tlog/tlog-proof.ts';
import { verifyCertificate } from '../../src/verify.ts';
import { MirroredCluster, type TestRegion, until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';

const THREE = { weights: { 'us-east-1': 1, 'us-west-1': 1, 'eu-west-1': 1 }, threshold: 2 };
/** `RECEIPTS=100000` for the whole of it. */
const COUNT = Number(process.env['RECEIPTS'] ?? 6_000);

/** Size and root of a log as a region serves it: its own, or that of another one that it mirrors. */
function headOf(region: TestRegion, origin: TestRegion): string {
  const line = `test.example.com/${origin.id}/log/1`;
  const log = region.manager.servedLog(region === origin ? undefined : toHex(sha256(utf8Bytes(line))));
  const note = log?.checkpoint();
  if (note === undefined) return 'nothing';
  const { size, root } = parseLogText(parseNote(note).text);
  return `${size} ${toHex(root)}`;
}

async function isCertifiedBy(cluster: MirroredCluster, region: TestRegion, n: string): Promise<boolean> {
  const certificate = await region.manager.getCertificate(`rec-${n}`);
  return (await verifyCertificate({ certificate, receipt: receiptOf(n), policy: cluster.policy(region.id) })).valid;
}

test('three origins at once, a region away meanwhile: equal logs everywhere, and a certificate of any receipt from any region, without its origin too', async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
  console.log(`seed ${seed}, ${COUNT} receipts`);
  const random = new Random(seed);
  await using cluster = await MirroredCluster.start(THREE);
  const [east, west, eu] = cluster.regions;
  assert.ok(east !== undefined && west !== undefined && eu !== undefined);
  const submit = async (region: TestRegion, from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 500) {
      const some = Array.from({ length: Math.min(500, to - n) }, (_, k) => region.manager.syncReceipt(receiptOf(`${region.id}-${n + k}`)));
      for (const result of await Promise.all(some)) assert.equal(result.outcome, 'quorum');
    }
  };
  const each = Math.floor(COUNT / 3);
  await submit(eu, 0, each);
  const others = [submit(east, 0, each), submit(west, 0, each)];
  await eu.stop();
  await Promise.all(others);
  await eu.start();
  for (const origin of cluster.regions)
    for (const region of cluster.regions) await until(`${region.id} has the log of ${origin.id}`, () => headOf(region, origin) === headOf(origin, origin));
  const any = (): string => `${random.pick(cluster.regions).id}-${random.below(each)}`;
  for (const region of cluster.regions) {
    for (const n of [`${region.id}-0`, `us-east-1-${each - 1}`, any(), any(), any()])
      await until(`${region.id} certifies ${n}`, () => isCertifiedBy(cluster, region, n).catch(() => false));
  }
  await east.stop();
  for (let k = 0; k < 5; k += 1) assert.equal(await isCertifiedBy(cluster, random.pick([west, eu]), `us-east-1-${random.below(each)}`), true);
  assert.deepEqual(
    cluster.regions.flatMap((region) => region.alarms()).filter((alarm) => alarm !== 'link-paused'),
    [],
  );
});

test('a certificate with one signature less, or with one region twice, does not verify; one with all does', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const east = cluster.region('us-east-1');
  const result = await east.manager.syncReceipt(receiptOf(1), { waitFor: 'all' });
  const certificate = await result.certificate();
  const policy = cluster.policy('us-east-1');
  const valid = async (text: string): Promise<boolean> => (await verifyCertificate({ certificate: text, receipt: receiptOf(1), policy })).valid;
  assert.equal(await valid(certificate), true);
  const proof = parseTlogProof(certificate);
  const [log, first, second, ...more] = proof.note.signatures;
  assert.ok(log !== undefined && first !== undefined && second !== undefined && more.length === 0);
  const signedBy = (...signatures: (typeof proof.note.signatures)[number][]): string => formatTlogProof({ ...proof, note: { ...proof.note, signatures } });
  assert.deepEqual(
    [await valid(signedBy(log, first)), await valid(signedBy(log, second, second)), await valid(signedBy(first, second))],
    [false, false, false],
  );
  assert.equal(await valid(signedBy(second, first, log)), true);
  const all = await east.manager.getCertificate('rec-1', { all: true });
  assert.deepEqual([await valid(all), parseTlogProof(all).note.signatures.length], [true, 4]);
  assert.equal(formatNote(parseNote(formatNote(proof.note))), formatNote(proof.note));
});

test('weights 2, 1, 1 with threshold 3: the heavy region and one other are enough, the light ones are not', async () => {
  await using cluster = await MirroredCluster.start({ weights: { heavy: 2, light: 1, feather: 1 }, threshold: 3 });
  assert.match(cluster.policy('heavy'), /^weight heavy 2$/m);
  await cluster.region('feather').stop();
  const result = await cluster.region('heavy').manager.syncReceipt(receiptOf(1));
  assert.deepEqual([result.outcome, result.weight], ['quorum', 3]);
  const certificate = await result.certificate();
  assert.equal((await verifyCertificate({ certificate, receipt: receiptOf(1), policy: cluster.policy('heavy') })).valid, true);
  await cluster.region('feather').start();
  await cluster.region('heavy').stop();
  const light = await cluster.region('light').manager.syncReceipt(receiptOf(2), { deadline: '1s' });
  assert.deepEqual([light.outcome, light.weight <= 2], ['pending', true]);
  await assert.rejects(cluster.region('light').manager.getCertificate('rec-2'), { code: 'NOT_CERTIFIED' });
  await cluster.region('heavy').start();
  await until('the receipt of the light region is certified', () => isCertifiedBy(cluster, cluster.region('light'), '2').catch(() => false));
});

test('five regions with threshold 3 go on without two of them', async () => {
  await using cluster = await MirroredCluster.start({ weights: { a: 1, b: 1, c: 1, d: 1, e: 1 }, threshold: 3 });
  await Promise.all([cluster.region('d').stop(), cluster.region('e').stop()]);
  const result = await cluster.region('a').manager.syncReceipt(receiptOf(1));
  assert.equal(result.outcome, 'quorum');
  assert.equal(parseTlogProof(await result.certificate()).note.signatures.length, 4);
  await cluster.region('d').start();
  await until('d certifies it too', () => isCertifiedBy(cluster, cluster.region('d'), '1').catch(() => false));
});

test('a plain remote beside a mirrored one: both count towards the quorum, the plain one in no certificate', async () => {
  await using cluster = await MirroredCluster.start({ ...THREE, plain: ['eu-west-1'] });
  const east = cluster.region('us-east-1');
  const both = await east.manager.syncReceipt(receiptOf(1), { waitFor: 'all' });
  assert.deepEqual([both.weight, both.syncedRegions], [3, 3]);
  assert.equal(parseTlogProof(await both.certificate()).note.signatures.length, 3);
  assert.equal((await cluster.region('eu-west-1').manager.getReceipt('rec-1'))?.receiptId, 'rec-1');
  await cluster.region('us-west-1').stop();
  const plain = await east.manager.syncReceipt(receiptOf(2));
  assert.equal(plain.outcome, 'quorum');
  await assert.rejects(east.manager.getCertificate('rec-2'), { code: 'NOT_CERTIFIED' });
  const fromPlain = await cluster.region('eu-west-1').manager.syncReceipt(receiptOf(3));
  assert.equal(fromPlain.outcome, 'quorum');
  await assert.rejects(fromPlain.certificate(), { code: 'QUORUM_NOT_REACHED' });
  await cluster.region('us-west-1').start();
  await until('the second receipt is certified', () => isCertifiedBy(cluster, east, '2').catch(() => false));
});

test('two contents under one id in two regions: the third names its refusal, one is certified at most, and later receipts go on', async () => {
  await using cluster = await MirroredCluster.start(THREE);
  const [east, west] = cluster.regions;
  assert.ok(east !== undefined && west !== undefined);
  const [here, there] = await Promise.allSettled([east.manager.syncReceipt(receiptOf('x')), west.manager.syncReceipt(receiptOf('x', { ticks: 9 }))]);
  const won = [here, there].filter((each) => each.status === 'fulfilled' && each.value.outcome === 'quorum');
  assert.ok(won.length <= 1);
  for (const region of [east, west]) assert.equal((await region.manager.syncReceipt(receiptOf(`after-${region.id}`), { waitFor: 'all' })).weight, 3);
  await until('the winner is certified', async () => {
    const certificates = await Promise.allSettled([east.manager.getCertificate('rec-x'), west.manager.getCertificate('rec-x')]);
    return certificates.some(({ status }) => status === 'fulfilled');
  });
  const policy = cluster.policy('us-east-1');
  const verdicts = await Promise.all(
    [receiptOf('x'), receiptOf('x', { ticks: 9 })].map(async (receipt) => {
      const found = await Promise.allSettled(cluster.regions.map(({ manager }) => manager.getCertificate('rec-x')));
      const reports = found.flatMap((each) => (each.status === 'fulfilled' ? [verifyCertificate({ certificate: each.value, receipt, policy })] : []));
      return (await Promise.all(reports)).some(({ valid }) => valid);
    }),
  );
  assert.equal(verdicts.filter((isCertified) => isCertified).length, 1);
  assert.ok([east, west].some(({ manager }) => /\/refused\n/.test(manager.servedLog()?.checkpoint() ?? '')));
});
