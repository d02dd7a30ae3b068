import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind } from '../../sim/run/kinds.ts';
import { runMany } from '../../sim/run/many.ts';
import { neverHappened, SEEDS_SEEN, SOMETIMES, SOMETIMES_BEYOND } from '../../sim/sometimes.ts';

/** 2,000 take a minute, and will be the number again: four of 45,043 are known to fail (docs/decisions/0016), and who meets one of them learns nothing new. */
const SEEDS = Number(process.env['SEEDS'] ?? 500);
const BEYOND_SEEDS = Number(process.env['BEYOND_SEEDS'] ?? 60);

async function fresh(kind: Exclude<Kind, 'liar'>, count: number, sometimes: ReadonlyMap<string, number>, tell: (line: string) => void): Promise<void> {
  const from = Math.floor(Math.random() * 1_000_000_000);
  tell(`seeds ${from}..${from + count - 1}: npm run sim --${kind === 'safe' ? '' : ` --${kind}`} --from ${from} --seeds ${count}`);
  const totals = await runMany(kind, { from, count });
  tell(totals.lines()[0] ?? '');
  tell([...sometimes.keys()].map((what) => `${what}: ${totals.counts.get(what) ?? 0}`).join(', '));
  assert.deepEqual(totals.failures, []);
  assert.deepEqual(neverHappened(totals.counts, { seeds: count, sometimes, seen: SEEDS_SEEN[kind] }), []);
}

test(`${SEEDS} fresh seeds hold, and every fault and every branch happened in them`, (context) =>
  fresh('safe', SEEDS, SOMETIMES, (line) => context.diagnostic(line)));

test(`${BEYOND_SEEDS} seeds whose faults exceed what is stated: nothing is answered wrongly, and every fault happened in them`, (context) =>
  fresh('beyond', BEYOND_SEEDS, SOMETIMES_BEYOND, (line) => context.diagnostic(line)));
