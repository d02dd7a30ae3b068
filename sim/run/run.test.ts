import assert from 'node:assert/strict';
import { test } from 'node:test';
import { featuresOf, type RunOptions } from '../features.ts';
import { failureLine, smallerLine } from './command.ts';
import { Pool } from './pool.ts';
import { failureKind, shrink } from './shrink.ts';
import { Totals } from './totals.ts';

const FAILURE = { task: { kind: 'safe', seed: 1, options: {} }, problem: 'seed 1: never lost: region-2 has lost r7' } as const;

test('a failure is made as small as it still fails: what it does not need is left out, and the storm is short', async () => {
  const needs = (options: RunOptions): boolean => featuresOf(options).has('crash') && featuresOf(options).has('resets') && (options.stormMs ?? 30_000) >= 3_000;
  const { options } = await shrink(FAILURE, async (smaller) => (needs(smaller) ? FAILURE.problem : undefined));
  assert.ok(needs(options));
  assert.deepEqual([...featuresOf(options)], ['crash', 'resets']);
  assert.ok((options.stormMs ?? 30_000) < 3_400);
});

test('what fails of something else is not the same failure, smaller', async () => {
  // Without crashes it fails of something else; without resets of the same, of another receipt.
  const problemOf = (options: RunOptions): string => {
    if (!featuresOf(options).has('crash')) return 'seed 1: one content: region-2 holds two of r7';
    return featuresOf(options).has('resets') ? FAILURE.problem : 'seed 1: never lost: region-0 has lost r9';
  };
  const { options } = await shrink(FAILURE, async (smaller) => problemOf(smaller));
  assert.deepEqual([...featuresOf(options)], ['crash']);
});

test('a failure is of the kind that its checker says, and without one that its words say', () => {
  const kinds = new Map([
    ['seed 12: never lost: region-2 has lost r7', 'never lost'],
    ['seed 12: something is owed still, 90 s after the last fault', 'something is owed still, N s after the last fault'],
    ['in the background: a group starts at the size of its log: 3', 'in the background: a group starts at the size of its log'],
    ['in the background: seed 3: durable: r1', 'in the background: durable'],
    ['does not end within 120 s', 'does not end within N s'],
  ]);
  assert.deepEqual([...kinds.keys()].map(failureKind), [...kinds.values()]);
});

test('what is said of a failure runs it again, and keeps it', () => {
  const task = { kind: 'beyond', seed: 7, options: { world: 6, stormMs: 500, without: ['crash', 'clock jump'] } } as const;
  const command = 'npm run sim -- --seed 7 --beyond --world 6 --storm 500 --without "crash,clock jump"';
  assert.equal(failureLine({ task, problem: 'lost' }), `seed 7 failed: lost\n  ${command}`);
  assert.ok(smallerLine(task).endsWith(`${command} --no-shrink --keep "what it taught"`));
});

test('a seed in a thread has the trace that it has anywhere, and another thread takes its place where one does not end', async () => {
  const task = { kind: 'safe', seed: 7, options: { stormMs: 2_000 } } as const;
  await using pool = new Pool();
  const [once, again] = [await pool.one(task), await pool.one(task)];
  assert.ok('report' in once && 'report' in again);
  assert.equal(once.report.traceHash, again.report.traceHash);
  await using hasty = new Pool({ seedMsMax: 5 });
  const late = await hasty.one({ ...task, options: {} });
  assert.ok('problem' in late && late.problem === 'does not end within 0.005 s', JSON.stringify(late));
  assert.ok('problem' in (await hasty.one({ ...task, options: {} })));
});

test('totals tell of every seed, and of those that failed', () => {
  const totals = new Totals();
  const task = { kind: 'safe', seed: 1, options: {} } as const;
  totals.add({ task, cpuMs: 500, report: { seed: 1, traceHash: '', simulatedMs: 3_600_000, owedMs: 4_000, counts: new Map([['crash', 2]]) } });
  totals.add({ task: { ...task, seed: 2 }, cpuMs: 500, problem: 'lost' });
  assert.deepEqual(
    totals.failures.map(({ problem }) => problem),
    ['lost'],
  );
  assert.deepEqual(
    [...totals.counts, ...totals.seedsWith],
    [
      ['crash', 2],
      ['crash', 1],
    ],
  );
  assert.match(
    totals.lines().join(' '),
    /^2 seeds, 1 failed; 1\.0 simulated hours .* 3600 simulated hours per CPU hour.*, nothing owed after at most 4 s .*crash: 2$/,
  );
});
