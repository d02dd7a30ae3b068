import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { InvalidJsonError, InvalidReceiptError } from '../errors.ts';
import { toHex } from '../std/bytes.ts';
import { canonicalBytes, parseCanonical, receiptDigest, receiptIdOf } from './canonical.ts';
import { parseReceipt } from './parse.ts';
import type { Receipt } from './receipt.ts';
import { receiptFromJson, receiptJson, receiptsFromJsonArray } from './wire.ts';

// The vector of SPEC §1; the same receipt was made by other people's code (test/vectors).
const VECTOR = readFileSync(new URL('../../test/vectors/receipt-35000.json', import.meta.url), 'utf8');
const VECTOR_C = `0100097265632d3335303030000874782d33353030300020${'00'.repeat(30)}88b800000008ffffffffffff774700`;
const VECTOR_D = 'f933678ac500715d934cfd9ec0443385a5392ac4fb5c36cf43b9aa56dc3a2052';

const idText = fc
  .string({ unit: 'grapheme', maxLength: 60 })
  .filter((text) => !/[\u0000-\u001f\u007f]/.test(text) && text.isWellFormed() && Buffer.byteLength(text) <= 256);
const receipts: fc.Arbitrary<Receipt> = fc.record(
  {
    receiptId: idText.filter((text) => text !== ''),
    transactionId: idText,
    hash: fc.uint8Array({ minLength: 1, maxLength: 512 }),
    ticks: fc.integer({ min: 0, max: 0xffff_ffff }),
    spanId: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    committed: fc.boolean(),
  },
  { noNullPrototype: true },
);
const PLAIN = { receipt_id: 'a', transaction_id: 't', hash: '01ff', ticks: 4, span_id: 7, committed: true };

function json(change: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...PLAIN, ...change });
}

function wrong(field: string): (error: unknown) => boolean {
  return (error) => error instanceof InvalidReceiptError && error.field === field;
}

test("the vector's canonical bytes and digest are those of SPEC §1", () => {
  const canonical = canonicalBytes(receiptFromJson(VECTOR));
  assert.equal(toHex(canonical), VECTOR_C);
  assert.equal(toHex(receiptDigest(canonical)), VECTOR_D);
});

test('any receipt survives its JSON and its canonical bytes unchanged', () => {
  fc.assert(
    fc.property(receipts, (receipt) => {
      assert.deepEqual(receiptFromJson(receiptJson(receipt)), receipt);
      assert.deepEqual(parseCanonical(canonicalBytes(receipt)), receipt);
      assert.equal(receiptIdOf(canonicalBytes(receipt)), receipt.receiptId);
      assert.deepEqual(parseReceipt(receipt), receipt);
    }),
    { numRuns: 1_000 },
  );
});

test('two receipts have one digest only if all six fields are the same', () => {
  fc.assert(
    fc.property(receipts, receipts, (a, b) => {
      const isSame = receiptJson(a) === receiptJson(b);
      assert.equal(toHex(receiptDigest(canonicalBytes(a))) === toHex(receiptDigest(canonicalBytes(b))), isSame);
    }),
  );
});

test('a span id keeps every digit of a u64, both ways', () => {
  for (const span of [0n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 2n, 2n ** 64n - 1n]) {
    const text = json({}).replace('"span_id":7', `"span_id":${span}`);
    assert.equal(receiptFromJson(text).spanId, span);
    assert.ok(receiptJson(receiptFromJson(text)).includes(`"span_id":${span},`));
  }
});

test('every form that emitters write is the same receipt', () => {
  const plain = receiptFromJson(json({}));
  const forms = [
    json({ span_id: '7' }),
    json({ span_id: '0x7' }),
    json({ span_id: '0x0000000000000007' }),
    json({ hash: '01FF' }),
    json({ hash: '0x01ff' }),
    json({ hash: '0X01Ff' }),
    json({ hash: [1, 255] }),
    json({ timestamp: 'x', source_region: 'y', nested: { deep: [1, { a: null }] } }),
    `\n { ${json({}).slice(1)} \r\n`,
    json({}).replace('"a"', '"\\u0061"'),
  ];
  for (const form of forms) assert.deepEqual(receiptFromJson(form), plain, form);
});

test('what is wrong with a receipt names its field', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['receipt_id', { receipt_id: '' }],
    ['receipt_id', { receipt_id: 'x'.repeat(257) }],
    ['receipt_id', { receipt_id: 'é'.repeat(129) }],
    ['receipt_id', { receipt_id: '\u007f' }],
    ['receipt_id', { receipt_id: 7 }],
    ['transaction_id', { transaction_id: 'x'.repeat(257) }],
    ['transaction_id', { transaction_id: null }],
    ['hash', { hash: '' }],
    ['hash', { hash: 'abc' }],
    ['hash', { hash: 'zz' }],
    ['hash', { hash: [] }],
    ['hash', { hash: [256] }],
    ['hash', { hash: [-1] }],
    ['hash', { hash: ['1'] }],
    ['hash', { hash: new Array(513).fill(0) }],
    ['hash', { hash: '00'.repeat(513) }],
    ['ticks', { ticks: -1 }],
    ['ticks', { ticks: 4_294_967_296 }],
    ['ticks', { ticks: '4' }],
    ['ticks', { ticks: 1.5 }],
    ['span_id', { span_id: -1 }],
    ['span_id', { span_id: '18446744073709551616' }],
    ['span_id', { span_id: '0x10000000000000000' }],
    ['span_id', { span_id: '' }],
    ['span_id', { span_id: '1e3' }],
    ['span_id', { span_id: true }],
    ['committed', { committed: 1 }],
    ['committed', { committed: null }],
  ];
  for (const [field, change] of cases) assert.throws(() => receiptFromJson(json(change)), wrong(field), JSON.stringify(change));
  for (const field of Object.keys(PLAIN)) assert.throws(() => receiptFromJson(json({ [field]: undefined })), wrong(field));
  for (const [source, field] of [
    ['1e3', 'span_id'],
    ['1.0', 'span_id'],
    ['-0', 'span_id'],
    ['18446744073709551616', 'span_id'],
  ]) {
    assert.throws(() => receiptFromJson(json({}).replace('"span_id":7', `"span_id":${source}`)), wrong(field ?? ''));
  }
});

test('a doubled key is refused by name, ours or not', () => {
  assert.throws(() => receiptFromJson(json({}).replace('{', '{"ticks":4,')), wrong('ticks'));
  assert.throws(() => receiptFromJson(json({ other: 1 }).replace('{', '{"other":1,')), wrong('other'));
});

test('lone surrogates are refused, whole ones kept', () => {
  assert.throws(() => receiptFromJson(json({}).replace('"a"', '"\\ud83d"')), wrong('receipt_id'));
  assert.equal(receiptFromJson(json({}).replace('"a"', '"\\ud83d\\ude00"')).receiptId, '😀');
});

test('no text is taken that JSON.parse refuses, and no other receipt is read than it would read', () => {
  const text = json({ extra: ['x', { y: 1 }] });
  const edits = fc.tuple(
    fc.nat(text.length),
    fc.nat(3),
    fc.string({ maxLength: 3, unit: fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '0', '1', '.', 'e', '-', 't', ' ', '\u0000', 'a') }),
  );
  fc.assert(
    fc.property(edits, ([at, gone, put]) => {
      const edited = text.slice(0, at) + put + text.slice(at + gone);
      let ours: Receipt | undefined;
      try {
        ours = receiptFromJson(edited);
      } catch (error) {
        assert.ok(error instanceof InvalidReceiptError || error instanceof InvalidJsonError);
        return;
      }
      const theirs = JSON.parse(edited);
      assert.deepEqual(
        [ours.receiptId, ours.transactionId, ours.ticks, ours.committed],
        [theirs.receipt_id, theirs.transaction_id, theirs.ticks, theirs.committed],
      );
    }),
    { numRuns: 5_000 },
  );
});

test('items of an array are independent, and a bound is a bound', () => {
  const items = receiptsFromJsonArray(`[${json({})},{"receipt_id":1},[],${json({ receipt_id: 'b' })}]`, 4);
  assert.deepEqual(
    items.map((item) => (item instanceof InvalidReceiptError ? item.field : item.receiptId)),
    ['a', 'receipt_id', '', 'b'],
  );
  assert.throws(() => receiptsFromJsonArray(`[${json({})},${json({})}]`, 1), { code: 'TOO_LARGE' });
  assert.throws(() => receiptsFromJsonArray(`[${json({})}`, 4), InvalidJsonError);
});

test("a library caller's mistakes name the field, and its array is copied", () => {
  const hash = Uint8Array.of(1);
  const input = { receiptId: 'a', transactionId: '', hash, ticks: 0, spanId: 1n, committed: true };
  const receipt = parseReceipt(input);
  hash[0] = 9;
  assert.deepEqual(receipt.hash, Uint8Array.of(1));
  assert.equal(parseReceipt({ ...input, spanId: 5 }).spanId, 5n);
  for (const [change, field] of [
    [{ spanId: 2n ** 64n }, 'span_id'],
    [{ spanId: 1.5 }, 'span_id'],
    [{ hash: [1] }, 'hash'],
    [{ hash: new Uint8Array() }, 'hash'],
    [{ ticks: -1 }, 'ticks'],
    [{ committed: 'yes' }, 'committed'],
    [{ receiptId: '\ud800' }, 'receipt_id'],
  ] as const) {
    assert.throws(() => parseReceipt({ ...input, ...change }), wrong(field));
  }
});
