import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command } from '../../sim/run/command.ts';
import type { Kind } from '../../sim/run/kinds.ts';
import { runMany } from '../../sim/run/many.ts';
import { Pool } from '../../sim/run/pool.ts';
import { shrink } from '../../sim/run/shrink.ts';
import { neverHappened, SOMETIMES } from '../../sim/sometimes.ts';

const SEEDS = Number(process.env['SEEDS'] ?? 2_000);
const BEYOND_SEEDS = Number(process.env['BEYOND_SEEDS'] ?? 150);

async function fresh(kind: Exclude<Kind, 'liar'>, count: number, tell: (line: string) => void): Promise<void> {
  const from = Math.floor(Math.random() * 1_000_000_000);
  tell(`seeds ${from}..${from + count - 1}: npm run sim --${kind === 'safe' ? '' : ` --${kind}`} --from ${from} --seeds ${count}`);
  const totals = await runMany(kind, { from, count });
  tell(totals.lines()[0] ?? '');
  tell([...SOMETIMES[kind].keys()].map((what) => `${what}: ${totals.counts.get(what) ?? 0}`).join(', '));
  for (const { task } of totals.failures) tell(command(task));
  const [first] = totals.failures;
  if (first !== undefined) {
    await using pool = new Pool();
    tell(`smaller: ${command(await shrink(first, (smaller) => pool.one(smaller)))}, and --keep "what it taught" keeps it`);
  }
  assert.deepEqual(totals.failures, []);
  assert.deepEqual(neverHappened(totals.counts, { seeds: count, kind }), []);
}

test(`${SEEDS} fresh seeds hold, and every fault and every branch happened in them`, (context) => fresh('safe', SEEDS, (line) => context.diagnostic(line)));

test(`${BEYOND_SEEDS} seeds whose faults exceed what is stated: nothing is answered wrongly, and every fault happened in them`, (context) =>
  fresh('beyond', BEYOND_SEEDS, (line) => context.diagnostic(line)));
