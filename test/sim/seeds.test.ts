import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureLine, smallerLine } from '../../sim/run/command.ts';
import type { Kind } from '../../sim/run/kinds.ts';
import { runMany } from '../../sim/run/many.ts';
import { Pool } from '../../sim/run/pool.ts';
import { shrinkIn } from '../../sim/run/shrink.ts';
import type { Failure } from '../../sim/run/totals.ts';
import { neverHappened, SEEDS_SEEN, SEEDS_STANDARD, SOMETIMES, SOMETIMES_BEYOND } from '../../sim/sometimes.ts';

const SEEDS = Number(process.env['SEEDS'] ?? SEEDS_STANDARD.safe);
const BEYOND_SEEDS = Number(process.env['BEYOND_SEEDS'] ?? SEEDS_STANDARD.beyond);

type Tell = (line: string) => void;

async function fresh(kind: Exclude<Kind, 'liar'>, count: number, sometimes: ReadonlyMap<string, number>, tell: Tell): Promise<void> {
  const from = Math.floor(Math.random() * 1_000_000_000);
  tell(`seeds ${from}..${from + count - 1}: npm run sim --${kind === 'safe' ? '' : ` --${kind}`} --from ${from} --seeds ${count}`);
  const totals = await runMany(kind, { from, count });
  tell(totals.lines()[0] ?? '');
  tell([...sometimes.keys()].map((what) => `${what}: ${totals.counts.get(what) ?? 0} in ${totals.seedsWith.get(what) ?? 0}`).join(', '));
  await tellFailures(totals.failures, tell);
  assert.deepEqual(totals.failures, []);
  assert.deepEqual(neverHappened(totals.seedsWith, { seeds: count, sometimes, seen: SEEDS_SEEN[kind] }), []);
}

/** What runs each of them again, and the first one smaller. */
async function tellFailures(failures: readonly Failure[], tell: Tell): Promise<void> {
  for (const failure of failures) tell(failureLine(failure));
  const [first] = failures;
  if (first === undefined) return;
  await using pool = new Pool();
  tell(smallerLine(await shrinkIn(pool, first)));
}

test(`${SEEDS} fresh seeds hold, and every fault and every branch that is to be expected in them happened`, (context) =>
  fresh('safe', SEEDS, SOMETIMES, (line) => context.diagnostic(line)));

test(`${BEYOND_SEEDS} seeds whose faults exceed what is stated: nothing is answered wrongly, and every kind of them happened`, (context) =>
  fresh('beyond', BEYOND_SEEDS, SOMETIMES_BEYOND, (line) => context.diagnostic(line)));
