import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fate } from './fate.ts';
import { VirtualClock } from './virtual-clock.ts';

function world(only?: string) {
  const struck: string[] = [];
  const fate = new Fate(new VirtualClock());
  fate.plan({ left: 2, phase: 'before', only, delayMs: 0, strike: (operation) => struck.push(operation) });
  const done: string[] = [];
  const act = (operation: string) => async () => void done.push(operation);
  return { fate, struck, done, act };
}

test('the n-th operation is struck whatever it is, and one that is only aimed at does not count', async () => {
  const { fate, struck, done, act } = world();
  await fate.ifAimedAt('close', act('close'));
  await fate.during('get', act('get'));
  void fate.during('find', act('find'));
  await new Promise(setImmediate);
  assert.deepEqual([struck, done], [['before find'], ['close', 'get']]);
});

test('where one kind is aimed at no other counts', async () => {
  const { fate, struck, done, act } = world('close');
  await fate.during('get', act('get'));
  await fate.ifAimedAt('close', act('close'));
  await fate.during('get', act('get'));
  void fate.ifAimedAt('close', act('close'));
  await new Promise(setImmediate);
  assert.deepEqual([struck, done], [['before close'], ['get', 'close', 'get']]);
});
