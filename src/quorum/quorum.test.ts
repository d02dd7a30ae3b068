import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { agree, type Testimony } from './agreement.ts';
import type { Roster } from './roster.ts';
import { tally, type Word } from './tally.ts';

function roster(threshold: number, ...weights: readonly number[]): Roster {
  return { threshold, localWeight: weights[0] ?? 1, remotes: weights.slice(1).map((weight, n) => ({ regionId: `r${n}`, weight })) };
}

test('weights are summed, not heads counted', () => {
  assert.deepEqual(tally(roster(3, 1, 2, 1), ['acknowledged', undefined]), { verdict: 'reached', weight: 3, synced: 2 });
  assert.deepEqual(tally(roster(3, 1, 0, 1, 1), ['acknowledged', 'acknowledged', undefined]), { verdict: 'pending', weight: 2, synced: 3 });
});

test('lost means out of reach, and a word that is missing can still be spoken', () => {
  assert.equal(tally(roster(2, 1, 1, 1), ['refused', undefined]).verdict, 'pending');
  assert.equal(tally(roster(2, 1, 1, 1), ['refused', 'refused']).verdict, 'lost');
  assert.equal(tally(roster(1, 1, 1), ['refused']).verdict, 'reached');
});

test('reached, pending and lost are what they say, for any weights and words', () => {
  const words = fc.constantFrom<Word>('acknowledged', 'refused', undefined);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(4), words), { maxLength: 6 }), fc.nat(4), fc.integer({ min: 1, max: 20 }), (remotes, local, threshold) => {
      const { verdict, weight } = tally(
        roster(threshold, local, ...remotes.map(([w]) => w)),
        remotes.map(([, word]) => word),
      );
      const sum = (wanted: readonly Word[]): number => remotes.filter(([, word]) => wanted.includes(word)).reduce((total, [w]) => total + w, local);
      assert.equal(weight, sum(['acknowledged']));
      const best = sum(['acknowledged', undefined]);
      assert.equal(verdict, weight >= threshold ? 'reached' : best >= threshold ? 'pending' : 'lost');
    }),
  );
});

const held = (digest: string, ...refused: readonly string[]): Testimony => ({
  kind: 'held',
  digest,
  refused: refused.map((each) => ({ digest: each, region: 'elsewhere', index: 0 })),
});
const MISSING: Testimony = { kind: 'missing' };
const UNREACHABLE: Testimony = { kind: 'unreachable' };

test('the four verdicts of SPEC §6, the first that holds', () => {
  const three = roster(2, 1, 1, 1);
  const verdictOf = (...testimonies: readonly Testimony[]): string => agree(three, testimonies).verdict;
  assert.equal(verdictOf(held('a'), held('a'), UNREACHABLE), 'confirmed');
  assert.equal(verdictOf(held('a'), MISSING, UNREACHABLE), 'pending');
  assert.equal(verdictOf(held('a'), UNREACHABLE, UNREACHABLE), 'unknown');
  assert.equal(verdictOf(held('a'), held('b'), held('b')), 'conflict');
  assert.equal(verdictOf(held('a'), held('b'), held('a')), 'confirmed');
  assert.equal(verdictOf(MISSING, held('a'), held('a')), 'confirmed');
  assert.equal(verdictOf(MISSING, MISSING, MISSING), 'pending');
  assert.equal(verdictOf(UNREACHABLE, UNREACHABLE, held('a')), 'unknown');
});

test('a region that holds the digest and refuses it confirms nothing', () => {
  assert.equal(agree(roster(2, 1, 1), [held('a'), held('a', 'a')]).weight, 1);
});

test('a conflict needs so much weight elsewhere that the threshold is out of reach: what just leaves it in reach is none', () => {
  assert.equal(agree(roster(2, 1, 1, 1), [MISSING, held('a'), held('b')]).verdict, 'pending');
  assert.equal(agree(roster(3, 1, 1, 1), [MISSING, held('a'), held('b')]).verdict, 'conflict');
});

test('what the local region does not hold is asked about by the weight of those that hold something, however much holds nothing', () => {
  assert.deepEqual(agree(roster(3, 1, 5, 2, 1), [MISSING, MISSING, held('a'), held('b')]).states, ['missing', 'missing', 'confirmed', 'conflict']);
});
