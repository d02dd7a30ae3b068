import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordedAt } from '../../src/log/entry.ts';
import { CHECKS, certificateExtra } from '../../src/quorum/certificate.ts';
import { formatTlogProof } from '../../src/tlog/tlog-proof.ts';
import { formatVerifierKey } from '../../src/tlog/vkey.ts';
import { verifyCertificate } from '../../src/verify.ts';
import { LogByHand, signerOf } from '../mirror/by-hand.ts';
import { receiptOf } from '../receipts.ts';
import { SAMPLES, sample } from './vectors.ts';

for (const name of SAMPLES) {
  test(`the certificate ${name} of another implementation verifies, each step by itself`, async () => {
    const { receipt, certificate, policy } = sample(name);
    const report = await verifyCertificate({ receipt, certificate, policy });
    assert.deepEqual(
      report.checks.map(({ name: check, ok }) => [check, ok]),
      CHECKS.map((check) => [check, true]),
    );
    assert.equal(report.valid, true);
  });
}

async function failed(
  change: { readonly [Key in 'certificate' | 'policy']?: (text: string) => string } & { readonly ticks?: number },
): Promise<readonly string[]> {
  const { receipt, certificate, policy } = sample('sample-70000');
  const input = {
    receipt: { ...receipt, ticks: change.ticks ?? receipt.ticks },
    certificate: change.certificate?.(certificate) ?? certificate,
    policy: change.policy?.(policy) ?? policy,
  };
  assert.ok(input.certificate !== certificate || input.policy !== policy || input.receipt.ticks !== receipt.ticks);
  const { valid, checks } = await verifyCertificate(input);
  assert.equal(
    valid,
    checks.every(({ ok }) => ok),
  );
  return checks.filter(({ ok }) => !ok).map(({ name }) => name);
}

const withoutLine = (pattern: RegExp) => (text: string) =>
  text
    .split('\n')
    .filter((line) => !pattern.test(line))
    .join('\n');

test('lines of others beside those that count say nothing, whatever name they have; who is missing from a quorum is told', async () => {
  const { receipt, certificate, policy } = sample('sample-70000');
  const [line = ''] = certificate.split('\n').filter((each) => /^— .*log\/1 /.test(each));
  const [, name = '', signature = ''] = line.split(' ');
  const bytes = Buffer.from(signature, 'base64');
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  const beside = certificate.replace(line, `— ${name} ${bytes.toString('base64')}\n— stranger.example.com ${signature}\n${line}`);
  assert.equal((await verifyCertificate({ receipt, certificate: beside, policy })).valid, true);
  const quorum = async (pattern: RegExp): Promise<string | undefined> => {
    const { checks } = await verifyCertificate({ receipt, certificate: withoutLine(pattern)(certificate), policy });
    return checks.find((check) => check.name === 'quorum')?.detail;
  };
  assert.match((await quorum(/^— .*-west-1/)) ?? '', /^Not enough: [a-z0-9-]+$/);
  const { valid, checks } = await verifyCertificate({ receipt, certificate, policy: policy.replace(/^quorum .*$/m, 'quorum none') });
  assert.deepEqual([valid, checks.find((check) => check.name === 'quorum')?.detail], [true, 'the policy asks for none']);
});

test('what is wrong is named by the check that found it', async () => {
  assert.deepEqual(await failed({ ticks: 9 }), ['inclusion']);
  assert.deepEqual(await failed({ ticks: -1 }), ['receipt', 'inclusion']);
  assert.deepEqual(await failed({ certificate: (text) => text.replace('index 35000', 'index 35001') }), ['inclusion']);
  assert.deepEqual(await failed({ certificate: (text) => text.replace('index 35000', 'index 70000') }), ['form', 'log', 'inclusion', 'cosignatures', 'quorum']);
  assert.deepEqual(
    await failed({ certificate: (text) => text.replace('\n70000\n', '\n70001\n') }),
    ['log', 'inclusion', 'cosignatures', 'quorum'].filter((name) => name !== 'inclusion'),
  );
  assert.deepEqual(await failed({ certificate: withoutLine(/log\/1 k/) }), ['log']);
  assert.deepEqual(await failed({ certificate: withoutLine(/^— .*-west-1/) }), ['quorum']);
  assert.deepEqual(await failed({ certificate: withoutLine(/mirror /) }), ['cosignatures', 'quorum']);
  assert.deepEqual(await failed({ policy: withoutLine(/^log/) }), ['log']);
  assert.deepEqual(await failed({ policy: (text) => text.replace('regions 2', 'regions 4') }), ['policy', 'log', 'cosignatures', 'quorum']);
  assert.deepEqual(await failed({ certificate: () => '' }), ['form', 'log', 'inclusion', 'cosignatures', 'quorum']);
});

test('a check that could not be looked at says so, and why a check failed is said in words', async () => {
  const { receipt, certificate, policy } = sample('sample-70000');
  const detailsOf = async (input: Parameters<typeof verifyCertificate>[0]): Promise<ReadonlyMap<string, string>> =>
    new Map((await verifyCertificate(input)).checks.map(({ name, detail }) => [name, detail]));
  const skipped = 'not looked at: a step before it failed';
  const [unread, unruled, unnamed] = [
    await detailsOf({ receipt, certificate: '', policy }),
    await detailsOf({ receipt, certificate, policy: '' }),
    await detailsOf({ receipt: { ...receipt, ticks: -1 }, certificate, policy }),
  ];
  for (const name of ['log', 'inclusion', 'cosignatures', 'quorum']) assert.equal(unread.get(name), skipped, name);
  for (const name of ['log', 'cosignatures', 'quorum']) assert.equal(unruled.get(name), skipped, name);
  assert.equal(unnamed.get('inclusion'), skipped);
  assert.match(unruled.get('policy') ?? '', /policy/);
  const unsigned = await detailsOf({ receipt, certificate: withoutLine(/mirror /)(certificate), policy });
  assert.deepEqual([unsigned.get('cosignatures'), unsigned.get('quorum')], ['No region that the policy knows has signed', skipped]);
  const shortened = certificate.replace(/^([A-Za-z0-9+/]{43}=)\n/m, '');
  assert.equal((await detailsOf({ receipt, certificate: shortened, policy })).get('inclusion'), 'The path has not the length of its place');
  const open = policy.slice(0, policy.indexOf('group '));
  const few = await detailsOf({ receipt, certificate: withoutLine(/mirror /)(certificate), policy: `${open}quorum none\n` });
  assert.equal(few.get('cosignatures'), '');
});

test('an extra of another version, of another length, or none is no certificate', async () => {
  const extraOf = (change: (bytes: Buffer) => Uint8Array) => (text: string) =>
    text.replace(/^extra (.*)$/m, (_, base64: string) => `extra ${Buffer.from(change(Buffer.from(base64, 'base64'))).toString('base64')}`);
  const unread = ['form', 'log', 'inclusion', 'cosignatures', 'quorum'];
  assert.deepEqual(await failed({ certificate: extraOf((bytes) => Buffer.concat([Buffer.of(2), bytes.subarray(1)])) }), unread);
  assert.deepEqual(await failed({ certificate: extraOf((bytes) => Buffer.concat([bytes, Buffer.of(0)])) }), unread);
  assert.deepEqual(await failed({ certificate: withoutLine(/^extra /) }), unread);
});

test('a region counts once, however often its signature stands there', async () => {
  const once = withoutLine(/^— .*-west-1/);
  const twice = (text: string): string => once(text).replace(/(— \S+us-east-1\/mirror \S+\n)/, '$1$1');
  assert.deepEqual(await failed({ certificate: twice }), ['quorum']);
});

test('signatures of unknown keys are ignored, a bad one of a known key rejects', async () => {
  const stranger = (text: string): string => `${text}— stranger.example.com AAAAAAAA\n`;
  const { receipt, certificate, policy } = sample('sample-70000');
  assert.equal((await verifyCertificate({ receipt, certificate: stranger(certificate), policy })).valid, true);
  const broken = (text: string): string =>
    text.replace(/(— \S+eu-west-1\/mirror \S{30})(\S)/, (_, before: string, letter: string) => before + (letter === 'A' ? 'B' : 'A'));
  assert.deepEqual(await failed({ certificate: broken }), ['cosignatures', 'quorum']);
});

test('whatever is handed in, the verifier answers and does not throw', async () => {
  for (const input of [{}, { certificate: 7, receipt: null, policy: [] }, { certificate: new Uint8Array([255]), receipt: '{', policy: '\n' }]) {
    const { valid, checks } = await Reflect.apply(verifyCertificate, undefined, [input]);
    assert.equal(valid, false);
    assert.equal(checks.length, CHECKS.length);
  }
});

test('a policy by which a region could count in two ways, or nobody has to sign, is none', async () => {
  const { policy } = sample('sample-70000');
  const before = policy.slice(0, policy.indexOf('group '));
  const quorums = [
    'group a any us-east-1 us-west-1\ngroup b any us-east-1 eu-west-1\ngroup c all a b\nquorum c\n',
    'group a any us-east-1\ngroup c 2 us-east-1 a\nquorum c\n',
    'quorum weight 0\n',
    'group a any none\nquorum a\n',
    'group a 0 us-east-1\nquorum a\n',
    'group a 2 us-east-1\nquorum a\n',
    'quorum nobody\n',
    'quorum us-east-1\nquorum us-east-1\n',
    'weight us-east-1 1\nquorum us-east-1\n',
    'weight us-east-1 1\nweight us-east-1 2\nquorum weight 1\n',
    'weight us-east-1 -1\nquorum weight 1\n',
    'weight us-east-1 01\nquorum weight 1\n',
    'weight us-east-1 9007199254740992\nquorum weight 1\n',
    '',
  ];
  for (const lines of quorums) assert.ok((await failed({ policy: () => before + lines })).includes('policy'), lines);
  for (const lines of [
    'quorum us-east-1\n',
    'quorum none\n',
    'group a any us-east-1 us-west-1\ngroup b all a eu-west-1\nquorum b\n',
    'weight us-east-1 0\nweight us-west-1 3\nquorum weight 3\n',
    'quorum weight 3\n',
  ]) {
    const { receipt, certificate } = sample('sample-70000');
    assert.equal((await verifyCertificate({ receipt, certificate, policy: before + lines })).valid, true, lines);
  }
  assert.deepEqual(await failed({ policy: () => `${before}weight us-east-1 0\nweight us-west-1 1\nweight eu-west-1 1\nquorum weight 3\n` }), ['quorum']);
});

test('a policy of forty groups in layers is refused at once, not worked out for ever', async () => {
  const { policy } = sample('sample-70000');
  let lines = policy.slice(0, policy.indexOf('group '));
  let [a, b] = ['us-east-1', 'us-west-1'];
  for (let n = 0; n < 40; n += 1) {
    lines += `group a${n} any ${a} ${b}\ngroup b${n} all ${a} ${b}\n`;
    [a, b] = [`a${n}`, `b${n}`];
  }
  const from = performance.now();
  assert.ok((await failed({ policy: () => `${lines}quorum ${a}\n` })).includes('policy'));
  assert.ok(performance.now() - from < 2_000);
});

test('whom a text names as refusing an entry does not count for it, whatever a policy calls its key', async () => {
  const [east, west, eu] = [signerOf('us-east-1'), signerOf('us-west-1'), signerOf('eu-west-1')];
  const log = new LogByHand(east).add(receiptOf(1));
  const [item] = log.items;
  assert.ok(item !== undefined);
  const certificateWith = (refused: boolean): string => {
    const note = log.note(1, { refused: refused ? [{ region: 'eu-west-1', first: 0, last: 0 }] : [] });
    const signatures = [...note.signatures, west.cosign(note.text, 1_700_000_000), eu.cosign(note.text, 1_700_000_000)];
    return formatTlogProof({ extra: certificateExtra(recordedAt(item.entry), item.salt), index: 0, path: [], note: { text: note.text, signatures } });
  };
  for (const [a, b] of [
    ['us-west-1', 'eu-west-1'],
    ['w1', 'w2'],
    ['eu', 'us-west-1'],
  ]) {
    const keys = `log ${formatVerifierKey(east.logKey)}\nwitness ${a} ${formatVerifierKey(west.mirrorKey)}\nwitness ${b} ${formatVerifierKey(eu.mirrorKey)}\n`;
    const policy = `${keys}group g all ${a} ${b}\nquorum g\n`;
    const plain = await verifyCertificate({ certificate: certificateWith(false), receipt: receiptOf(1), policy });
    assert.equal(plain.valid, true, JSON.stringify(plain.checks));
    const named = await verifyCertificate({ certificate: certificateWith(true), receipt: receiptOf(1), policy });
    assert.deepEqual(
      named.checks.filter(({ ok }) => !ok).map(({ name }) => name),
      ['quorum'],
      `${a} ${b}`,
    );
    const one = await verifyCertificate({ certificate: certificateWith(true), receipt: receiptOf(1), policy: `${keys}quorum ${a}\n` });
    assert.equal(one.valid, true);
  }
});
