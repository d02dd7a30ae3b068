import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { RunOptions } from './features.ts';
import { runLiarSeed } from './liar-world.ts';
import { neverHappened, SOMETIMES } from './sometimes.ts';
import { runBeyondSeed, runSeed } from './world.ts';

/** Fresh seeds in every run of the tests; printed, so that a failure can be had again. */
const FRESH_SEEDS = 400;
const REPLAYED_SEEDS = 60;
/** Real signatures, and all certificates that can be made: a second each. */
const LIAR_SEEDS = Number(process.env['LIAR_SEEDS'] ?? 8);

test('every seed of the corpus holds', async () => {
  const corpus: readonly ({ readonly seed: number; readonly beyond?: true } & RunOptions)[] = JSON.parse(
    await readFile(new URL('./corpus/seeds.json', import.meta.url), 'utf8'),
  );
  for (const { seed, beyond, ...options } of corpus) await (beyond === true ? runBeyondSeed : runSeed)(seed, options);
});

test('fresh seeds hold, and every kind of fault and outcome has happened in them', async (context) => {
  const from = Math.floor(Math.random() * 1_000_000_000);
  context.diagnostic(`seeds ${from}..${from + FRESH_SEEDS - 1}: npm run sim -- --from ${from} --seeds ${FRESH_SEEDS}`);
  const happened = new Map<string, number>();
  for (let seed = from; seed < from + FRESH_SEEDS; seed += 1)
    for (const [what, times] of (await runSeed(seed)).counts) happened.set(what, (happened.get(what) ?? 0) + times);
  context.diagnostic([...SOMETIMES.keys()].map((what) => `${what}: ${happened.get(what) ?? 0}`).join(', '));
  assert.deepEqual(neverHappened(happened, { seeds: FRESH_SEEDS, sometimes: SOMETIMES, seen: 1_000 }), []);
});

test('the same seed has the same trace', async () => {
  for (let seed = 1; seed <= REPLAYED_SEEDS; seed += 1) assert.equal((await runSeed(seed)).traceHash, (await runSeed(seed)).traceHash, `seed ${seed}`);
});

test('one region’s keys lie: no second certificate from all signatures there are, every fork is known to all and proved, nobody honest is accused', async (context) => {
  const from = Math.floor(Math.random() * 1_000_000_000);
  context.diagnostic(`seeds ${from}..${from + LIAR_SEEDS - 1}: npm run sim -- --liar --from ${from} --seeds ${LIAR_SEEDS}`);
  const happened = new Map<string, number>();
  for (let seed = from; seed < from + LIAR_SEEDS; seed += 1)
    for (const [what, times] of (await runLiarSeed(seed)).counts) happened.set(what, (happened.get(what) ?? 0) + times);
  for (const wanted of ['forked', 'alarm fork', 'crash', 'cut', 'refused RECEIPT_CONFLICT'])
    assert.ok((happened.get(wanted) ?? 0) > 0, `${wanted} never happened`);
  assert.ok((happened.get('certified') ?? 0) > LIAR_SEEDS);
});
