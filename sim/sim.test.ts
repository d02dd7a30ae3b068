import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomesOf, runMany } from './run/many.ts';

/** Fresh seeds of every check; printed, so that a failure can be had again. `test/sim/` runs ten times as many. */
const FRESH_SEEDS = 200;
const REPLAYED_SEEDS = 60;
/** Real signatures, and all certificates that can be made: a second each. */
const LIAR_SEEDS = Number(process.env['LIAR_SEEDS'] ?? 8);
/** One seed of eight has such a liar. */
const TWO_DIRECTORIES = 32;

test('fresh seeds hold', async (context) => {
  const from = Math.floor(Math.random() * 1_000_000_000);
  context.diagnostic(`seeds ${from}..${from + FRESH_SEEDS - 1}: npm run sim -- --from ${from} --seeds ${FRESH_SEEDS}`);
  assert.deepEqual((await runMany('safe', { from, count: FRESH_SEEDS })).failures, []);
});

test('the same seed has the same trace', async () => {
  const seeds = Array.from({ length: REPLAYED_SEEDS }, (_, n) => ({ kind: 'safe' as const, seed: n + 1, options: {} }));
  const hashes = (await outcomesOf([...seeds, ...seeds])).map((outcome) => ('report' in outcome ? outcome.report.traceHash : outcome.problem));
  assert.deepEqual(hashes.slice(REPLAYED_SEEDS), hashes.slice(0, REPLAYED_SEEDS));
});

test('one region’s keys lie: no second certificate from all signatures there are, every fork is known to all and proved, nobody honest is accused', async (context) => {
  const from = Math.floor(Math.random() * 1_000_000_000);
  context.diagnostic(`seeds ${from}..${from + LIAR_SEEDS - 1}: npm run sim -- --liar --from ${from} --seeds ${LIAR_SEEDS}`);
  const { failures, counts } = await runMany('liar', { from, count: LIAR_SEEDS });
  assert.deepEqual(failures, []);
  for (const wanted of ['forked', 'alarm fork', 'crash', 'cut', 'refused RECEIPT_CONFLICT'])
    assert.ok((counts.get(wanted) ?? 0) > 0, `${wanted} never happened`);
  assert.ok((counts.get('certified') ?? 0) > LIAR_SEEDS);
});

test('a region that sends from two data directories by turns is found out', async () => {
  const { failures, counts } = await runMany('liar', { from: TWO_DIRECTORIES, count: 1 });
  assert.deepEqual(failures, []);
  assert.ok((counts.get('alarm two-instances') ?? 0) > 0);
});
