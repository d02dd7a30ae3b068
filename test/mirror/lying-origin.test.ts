import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readSigner } from '../../src/adapters/signer-file.ts';
import { policyHash } from '../../src/quorum/cluster-policy.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { formatNote } from '../../src/tlog/note.ts';
import { verifyCertificate, verifyFork } from '../../src/verify.ts';
import { History, LyingOrigin } from '../lying-origin.ts';
import { MirroredCluster, type TestRegion, until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** The liar's log key and its mirror key lie: 2 × 3 > 4 + 1 (SPEC §4). */
const SHAPE = { weights: { liar: 1, one: 1, two: 1, three: 1 }, threshold: 3 };

interface Scene extends AsyncDisposable {
  readonly cluster: MirroredCluster;
  readonly liar: LyingOrigin;
  /** Where the liar answers, if it does. */
  readonly place: TestRegion;
  readonly honest: readonly TestRegion[];
  readonly policy: string;
}

/** Three honest regions, and one whose keys are in the hands of the test. */
async function scene(): Promise<Scene> {
  const cluster = await MirroredCluster.start(SHAPE);
  const place = cluster.region('liar');
  await place.stop();
  const signer = readSigner(join(cluster.folder, 'liar', 'keys.json'), { cluster: 'test.example.com', region: 'liar' });
  const policy = cluster.policy('one');
  const honest = ['one', 'two', 'three'].map((id) => cluster.region(id));
  return { cluster, place, honest, policy, liar: new LyingOrigin(signer, policyHash(policy)), [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

function receipts(count: number, name: string): readonly Receipt[] {
  return Array.from({ length: count }, (_, n) => receiptOf(`${name}-${n}`));
}

function alarmOf(region: TestRegion, kind: string): ReturnType<TestRegion['manager']['alarms']>[number] | undefined {
  return region.manager.overview().alarms.find(({ alarm, region: about }) => alarm === kind && about === 'liar');
}

/** How many of these certify their receipt, as anybody judges it who has the policy. */
async function valid(policy: string, claims: readonly { readonly certificate: string; readonly receipt: Receipt }[]): Promise<number> {
  const reports = await Promise.all(claims.map((claim) => verifyCertificate({ ...claim, policy })));
  return reports.filter((report) => report.valid).length;
}

/** The one evidence file of a region, verified by a process of its own that has nothing but the file and the public policy. */
async function checkEvidence({ cluster, policy }: Scene, region: TestRegion): Promise<string> {
  const folder = join(region.config.dataDir, 'evidence');
  const files = readdirSync(folder);
  assert.equal(files.length, 1);
  assert.equal(files[0], `${alarmOf(region, 'fork')?.evidence}.json`);
  const policyFile = join(cluster.folder, 'policy');
  writeFileSync(policyFile, policy);
  const file = join(folder, files[0] ?? '');
  const { status, stdout } = spawnSync(process.execPath, ['-C', 'source', MAIN, 'verify', file, '--policy', policyFile], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
  assert.match(stdout, /valid: this key has signed two histories of one log/);
  return files[0] ?? '';
}

test('two checkpoints of one size for two mirrors: one content certified at most, the third refuses, all three have the proof', async () => {
  await using all = await scene();
  const { liar, honest, policy } = all;
  const [one, two, three] = honest;
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  const a = new History(liar.signer, [receiptOf('x', { ticks: 1 })]);
  const b = new History(liar.signer, [receiptOf('x', { ticks: 2 })]);
  assert.equal((await liar.show(one.url, a, { start: 0 })).kind, 'cosigned');
  assert.equal((await liar.show(two.url, b, { start: 0 })).kind, 'cosigned');
  assert.equal((await liar.show(three.url, a, { start: 0 })).kind, 'cosigned');
  const refused = await liar.show(three.url, b, { start: 0 });
  assert.deepEqual([refused.kind, refused.kind === 'failed' && refused.failure.status], ['failed', 422]);
  for (const region of honest) await until(`${region.id} has the alarm`, () => alarmOf(region, 'fork') !== undefined);
  const claims = await Promise.all(
    [a, b].map(async (history, n) => ({ receipt: receiptOf('x', { ticks: n + 1 }), certificate: await liar.certificate(history, 0) })),
  );
  assert.equal(await valid(policy, claims), 1);
  const names = await Promise.all(honest.map((region) => checkEvidence(all, region)));
  assert.equal(new Set(names).size, 1);
  // It stays over a restart; acknowledged it is gone, and in the record; the same two checkpoints raise it no more.
  await one.stop();
  await one.start();
  const alarm = alarmOf(one, 'fork');
  assert.ok(alarm !== undefined);
  assert.equal(alarm.notes.length, 2);
  await assert.rejects(one.manager.acknowledgeAlarm(alarm.id, ' '), { code: 'INVALID_QUERY' });
  await assert.rejects(one.manager.acknowledgeAlarm('77', 'why'), { code: 'NOT_FOUND' });
  await one.manager.acknowledgeAlarm(alarm.id, 'region retired');
  assert.equal((await liar.show(one.url, b, { start: 0 })).kind, 'failed');
  await one.stop();
  await one.start();
  assert.equal((await liar.show(one.url, b, { start: 0 })).kind, 'failed');
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  assert.equal(alarmOf(one, 'fork'), undefined);
  assert.deepEqual(
    one.manager
      .alarms()
      .filter(({ alarm: kind }) => kind === 'fork')
      .map(({ acknowledged }) => acknowledged?.reason),
    ['region retired'],
  );
});

test('a log that forks at entry 5 for two mirrors: each refuses the other history, and the proof leads through the larger tree', async () => {
  await using all = await scene();
  const { liar, honest, policy } = all;
  const [one, two, three] = honest;
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  const trunk = new History(liar.signer, receipts(5, 'trunk'));
  for (const { url } of honest) assert.equal((await liar.show(url, trunk, { start: 0 })).kind, 'cosigned');
  const a = trunk.with(receiptOf('fork', { ticks: 1 }), ...receipts(3, 'a'));
  const b = trunk.with(receiptOf('fork', { ticks: 2 }), ...receipts(1, 'b'));
  assert.equal((await liar.show(one.url, a, { start: 5 })).kind, 'cosigned');
  assert.equal((await liar.show(two.url, b, { start: 5 })).kind, 'cosigned');
  for (const [region, other] of [
    [one, b],
    [two, a],
  ] as const) {
    const report = await liar.show(region.url, other, { start: 5 });
    assert.equal(report.kind === 'failed' && report.failure.status, 422);
  }
  // What leads nowhere that is known is a statement all the same, and stands until it can be judged.
  assert.ok(alarmOf(two, 'log-differs') !== undefined);
  for (const region of honest) await until(`${region.id} has the alarm`, () => alarmOf(region, 'fork') !== undefined);
  for (const region of honest) {
    const [first, second] = alarmOf(region, 'fork')?.notes ?? [];
    assert.match(first ?? '', /\n7\n/);
    assert.match(second ?? '', /\n9\n/);
    await checkEvidence(all, region);
  }
  const claims = await Promise.all(
    [a, b].map(async (history, n) => ({ receipt: receiptOf('fork', { ticks: n + 1 }), certificate: await liar.certificate(history, 5) })),
  );
  assert.equal(await valid(policy, claims), 0);
  // The third goes on with one of them: then that one is certified, and never the other.
  assert.equal((await liar.show(three.url, a, { start: 5 })).kind, 'cosigned');
  assert.equal(await valid(policy, [{ receipt: receiptOf('fork', { ticks: 1 }), certificate: await liar.certificate(a, 5) }]), 1);
});

test('a log that goes back: a prefix of it is answered with the own size and never signed, other entries at a size it had are a fork', async () => {
  await using all = await scene();
  const { liar, honest, place } = all;
  const [one] = honest;
  assert.ok(one !== undefined);
  const whole = new History(liar.signer, receipts(6, 'whole'));
  assert.equal((await liar.show(one.url, whole, { start: 0 })).kind, 'cosigned');
  const prefix = await liar.show(one.url, whole, { start: 0, size: 3 });
  assert.deepEqual(prefix, { kind: 'size', size: 6 });
  assert.equal(alarmOf(one, 'fork'), undefined);
  // Asked for its log, it shows the shorter one, signed and cosigned.
  const note = whole.checkpoint(3);
  const shown = formatNote({ ...note, signatures: [...note.signatures, liar.signer.cosign(note.text, 1_900_000_000)] });
  place.serve((_, response) => response.end(JSON.stringify({ region: 'liar', checkpoints: [shown], evidence: [] })));
  await until('the alarm says that it went back', () => alarmOf(one, 'rollback') !== undefined, 60_000);
  assert.deepEqual(
    alarmOf(one, 'rollback')?.notes.map((text) => text.split('\n')[1]),
    ['3', '6'],
  );
  assert.equal(alarmOf(one, 'fork'), undefined);
  const other = whole.forkedAt(2, ...receipts(2, 'other'));
  const report = await liar.show(one.url, other, { start: 0 });
  assert.equal(report.kind === 'failed' && report.failure.status, 422);
  await until('the alarm says that it forked', () => alarmOf(one, 'fork') !== undefined);
  await checkEvidence(all, one);
});

test('an origin that drops the refused lines gets no signature for them, and no second certificate', async () => {
  await using all = await scene();
  const { liar, honest, policy } = all;
  const [one, two, three] = honest;
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  const [first, second] = [receiptOf('x', { ticks: 1 }), receiptOf('x', { ticks: 2 })];
  // Two contents at once: `one` has the first from its own application, the others see the liar's before they hear of it.
  const history = new History(liar.signer, [second, ...receipts(3, 'more')]);
  for (const { url } of [two, three]) assert.equal((await liar.show(url, history, { start: 0 })).kind, 'cosigned');
  await one.manager.syncReceipt(first, { waitFor: 'local' });
  for (let round = 0; round < 5; round += 1) {
    const report = await liar.show(one.url, history, { start: round });
    assert.deepEqual(report, { kind: 'refuses', ranges: [{ first: 0, last: 0 }] });
  }
  // Lines that do not say it either: of another region, of another entry.
  for (const refused of [[{ region: 'two', first: 0, last: 0 }], [{ region: 'one', first: 1, last: 1 }]])
    assert.equal((await liar.show(one.url, history, { start: 4, refused })).kind, 'refuses');
  const named = [{ region: 'one', first: 0, last: 0 }];
  assert.equal((await liar.show(one.url, history, { start: 4, refused: named })).kind, 'cosigned');
  await until('the second content is refused by the others', () => /\/refused\n/.test(one.manager.servedLog()?.checkpoint() ?? ''));
  const certificates = [await liar.certificate(history, 0), await liar.certificate(history, 0, 4, named)];
  assert.equal(await valid(policy, [{ receipt: second, certificate: certificates[0] ?? '' }]), 1);
  assert.equal(await valid(policy, [{ receipt: second, certificate: certificates[1] ?? '' }]), 0);
  // Everything that `one` has been given for its own log, and what the liar adds to it, is not enough for the first.
  await one.manager.syncReceipt(receiptOf('later'), { waitFor: 'quorum' });
  for (const { manager } of honest) {
    const certificate = await manager.getCertificate('rec-x').catch(() => '');
    assert.equal(await valid(policy, [{ receipt: first, certificate }]), 0);
  }
});

test('two instances by turns are not taken and not counted, over a restart too, until an operator has spoken', async () => {
  await using all = await scene();
  const { liar, honest, place } = all;
  const [one] = honest;
  assert.ok(one !== undefined);
  const history = new History(liar.signer, receipts(8, 'turns'));
  const instances = ['a', 'b'].map((letter) => `${letter.repeat(32)}-1`);
  const send = async (n: number): Promise<string> => {
    const report = await liar.show(one.url, history, { start: n, size: n + 1, instance: instances[n % 2] ?? '' });
    return report.kind === 'failed' ? String(report.failure.status) : report.kind;
  };
  const said: string[] = [];
  for (let n = 0; n < 6; n += 1) said.push(await send(n));
  // The second return tells, once its receipts are there: headers alone are anybody's.
  assert.deepEqual(said, ['cosigned', 'cosigned', 'cosigned', 'cosigned', '403', '403']);
  await one.stop();
  await one.start();
  assert.equal(await send(3), '403');
  // Its word is not counted either, though it answers again as it should.
  await place.start();
  const result = await one.manager.syncReceipt(receiptOf('counted'), { waitFor: 'all', deadline: '3s' });
  assert.deepEqual([result.weight, result.outcome], [3, 'quorum']);
  const alarm = alarmOf(one, 'two-instances');
  assert.ok(alarm !== undefined);
  await one.manager.acknowledgeAlarm(alarm.id, 'the second machine is switched off');
  await until(
    'it counts again',
    async () => (await one.manager.verify('rec-counted')).weight === 4 && (await one.manager.getSyncStatus()).every(({ owedCount }) => owedCount === 0),
  );
  await place.stop();
  assert.equal(await send(3), 'cosigned');
});

test('a proof needs nobody’s word: evidence that does not verify is not taken, and raises nothing', async () => {
  await using all = await scene();
  const { liar, honest, place, policy } = all;
  const history = new History(liar.signer, receipts(4, 'true'));
  for (const { url } of honest) assert.equal((await liar.show(url, history, { start: 0 })).kind, 'cosigned');
  let asked = 0;
  const lies = [JSON.stringify({ type: 'receipt-sync/fork/v1', log: 'x', checkpoints: [], proof: [] }), '{', 'x'.repeat(1_000)];
  place.serve((_, response) => {
    asked += 1;
    response.end(JSON.stringify({ region: 'liar', checkpoints: [...lies, formatNote(history.checkpoint())], evidence: lies }));
  });
  await until('it was asked', () => asked > 4, 60_000);
  for (const region of honest)
    assert.deepEqual(
      region.manager.alarms().filter(({ alarm }) => alarm !== 'link-paused'),
      [],
    );
  for (const evidence of lies) assert.equal((await verifyFork({ evidence, policy })).valid, false);
});
