import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { test } from 'node:test';
import { edited, editOf } from '../edits/edit.ts';
import { atOnce, runSeeds } from '../edits/run.ts';
import { PLANTS } from './all.ts';
import { planted } from './plant.ts';

/** Those that the first seeds find: `npm run plants` looks for all of them. */
const QUICKEST: readonly string[] = [
  'answered while the commit is under way',
  'first digest decided outside the turn',
  'conflict judged by id alone',
  'threshold minus one',
  'restarted without the offset',
  'cosignature before the commit',
  'refused entry signed in silence',
  'evidence missing',
];

test('every planted bug still has its place in the source, once, and what it makes of it can be loaded', () => {
  assert.equal(new Set(PLANTS.map(({ name }) => name)).size, PLANTS.length);
  for (const plant of PLANTS) {
    const text = readFileSync(new URL(`../../${plant.file}`, import.meta.url), 'utf8');
    const changed = edited(text, planted(plant));
    assert.notEqual(changed, text, plant.name);
    assert.doesNotThrow(() => stripTypeScriptTypes(changed), plant.name);
  }
});

test('a plant whose place has gone, or is there twice, is refused, and so is a text that it was not made for', () => {
  assert.throws(() => editOf('a b', { file: 'src/x.ts', find: 'c', replace: '' }), /0 times/);
  assert.throws(() => editOf('b b', { file: 'src/x.ts', find: 'b', replace: '' }), /2 times/);
  assert.throws(() => edited('abc', editOf('bc', { file: 'src/x.ts', find: 'b', replace: '' })), /not what the edit was made for/);
});

test('the simulator finds the quickest of the planted bugs', async () => {
  const plants = PLANTS.filter(({ name }) => QUICKEST.includes(name));
  assert.equal(plants.length, QUICKEST.length);
  await atOnce(2, plants, async (plant) => {
    const sought = await runSeeds(planted(plant), { world: plant.by ?? 'safe', first: 1, count: 20 });
    assert.equal(sought.kind, 'found', plant.name);
  });
});
