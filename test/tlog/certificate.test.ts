import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHECKS } from '../../src/quorum/certificate.ts';
import { verifyCertificate } from '../../src/verify.ts';
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
