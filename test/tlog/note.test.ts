import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { InvalidEvidenceError } from '../../src/errors.ts';
import { parseLogText } from '../../src/log/log-text.ts';
import { verifyLogSignature } from '../../src/tlog/checkpoint.ts';
import { cosignatureBytes, cosignedMessage, verifyCosignature } from '../../src/tlog/cosignature.ts';
import { isSoundPublicKey } from '../../src/tlog/ed25519-point.ts';
import { formatNote, parseNote } from '../../src/tlog/note.ts';
import { isQuorum, parsePolicy } from '../../src/tlog/policy.ts';
import { formatTlogProof, parseTlogProof } from '../../src/tlog/tlog-proof.ts';
import { formatVerifierKey, parseVerifierKey, TYPE_COSIGNATURE, verifierKey } from '../../src/tlog/vkey.ts';
import { SAMPLES, sample, vectorText } from './vectors.ts';

const refused = (read: () => unknown, problem: RegExp): void => {
  assert.throws(read, (error) => error instanceof InvalidEvidenceError && problem.test(error.message));
};

test('every note, key, policy and proof of the vectors is read and written back byte for byte', () => {
  for (const log of ['log-1', 'log-256', 'log-257', 'log-600']) {
    const note = vectorText(log, 'checkpoint');
    assert.equal(formatNote(parseNote(note)), note);
  }
  for (const name of SAMPLES) {
    const { certificate, policy } = sample(name);
    assert.equal(formatTlogProof(parseTlogProof(certificate)), certificate);
    const { logs, witnesses } = parsePolicy(policy);
    for (const key of [...logs, ...witnesses.values()]) assert.equal(policy.includes(formatVerifierKey(key)), true);
  }
});

test('the signatures of the vectors verify, and no other text, time or key does', () => {
  const { logs, witnesses } = parsePolicy(vectorText('log-257', 'policy'));
  const { text, signatures } = parseNote(vectorText('log-257', 'checkpoint'));
  const [logLine, ...cosigned] = signatures;
  const [log] = logs;
  assert.ok(log !== undefined && logLine !== undefined);
  assert.equal(verifyLogSignature(log, { text, signature: logLine }), true);
  assert.equal(verifyLogSignature(log, { text: text.replace('257', '258'), signature: logLine }), false);
  assert.equal(cosigned.length, 3);
  for (const line of cosigned) {
    const key = [...witnesses.values()].find(({ name }) => name === line.name);
    assert.ok(key !== undefined);
    assert.equal(verifyCosignature(key, text, line), true);
    assert.equal(verifyCosignature(key, `${text}x\n`, line), false);
    const later = Uint8Array.from(line.signature);
    later[7] = (later[7] ?? 0) + 1;
    assert.equal(verifyCosignature(key, text, { ...line, signature: later }), false);
    for (const other of witnesses.values())
      if (other !== key) assert.equal(verifyCosignature(other, text, { ...line, name: other.name, keyId: other.keyId }), false);
  }
});

test('what is no note is refused', () => {
  const good = vectorText('log-1', 'checkpoint');
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /blank line/],
    [good.slice(0, -1), /newline/],
    [good.replace('\n\n', '\n'), /blank line/],
    [`${good}\n`, /no signature/],
    [good.replace('1\n', '1\r\n'), /control/],
    [good.replace('\u2014 ', '- '), /no signature/],
    [good.replace('\u2014 ', '\u2014  '), /no signature/],
    [good.replace('=\n', '\n'), /./],
    [`${good}${`${good.trimEnd().split('\n').at(-1)}\n`.repeat(101)}`, /more than 100/],
    ['\ud800', /UTF-8/],
  ];
  for (const [text, problem] of cases.filter(([text]) => text !== good))
    refused(() => parseNote(text).signatures.length === 0 || parseLogText(parseNote(text).text), problem);
  refused(() => parseNote(Uint8Array.of(0xff, 0x0a)), /UTF-8/);
});

test('what is no checkpoint is refused', () => {
  const root = 'ZihFJqWb5jNlrD5o+oEjb8yZu/S375U+9/EbEIY1zxg=';
  const origin = 'd/r/log/1';
  const good = `${origin}/refused\n300\n${root}\nrefused a 0-4\nrefused a 7-7\nrefused b 1-299\n`;
  assert.deepEqual(parseLogText(good).refused.length, 3);
  const bad = [
    `${origin}\n300\n`,
    `${origin}\n0300\n${root}\n`,
    `${origin}\n-1\n${root}\n`,
    `${origin}\n9007199254740992\n${root}\n`,
    `${origin}\n18446744073709551616\n${root}\n`,
    `${origin}\n300\n${root.slice(0, -2)}\n`,
    `${origin}\n300\n${root.replace('xg=', 'xh=')}\n`,
    `${origin}\n300\n${root}`,
    `\n300\n${root}\n`,
    `${origin}\n300\n${root}\n\n`,
    `${origin}\n300\n${root}\nrefused a 0-4\n`,
    `${origin}/refused\n300\n${root}\n`,
    good.replace('0-4', '04-4'),
    good.replace('0-4', '5-4'),
    good.replace('1-299', '1-300'),
    good.replace('refused a 7-7\n', 'refused a 4-7\n'),
    good.replace('refused a 0-4\nrefused a 7-7\n', 'refused a 7-7\nrefused a 0-4\n'),
    good.replace('refused b', 'refused A'),
    good.replace('refused b', 'hold b'),
  ];
  for (const text of bad) refused(() => parseLogText(text), /./);
});

test('a key is refused that is not on the curve, of low order, in two encodings, or under another key id', () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const x = publicKey.export({ format: 'jwk' }).x ?? '';
  const key = verifierKey('d/r/mirror', TYPE_COSIGNATURE, Buffer.from(x, 'base64url'));
  assert.deepEqual(formatVerifierKey(parseVerifierKey(formatVerifierKey(key))), formatVerifierKey(key));
  refused(() => parseVerifierKey(formatVerifierKey({ ...key, keyId: (key.keyId ^ 1) >>> 0 })), /key id/);
  refused(() => parseVerifierKey(formatVerifierKey({ ...key, name: 'other' })), /key id/);
  refused(() => parseVerifierKey('d/r/mirror'), /vkey/);
  refused(() => verifierKey('a name', TYPE_COSIGNATURE, key.publicKey), /name/);
});

test('our reading of a public key agrees with a well-known library about what is on the curve and in its group', () => {
  const torsion = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    `ec${'ff'.repeat(30)}7f`,
    `${'00'.repeat(31)}80`,
    `ee${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
  ];
  const eights = ['26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'];
  for (const hex of [...torsion, ...eights]) assert.equal(isSoundPublicKey(Buffer.from(hex, 'hex')), false, hex);
  const theirs = (bytes: Uint8Array): boolean => {
    try {
      const point = ed25519.Point.fromBytes(bytes, false);
      return !point.isSmallOrder() && point.isTorsionFree();
    } catch {
      return false;
    }
  };
  let sound = 0;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.boolean(), (seed, made) => {
      const bytes = made ? ed25519.getPublicKey(seed) : seed;
      assert.equal(isSoundPublicKey(bytes), theirs(bytes));
      if (theirs(bytes)) sound += 1;
      const mixed = made ? ed25519.Point.fromBytes(bytes).add(ed25519.Point.fromBytes(Buffer.from(eights[0] ?? '', 'hex'))) : undefined;
      if (mixed !== undefined) assert.equal(isSoundPublicKey(mixed.toBytes()), false);
    }),
    { numRuns: 60 },
  );
  assert.ok(sound > 10);
});

test('a cosignature of ours is one to the vectors’ rules: the time is signed', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = verifierKey('d/r/mirror', TYPE_COSIGNATURE, Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
  const text = 'd/r/log/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n';
  const signature = cosignatureBytes(1_700_000_000, sign(null, cosignedMessage(text, 1_700_000_000), privateKey));
  assert.equal(verifyCosignature(key, text, { name: key.name, keyId: key.keyId, signature }), true);
  assert.equal(verifyCosignature(key, text, { name: key.name, keyId: key.keyId ^ 1, signature }), false);
  assert.equal(verifyCosignature(key, text, { name: key.name, keyId: key.keyId, signature: signature.subarray(0, 71) }), false);
});

test('a policy counts groups of groups, and weights where it says so; anything else is refused', () => {
  const vkeys = vectorText('log-1', 'policy')
    .split('\n')
    .flatMap((line) => /^witness \S+ (\S+)/.exec(line)?.slice(1) ?? []);
  const [a, b, c] = vkeys;
  const witnesses = `witness a ${a}\nwitness b ${b}\nwitness c ${c}\n`;
  const quorumOf = (lines: string) => parsePolicy(`# a comment\n\n${witnesses}${lines}`).quorum;
  const nested = quorumOf('group g any a b\ngroup h all g c\nquorum h\n');
  assert.deepEqual(
    [['a', 'c'], ['b', 'c'], ['a', 'b'], ['c'], []].map((names) => isQuorum(nested, new Set(names))),
    [true, true, false, false, false],
  );
  const weighted = quorumOf('weight a 2\nweight c 0\nquorum weight 3\n');
  assert.deepEqual(
    [['a', 'b'], ['a', 'c'], ['a'], ['a', 'b', 'c'], ['b', 'c']].map((names) => isQuorum(weighted, new Set(names))),
    [true, false, false, true, false],
  );
  assert.equal(isQuorum(quorumOf('quorum none\n'), new Set()), true);
  const bad = [
    'quorum x\n',
    '',
    'quorum a\nquorum b\n',
    'group g 3 a b\nquorum g\n',
    'group g 0 a b\nquorum g\n',
    'group g 1 a a\nquorum g\n',
    'group g 01 a b\nquorum g\n',
    'group a 1 b\nquorum a\n',
    'group none 1 b\nquorum b\n',
    `witness d ${a}\nquorum a\n`,
    `witness a2 ${a}\nquorum a\n`,
    `log ${a}\nquorum a\n`,
    'weight a 2\nquorum a\n',
    'weight x 2\nquorum weight 1\n',
    'weight a 1\nweight a 2\nquorum weight 1\n',
    'weight a -1\nquorum weight 1\n',
    'trust a\nquorum a\n',
    'quorum a',
    'quorum a\r\n',
  ];
  for (const lines of bad) refused(() => quorumOf(lines), /policy|vkey/);
});
