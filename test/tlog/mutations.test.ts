import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mutate } from './mutations.ts';

/** `npm run mutations -- --full` makes ten times as many. */
const COUNT = 10_000;

test(`of ${COUNT} mutated certificates, receipts and policies none verifies, and every check has refused some`, () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
  console.log(`seed ${seed}`);
  const { refusedBy, verified } = mutate(seed, COUNT);
  assert.deepEqual(verified.slice(0, 1), []);
  for (const [check, count] of refusedBy) assert.ok(count > 0, `no mutant was refused by ${check}`);
});
