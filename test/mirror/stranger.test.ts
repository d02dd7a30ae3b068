import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { signingOf } from '../../src/manager.ts';
import { cosigners } from '../../src/quorum/certificate.ts';
import { utf8Bytes } from '../../src/std/bytes.ts';
import { formatNote, formatSignature, type Note, parseNote, parseSignature } from '../../src/tlog/note.ts';
import { parsePolicy } from '../../src/tlog/policy.ts';
import { verifyCertificate } from '../../src/verify.ts';
import { until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';
import { LogByHand, MirrorByHand, mirrorPath, post, Stage } from './by-hand.ts';

/** A real region that mirrors the log of `us-west-1`, which the test writes by hand. Whoever posts without that key has only what anybody can read. */
async function mirroring(): Promise<{ readonly stage: Stage; readonly log: LogByHand; readonly west: MirrorByHand }> {
  const west = await MirrorByHand.make('us-west-1');
  const stage = await Stage.open('us-east-1', [west.remote()], 2);
  stage.endWith(() => west.listening.close());
  return { stage, west, log: new LogByHand(west.signer) };
}

const text = (note: Note): Uint8Array => utf8Bytes(formatNote(note));

/** The origin's line with another signature behind the same name and key. */
function forged(note: Note): Note['signatures'][number] {
  const [line] = note.signatures;
  assert.ok(line !== undefined);
  return { ...line, signature: randomBytes(64) };
}

test('what a stranger adds to a signed checkpoint is neither kept nor served', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  log.add(receiptOf(1));
  const note = log.note();
  const stranger = { name: `${log.signer.logKey.name}/x`, keyId: 7, signature: randomBytes(64) };
  const said = await post(stage.url, log.batch(0, 1, { checkpoint: text({ text: note.text, signatures: [...note.signatures, stranger] }) }));
  assert.equal(said.status, 200, said.text);
  const served = parseNote(await (await fetch(`${stage.url}${mirrorPath(log.signer)}/checkpoint`)).text());
  assert.deepEqual(
    served.signatures.map(({ name }) => name),
    [log.signer.logKey.name, 'test.example.com/us-east-1/mirror'],
  );
  for (const signatures of [[...note.signatures, forged(note)], [forged(note), ...note.signatures], Array.from({ length: 99 }, () => forged(note))]) {
    const again = await post(stage.url, log.batch(1, 1, { checkpoint: text({ text: note.text, signatures }) }));
    assert.equal(again.status, 403);
  }
});

test('a certified checkpoint with lines that do not verify spoils no certificate', async () => {
  const { stage, log, west } = await mirroring();
  await using _ = stage;
  log.add(receiptOf(1));
  const note = log.note();
  const first = await post(stage.url, log.batch(0, 1));
  const own = parseSignature(first.text.trimEnd());
  const certified = { text: note.text, signatures: [...note.signatures, own, west.signer.cosign(note.text, 1_700_000_000)] };
  const junk = { ...west.signer.cosign(note.text, 1), name: 'test.example.com/somebody/mirror' };
  for (const bad of [
    [...certified.signatures, forged(note)],
    [forged(note), ...certified.signatures],
  ])
    await post(stage.url, log.batch(1, 1, { certified: text({ text: note.text, signatures: bad }) }));
  await until('an alarm', () => stage.alarms().includes('bad-certified-checkpoint'), 3_000);
  await assert.rejects(stage.manager.getCertificate('rec-1'), { code: 'NOT_CERTIFIED' });
  await post(stage.url, log.batch(1, 1, { certified: text({ text: note.text, signatures: [junk, ...certified.signatures] }) }));
  await until('certified', () =>
    stage.manager.getCertificate('rec-1').then(
      () => true,
      () => false,
    ),
  );
  const policy = signingOf(stage.config)?.cluster.policyText ?? '';
  for (const all of [true, false]) {
    const certificate = await stage.manager.getCertificate('rec-1', { all });
    const report = await verifyCertificate({ certificate, receipt: receiptOf(1), policy });
    assert.equal(report.valid, true, JSON.stringify(report.checks));
    assert.doesNotMatch(certificate, /somebody/);
    assert.equal(cosigners(parsePolicy(policy), note.text, parseNote(certificate.slice(certificate.indexOf('\n\n') + 2)).signatures).size, 2);
  }
});

test('a second field that claims a size far ahead keeps no certified checkpoint from being taken', async () => {
  const [west, eu] = [await MirrorByHand.make('us-west-1'), await MirrorByHand.make('eu-west-1')];
  await using stage = await Stage.open('us-east-1', [west.remote(), eu.remote()], 2);
  for (const { listening } of [west, eu]) stage.endWith(() => listening.close());
  const log = new LogByHand(west.signer).add(receiptOf(1), receiptOf(2));
  await post(stage.url, log.batch(0, 1));
  const note = log.note(2);
  const certified = { text: note.text, signatures: [...note.signatures, west.signer.cosign(note.text, 1_700_000_000), eu.signer.cosign(note.text, 1)] };
  await post(stage.url, log.batch(1, 1, { certified: text(certified) }));
  const ahead = log.note(Number.MAX_SAFE_INTEGER, { root: randomBytes(32) });
  for (const signatures of [[forged(ahead)], ahead.signatures]) await post(stage.url, log.batch(1, 1, { certified: text({ text: ahead.text, signatures }) }));
  await assert.rejects(stage.manager.getCertificate('rec-2'), { code: 'NOT_FOUND' });
  await post(stage.url, log.batch(1, 2));
  const isCertified = (): Promise<boolean> =>
    stage.manager.getCertificate('rec-2').then(
      () => true,
      () => false,
    );
  await until('certified by what was told before it was held', isCertified, 3_000);
});

test('headers that anybody can write do not make a mirror refuse an origin: only who brings receipts speaks for a data directory', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  const instance = (letter: string): Readonly<Record<string, string>> => ({ 'receipt-sync-instance': `${letter.repeat(32)}-1` });
  log.add(receiptOf(0));
  assert.equal((await post(stage.url, log.batch(0, 1), instance('a'))).status, 200);
  for (let n = 0; n < 6; n += 1) {
    assert.equal((await post(stage.url, log.batch(1, 1), instance('b'))).status, 200);
    assert.equal((await post(stage.url, log.batch(0, 1), instance('c'))).status, 200);
    log.add(receiptOf(n + 1));
    const size = log.size;
    assert.equal((await post(stage.url, log.batch(size - 1, size), instance('a'))).status, 200);
  }
  assert.deepEqual(stage.alarms(), []);
});

test('a region that is shown what it once signed stops, and says first where it stands: its origin must find out too', async () => {
  const { stage, log, west } = await mirroring();
  await using _ = stage;
  log.add(receiptOf(1), receiptOf(2));
  const note = log.note();
  const own = parseSignature((await post(stage.url, log.batch(0, 2))).text.trimEnd());
  await stage.stop();
  rmSync(stage.config.dataDir, { recursive: true });
  rmSync(`${stage.config.dataDir}.lock`);
  await stage.start();
  // As a certified checkpoint, not only as what is shown to one that has forgotten.
  const certified = { text: note.text, signatures: [...note.signatures, own, west.signer.cosign(note.text, 1_700_000_000)] };
  const said = await post(stage.url, log.batch(2, 2, { certified: text(certified) }));
  assert.deepEqual([said.status, said.text], [409, '0\n']);
  assert.deepEqual(stage.alarms(), ['forgot']);
  assert.equal((await post(stage.url, log.batch(0, 2))).status, 503);
});

test('two data directories that bring receipts by turns are not taken any more, with an alarm', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  const statuses: number[] = [];
  for (let n = 0; n < 8; n += 1) {
    log.add(receiptOf(n));
    const headers = { 'receipt-sync-instance': `${(n % 2 === 0 ? 'a' : 'b').repeat(32)}-1` };
    statuses.push((await post(stage.url, log.batch(n, n + 1), headers)).status);
  }
  assert.deepEqual(statuses.slice(0, 3), [200, 200, 200]);
  assert.deepEqual(statuses.slice(-3), [403, 403, 403]);
  assert.deepEqual(
    stage.alarms().filter((alarm) => alarm === 'two-instances'),
    ['two-instances'],
  );
});

test('a cosignature is the same for whoever asks, and a line of ours in a stranger’s hands stops nothing that is held', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  log.add(receiptOf(1), receiptOf(2));
  const first = await post(stage.url, log.batch(0, 2));
  const again = await post(stage.url, log.batch(0, 2));
  assert.equal(again.text, first.text);
  const note = log.note();
  const shown = { text: note.text, signatures: [...note.signatures, parseSignature(first.text.trimEnd())] };
  assert.equal((await post(stage.url, log.batch(2, 2, { certified: text(shown) }))).text, first.text);
  // Our signature under another text is none.
  const more = log.add(receiptOf(3)).note();
  const moved = { text: more.text, signatures: [...more.signatures, parseSignature(first.text.trimEnd())] };
  await post(stage.url, log.batch(2, 2, { checkpoint: text(note), certified: text(moved) }));
  assert.equal(stage.manager.isReady(), true);
  assert.equal((await post(stage.url, log.batch(2, 3))).status, 200);
  assert.match(formatSignature(parseSignature(first.text.trimEnd())), /us-east-1\/mirror/);
});

test('what is posted again and again raises each alarm once', async () => {
  const { stage, log } = await mirroring();
  await using _ = stage;
  log.add(receiptOf(1));
  await post(stage.url, log.batch(0, 1));
  for (let n = 0; n < 30; n += 1) {
    const headers = { 'receipt-sync-policy': `${n % 2}`.repeat(64) };
    await post(stage.url, log.batch(1, 1, { certified: randomBytes(40) }), headers);
    await post(stage.url, log.batch(1, 1, { checkpoint: text(log.note(1, { root: randomBytes(32) })) }), headers);
  }
  assert.deepEqual([...stage.alarms()].sort(), ['bad-certified-checkpoint', 'fork', 'policy-differs']);
});
