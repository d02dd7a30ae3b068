import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import * as browser from './primitives.browser.ts';
import * as node from './primitives.node.ts';

test('the primitives of browsers and of Node say the same of any bytes and any text', () => {
  const odd = fc.oneof(
    fc.string(),
    fc.constantFrom('', '=', 'AA', 'AA=', 'AA==', 'AB==', 'AAA=', 'AAB=', 'A===', 'AA\n==', 'aa', 'aG', '0', 'zz', 'é', '\u0130\u0131'),
    fc.base64String(),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), odd, (bytes, other, text) => {
      assert.deepEqual(Uint8Array.from(browser.sha256(bytes)), Uint8Array.from(node.sha256(bytes)));
      assert.equal(browser.toHex(bytes), node.toHex(bytes));
      assert.equal(browser.toBase64(bytes), node.toBase64(bytes));
      assert.deepEqual(browser.fromHex(text), node.fromHex(text));
      assert.deepEqual(browser.fromHex(node.toHex(bytes)), bytes);
      assert.deepEqual(browser.fromBase64(text), node.fromBase64(text));
      assert.deepEqual(browser.fromBase64(node.toBase64(bytes)), bytes);
      assert.equal(browser.equalBytes(bytes, other), node.equalBytes(bytes, other));
      assert.equal(browser.equalBytes(bytes, Uint8Array.from(bytes)), true);
      assert.equal(browser.utf8Text(bytes), node.utf8Text(bytes));
    }),
    { numRuns: 500 },
  );
  for (const bytes of [
    [0xef, 0xbb, 0xbf, 0x61],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
  ])
    assert.equal(browser.utf8Text(Uint8Array.from(bytes)), node.utf8Text(Uint8Array.from(bytes)));
});

test('the same signatures verify, and the same do not: changed, cut, with S beyond the order of the group', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const message = Buffer.from('a checkpoint\n');
  const good = sign(null, message, privateKey);
  // S + L: the same point, another encoding (RFC 8032 §5.1.7 refuses it).
  const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;
  const s = Buffer.from(good.subarray(32)).reverse();
  const beyond = Buffer.from((BigInt(`0x${s.toString('hex')}`) + order).toString(16).padStart(64, '0'), 'hex').reverse();
  const cases = [
    good,
    Buffer.concat([good.subarray(0, 32), beyond]),
    good.subarray(0, 63),
    Buffer.concat([good, Buffer.alloc(1)]),
    Buffer.alloc(64),
    Buffer.alloc(64, 0xff),
    Buffer.alloc(0),
  ];
  for (let n = 0; n < 64; n += 7) cases.push(Buffer.from(good.map((byte, at) => (at === n ? byte ^ 1 : byte))));
  const verdicts = cases.map((signature) => node.ed25519Verifier(key)(message, signature));
  assert.deepEqual(
    cases.map((signature) => browser.ed25519Verifier(key)(message, signature)),
    verdicts,
  );
  assert.deepEqual([verdicts[0], verdicts.filter((isGood) => isGood).length], [true, 1]);
});
