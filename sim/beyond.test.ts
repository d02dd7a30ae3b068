import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomesOf, runMany } from './run/many.ts';

/** A quarter of a second each: their signatures are real ones. */
const BEYOND_SEEDS = Number(process.env['BEYOND_SEEDS'] ?? 12);

test('where faults exceed what is stated regions refuse, alarm and wait, and never answer wrongly', async (context) => {
  const from = Math.floor(Math.random() * 1_000_000_000);
  context.diagnostic(`seeds ${from}..${from + BEYOND_SEEDS - 1}: npm run sim -- --beyond --from ${from} --seeds ${BEYOND_SEEDS}`);
  const { failures, counts } = await runMany('beyond', { from, count: BEYOND_SEEDS });
  assert.deepEqual(failures, []);
  assert.ok((counts.get('outcome quorum') ?? 0) > 0);
});

test('the same seed beyond what is stated has the same trace', async () => {
  const seeds = [1, 2, 3].map((seed) => ({ kind: 'beyond' as const, seed, options: {} }));
  const hashes = (await outcomesOf([...seeds, ...seeds])).map((outcome) => ('report' in outcome ? outcome.report.traceHash : outcome.problem));
  assert.deepEqual(hashes.slice(3), hashes.slice(0, 3));
});
