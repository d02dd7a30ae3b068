import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neverHappened, SOMETIMES_BEYOND } from './sometimes.ts';
import { runBeyondSeed } from './world.ts';

/** A quarter of a second each: their signatures are real ones. */
const BEYOND_SEEDS = Number(process.env['BEYOND_SEEDS'] ?? 24);

test('where faults exceed what is stated regions refuse, alarm and wait, and never answer wrongly', async (context) => {
  const from = Math.floor(Math.random() * 1_000_000_000);
  context.diagnostic(`seeds ${from}..${from + BEYOND_SEEDS - 1}: runBeyondSeed(seed)`);
  const happened = new Map<string, number>();
  for (let seed = from; seed < from + BEYOND_SEEDS; seed += 1)
    for (const [what, times] of (await runBeyondSeed(seed)).counts) happened.set(what, (happened.get(what) ?? 0) + times);
  context.diagnostic([...SOMETIMES_BEYOND.keys()].map((what) => `${what}: ${happened.get(what) ?? 0}`).join(', '));
  assert.deepEqual(neverHappened(happened, { seeds: BEYOND_SEEDS, sometimes: SOMETIMES_BEYOND, seen: 100 }), []);
  assert.ok((happened.get('outcome quorum') ?? 0) > 0);
});

test('the same seed beyond what is stated has the same trace', async () => {
  for (const seed of [1, 2, 3]) assert.equal((await runBeyondSeed(seed)).traceHash, (await runBeyondSeed(seed)).traceHash, `seed ${seed}`);
});
