import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neverHappened, SOMETIMES } from './sometimes.ts';

test('the standard seeds in which nothing happens are missed by all that is asked for: most of each list', () => {
  for (const [kind, seeds] of [
    ['safe', 2_000],
    ['beyond', 150],
  ] as const) {
    const missed = neverHappened(new Map(), { seeds, kind });
    assert.ok(missed.length > SOMETIMES[kind].size * 0.7, `${missed.length} of ${SOMETIMES[kind].size}`);
    assert.deepEqual(neverHappened(SOMETIMES[kind], { seeds, kind }), []);
  }
  assert.ok(neverHappened(new Map(), { seeds: 150, kind: 'beyond' }).includes('beyond: two instances'));
  assert.ok(neverHappened(new Map(), { seeds: 2_000, kind: 'safe' }).includes('crash during commit'));
});
