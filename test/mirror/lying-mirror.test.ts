import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLogText } from '../../src/log/log-text.ts';
import { parseNote } from '../../src/tlog/note.ts';
import { until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';
import { MirrorByHand, Stage } from './by-hand.ts';

/** An honest origin, an honest mirror and one that lies: two of three are a quorum. */
async function threeWithALiar(): Promise<{ readonly stage: Stage; readonly honest: MirrorByHand; readonly liar: MirrorByHand }> {
  const honest = await MirrorByHand.make('us-west-1');
  const liar = await MirrorByHand.make('eu-west-1');
  const stage = await Stage.open('us-east-1', [honest.remote(), liar.remote()], 2);
  stage.endWith(() => honest.listening.close());
  stage.endWith(() => liar.listening.close());
  return { stage, honest, liar };
}

test('a size that a remote claims and can not prove stops nobody: the link waits with an alarm, the region goes on', async () => {
  for (const claim of [1_000, Number.MAX_SAFE_INTEGER]) {
    const { stage, liar } = await threeWithALiar();
    await using _ = stage;
    liar.answer = () => liar.size(claim);
    for (let n = 0; n < 5; n += 1) assert.equal((await stage.manager.syncReceipt(receiptOf(n))).outcome, 'quorum');
    await until('the link says so', () => stage.alarms().includes('link-paused'));
    assert.deepEqual([...new Set(stage.alarms())], ['link-paused']);
    assert.equal(stage.manager.isReady(), true);
    assert.equal((await stage.manager.syncReceipt(receiptOf('after'))).outcome, 'quorum');
    await stage.stop();
    await stage.start();
    assert.equal((await stage.manager.syncReceipt(receiptOf('later'))).outcome, 'quorum');
  }
});

test('a checkpoint that proves nothing stops nobody: of another log, not signed by us, not beyond what we hold', async () => {
  const { stage, honest, liar } = await threeWithALiar();
  await using _ = stage;
  await stage.manager.syncReceipt(receiptOf(1));
  const ours = stage.manager.servedLog()?.checkpoint() ?? '';
  const bad = [ours, ours.replace('\n1\n', '\n1000\n'), ours.replace('us-east-1/log/1\n1\n', 'us-west-1/log/1\n1000\n'), 'nothing\n', '', `${ours}x`];
  liar.answer = () => liar.size(1_000);
  for (const [n, note] of bad.entries()) {
    liar.checkpoint = () => note;
    await stage.stop();
    await stage.start();
    assert.equal((await stage.manager.syncReceipt(receiptOf(`bad-${n}`))).outcome, 'quorum');
    await until(`the link waits ${n}`, async () => (await stage.manager.getSyncStatus())[1]?.lastError?.code === 'BAD_ANSWER');
    assert.equal(stage.manager.isReady(), true);
  }
  assert.ok(honest.came.length > 0);
});

test('a remote that says 409 again and again is not asked without a pause, nor sent the same entries for ever', async () => {
  for (const size of [0, 'own', 'by turns'] as const) {
    const { stage, liar } = await threeWithALiar();
    await using _ = stage;
    let turn = 0;
    liar.answer = ({ text }) => {
      turn += 1;
      return liar.size(size === 0 ? 0 : size === 'own' ? text.size : Math.max(0, text.size - (turn % 2)));
    };
    for (let n = 0; n < 5; n += 1) assert.equal((await stage.manager.syncReceipt(receiptOf(n))).outcome, 'quorum');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.ok(liar.came.length < 60, `${size}: asked ${liar.came.length} times`);
    assert.equal((await stage.manager.syncReceipt(receiptOf('after'))).outcome, 'quorum');
  }
});

test('refused lines that are no news, beyond the text or too many change nothing for the others', async () => {
  const lines = (...ranges: readonly string[]): string => ranges.map((range) => `refused ${range}\n`).join('');
  const all = Array.from({ length: 1_025 }, (_, n) => `${2 * n}-${2 * n}`);
  for (const body of [lines('0-0'), lines('0-0', '0-0'), lines('1000-2000'), lines('0-9007199254740991'), lines(...all), 'refused 0-0', 'refused 00-1\n']) {
    const { stage, honest, liar } = await threeWithALiar();
    await using _ = stage;
    liar.answer = () => ({ body });
    for (let n = 0; n < 5; n += 1) assert.equal((await stage.manager.syncReceipt(receiptOf(n))).outcome, 'quorum', body.slice(0, 40));
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.ok(liar.came.length < 60, `${body.slice(0, 40)}: asked ${liar.came.length} times`);
    const result = await stage.manager.syncReceipt(receiptOf('after'));
    assert.equal(result.outcome, 'quorum');
    await until('certified', async () => (await stage.manager.getCertificate('rec-after').catch(() => '')) !== '');
    const texts = honest.came.map(({ text }) => text);
    assert.ok(texts.every(({ refused }) => refused.every(({ region }) => region === 'eu-west-1')));
  }
});

test('a region may say that it refuses more and more: every text that goes out is one that can be read', async () => {
  const { stage, liar, honest } = await threeWithALiar();
  await using _ = stage;
  await Promise.all(Array.from({ length: 20 }, (_, n) => stage.manager.syncReceipt(receiptOf(n))));
  const ranges = ['5-5', '5-9', '3-8', '12-12', '12-14', '11-11'];
  let at = 0;
  liar.answer = (came) => {
    const range = ranges[at];
    if (came.text.size < 20 || range === undefined) return liar.cosigned(came);
    at += 1;
    return { body: `refused ${range}\n` };
  };
  await stage.manager.syncReceipt(receiptOf('more'), { waitFor: 'all', deadline: '5s' });
  await until('all are told', () => at === ranges.length || stage.alarms().includes('link-paused'));
  await stage.stop();
  honest.came.length = 0;
  await stage.start();
  await stage.manager.syncReceipt(receiptOf('after restart'));
  const note = stage.manager.servedLog()?.checkpoint() ?? '';
  const { refused } = parseLogText(parseNote(note).text);
  assert.deepEqual(
    refused.map(({ first, last }) => `${first}-${last}`),
    ['3-9', '11-14'],
  );
  assert.ok(honest.came.length > 0);
});

test('answers without an end, of megabytes, in pieces, or of another kind end the attempt and nothing else', async () => {
  const { stage, liar } = await threeWithALiar();
  await using _ = stage;
  const answers = [
    { body: Buffer.alloc(5 * 1024 * 1024, 'a') },
    { status: 302, body: '' },
    { status: 100 + 99, body: '' },
    { status: 204 },
    { status: 500, body: 'x' },
    { status: 429 },
    { body: Buffer.from([0xff, 0xfe]) },
    { body: '' },
    { status: 409, body: '5\n' },
    { status: 409, type: 'text/x.tlog.size', body: '-1\n' },
    { status: 409, type: 'text/x.tlog.size', body: '1e3\n' },
    { status: 409, type: 'text/x.tlog.size', body: '99999999999999999999\n' },
    'nothing',
  ] as const;
  let at = 0;
  liar.answer = () => {
    at += 1;
    return answers[at % answers.length] ?? 'nothing';
  };
  for (let n = 0; n < 30; n += 1) assert.equal((await stage.manager.syncReceipt(receiptOf(n))).outcome, 'quorum');
  assert.ok(stage.alarms().every((alarm) => alarm === 'link-paused'));
  assert.equal(stage.manager.isReady(), true);
});

test('a signature of another text, key or name is nobody’s; the time in it is the signer’s own matter', async () => {
  const { stage, honest, liar } = await threeWithALiar();
  await using _ = stage;
  honest.answer = () => ({ status: 503 });
  liar.answer = () => ({ status: 503 });
  const first = await stage.manager.syncReceipt(receiptOf(0), { deadline: '200ms' });
  assert.equal(first.outcome, 'pending');
  liar.answer = (came) => {
    const other = { ...came, note: { ...came.note, text: came.note.text.replace('us-east-1', 'us-west-1') } };
    return liar.cosigned(other);
  };
  assert.equal((await stage.manager.syncReceipt(receiptOf(1), { deadline: '300ms' })).outcome, 'pending');
  liar.answer = (came) => honest.cosigned(came);
  assert.equal((await stage.manager.syncReceipt(receiptOf(2), { deadline: '300ms' })).outcome, 'pending');
  for (const atS of [0, Number.MAX_SAFE_INTEGER]) {
    const again = await threeWithALiar();
    await using __ = again.stage;
    again.honest.answer = () => ({ status: 503 });
    again.liar.answer = (came) => again.liar.cosigned(came, atS);
    assert.equal((await again.stage.manager.syncReceipt(receiptOf(atS))).outcome, 'quorum');
  }
});
