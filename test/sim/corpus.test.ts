import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import type { RunOptions } from '../../sim/features.ts';
import type { Kind } from '../../sim/run/kinds.ts';
import { outcomesOf } from '../../sim/run/many.ts';

test('every seed of the corpus holds', async () => {
  const corpus: readonly ({ readonly seed: number; readonly kind?: Kind } & RunOptions)[] = JSON.parse(
    await readFile(new URL('../../sim/corpus/seeds.json', import.meta.url), 'utf8'),
  );
  const outcomes = await outcomesOf(corpus.map(({ seed, kind = 'safe', ...options }) => ({ kind, seed, options })));
  assert.deepEqual(
    outcomes.flatMap((outcome) => ('problem' in outcome ? [outcome.problem] : [])),
    [],
  );
});
