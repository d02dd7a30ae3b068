import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHash, checkId, HASH_BYTES_MAX, ID_BYTES_MAX } from '../../src/receipt/limits.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { utf8Bytes } from '../../src/std/bytes.ts';
import { shaped } from './shapes.ts';
import { receiptOf } from './submit.ts';

const SEEDS = Array.from({ length: 1_000 }, (_, seed) => seed);
const RECEIPTS = Array.from({ length: 100 }, (_, n) => receiptOf(`r${n}`));

function inWorld(seed: number, receipt: Receipt): Receipt {
  return shaped({ seed, has: () => true }, receipt);
}

/** Of the first seed that has any. */
function long(): readonly Receipt[] {
  const seed = SEEDS.find((each) => inWorld(each, receiptOf('r')).hash.length > 1) ?? 0;
  return RECEIPTS.map((receipt) => inWorld(seed, receipt));
}

test('in a tenth of the seeds receipts are long, and where they may not be in none', () => {
  const receipt = receiptOf('r');
  const seeds = SEEDS.filter((seed) => inWorld(seed, receipt) !== receipt);
  assert.ok(seeds.length > 60 && seeds.length < 140, `${seeds.length}`);
  assert.ok(SEEDS.every((seed) => shaped({ seed, has: () => false }, receipt) === receipt));
});

test('long receipts are receipts, each another one, the longest as long as may be, some of letters that take four bytes', () => {
  const all = long();
  for (const { receiptId, transactionId, hash } of all) {
    checkId('receipt_id', receiptId);
    checkId('transaction_id', transactionId);
    checkHash(hash);
  }
  assert.equal(new Set(all.map(({ receiptId }) => receiptId)).size, RECEIPTS.length);
  assert.equal(Math.max(...all.map(({ receiptId }) => utf8Bytes(receiptId).length)), ID_BYTES_MAX);
  assert.equal(Math.max(...all.map(({ transactionId }) => utf8Bytes(transactionId).length)), ID_BYTES_MAX);
  assert.equal(Math.max(...all.map(({ hash }) => hash.length)), HASH_BYTES_MAX);
  assert.ok(all.some(({ receiptId }) => receiptId.includes('😀') && utf8Bytes(receiptId).length === ID_BYTES_MAX));
});

test('one receipt has one shape, and two contents of an id stay two', () => {
  assert.deepEqual(long(), long());
  const seed = SEEDS.find((each) => inWorld(each, receiptOf('r')).hash.length > 1) ?? 0;
  const [one, other] = [inWorld(seed, receiptOf('r1')), inWorld(seed, receiptOf('r1', 2))];
  assert.deepEqual({ ...other, ticks: 1 }, one);
  assert.equal(other.ticks, 2);
});
