import assert from 'node:assert/strict';
import { test } from 'node:test';
import { featuresOf } from '../features.ts';
import { command } from './command.ts';
import type { Task } from './messages.ts';
import { Pool } from './pool.ts';
import { kindOf, shrink } from './shrink.ts';
import { Totals } from './totals.ts';

test('a failure is made as small as it still fails in the same way: what it does not need is left out, and the storm is short', async () => {
  const needs = ({ options }: Task): boolean => featuresOf(options).has('crash') && featuresOf(options).has('resets') && (options.stormMs ?? 30_000) >= 3_000;
  const task: Task = { kind: 'safe', seed: 1, options: {} };
  const problem = 'seed 1: everything owed arrives: region-3 lacks entry 7';
  const { options } = await shrink({ task, problem }, async (smaller) => {
    // Whatever has no crash in it fails of something else.
    const other = 'seed 1: every machine is up again';
    return { task: smaller, cpuMs: 1, problem: needs(smaller) ? problem.replaceAll('7', '9') : other };
  });
  assert.ok(needs({ ...task, options }));
  assert.deepEqual([...featuresOf(options)], ['crash', 'resets']);
  assert.ok((options.stormMs ?? 30_000) < 3_400);
  assert.match(command({ ...task, options }), /^npm run sim -- --seed 1 --storm 3\d{3} --without "cut,full disk,/);
});

test('failures are of one kind where one checker has seen them, or one message was thrown', () => {
  assert.equal(kindOf('seed 12: everything owed arrives: region-3'), 'everything owed arrives');
  assert.equal(kindOf('something is owed still, 90 s after the last fault'), kindOf('something is owed still, 240 s after the last fault'));
  assert.notEqual(kindOf('seed 12: false alarm: x'), kindOf('seed 12: a repeat is no conflict: x'));
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
  assert.match(
    totals.lines().join(' '),
    /^2 seeds, 1 failed; 1\.0 simulated hours .* 3600 simulated hours per CPU hour.*, nothing owed after at most 4 s .*crash: 2$/,
  );
});
