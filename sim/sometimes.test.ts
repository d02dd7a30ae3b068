import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neverHappened, SEEDS_SEEN, SEEDS_STANDARD, SOMETIMES, SOMETIMES_BEYOND } from './sometimes.ts';

const LISTS = { safe: SOMETIMES, beyond: SOMETIMES_BEYOND } as const;

function missedIn(kind: keyof typeof LISTS, seeds: number, seedsWith: ReadonlyMap<string, number> = new Map()): readonly string[] {
  return neverHappened(seedsWith, { seeds, sometimes: LISTS[kind], seen: SEEDS_SEEN[kind] });
}

test('where nothing happened in the standard seeds that is said, of most that is listed', () => {
  assert.ok(missedIn('safe', SEEDS_STANDARD.safe).length > 0.9 * SOMETIMES.size);
  assert.ok(missedIn('beyond', SEEDS_STANDARD.beyond).length > 0.7 * SOMETIMES_BEYOND.size);
});

test('every kind of fault that exceeds what is stated has to happen in the standard seeds', () => {
  const missed = missedIn('beyond', SEEDS_STANDARD.beyond);
  for (const what of SOMETIMES_BEYOND.keys()) if (what.startsWith('beyond: ')) assert.ok(missed.includes(what), what);
});

test('one thing that did not happen is missed, and nothing is where all of it did', () => {
  assert.deepEqual(missedIn('safe', SEEDS_STANDARD.safe, SOMETIMES), []);
  const without = new Map([...SOMETIMES_BEYOND].filter(([what]) => what !== 'alarm forgot'));
  assert.deepEqual(missedIn('beyond', SEEDS_STANDARD.beyond, without), ['alarm forgot']);
});

test('in few seeds nothing rare is missed', () => {
  assert.deepEqual(missedIn('beyond', 1), []);
});
