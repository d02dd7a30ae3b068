import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Failure } from '../region/failure.ts';
import { Owed } from './owed.ts';

const REFUSED: Failure = { code: 'CONFLICT', message: 'HTTP error 409: Conflict', retryable: false, consequence: 'park', countsAgainst: false };

test('ten million owed receipts cost no memory', () => {
  const before = process.memoryUsage().heapUsed;
  const owed = new Owed({ offset: 0, size: 10_000_000, refused: [] });
  assert.deepEqual([owed.count, owed.offset, owed.standing(9_999_999)], [10_000_000, 0, 'owed']);
  assert.ok(process.memoryUsage().heapUsed - before < 1_000_000);
});

test('every entry is in one place, and the offset is the first that was not answered', () => {
  const owed = new Owed({ offset: 3, size: 10, refused: [{ index: 4, code: 'CONFLICT' }] });
  assert.deepEqual([owed.count, owed.offset, owed.standing(2), owed.standing(4)], [6, 3, 'acknowledged', 'refused']);
  owed.call(5, 'five');
  assert.deepEqual(owed.takeBacklog(2), [3, 6]);
  assert.deepEqual(owed.takeCalls(0, 8), [5]);
  owed.acknowledged(3);
  assert.deepEqual([owed.count, owed.offset], [5, 5]);
  owed.acknowledged(5);
  owed.defer(6, 100);
  assert.deepEqual([owed.offset, owed.takeDeferred(99, 8), owed.takeDeferred(100, 8)], [6, [], [6]]);
});

test('a refusal holds the offset back until it is recorded, and is owed again if it can not be', () => {
  const owed = new Owed({ offset: 0, size: 2, refused: [] });
  owed.takeBacklog(2);
  owed.acknowledged(1);
  owed.parking(0, REFUSED);
  assert.deepEqual([owed.offset, owed.standing(0), owed.refusal(0).message], [0, 'refused', REFUSED.message]);
  owed.parked(0, { durable: false, dueMs: 5 });
  assert.deepEqual([owed.offset, owed.standing(0)], [0, 'owed']);
  owed.takeDeferred(5, 1);
  owed.parking(0, REFUSED);
  owed.parked(0, { durable: true, dueMs: 5 });
  assert.deepEqual([owed.offset, owed.count, owed.standing(0)], [2, 0, 'refused']);
});

test('a caller who comes while the entry is on the wire shares that attempt', () => {
  const owed = new Owed({ offset: 0, size: 1, refused: [] });
  owed.takeBacklog(1);
  owed.call(0, 'zero');
  assert.deepEqual([owed.count, owed.calls.get(0)?.attempts, owed.takeCalls(0, 8)], [1, 1, []]);
});
