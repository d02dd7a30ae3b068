import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GROUP_BYTES_MAX, GROUP_ENTRIES_MAX } from '../log/group.ts';
import { overloaded } from './jobs-waiting.ts';

test('eight full groups may wait, by their entries and by their bytes, and not one more', () => {
  const most = { entries: 8 * GROUP_ENTRIES_MAX - 1, bytes: 8 * GROUP_BYTES_MAX - 100 };
  assert.equal(overloaded(most, { entries: 1, bytes: 100 }), undefined);
  assert.equal(overloaded(most, { entries: 2, bytes: 100 })?.code, 'OVERLOADED');
  assert.equal(overloaded(most, { entries: 1, bytes: 101 })?.code, 'OVERLOADED');
  assert.equal(overloaded(most, { entries: 1, bytes: 101 })?.retryAfterMs, 1_000);
});

test('where less may wait less does, and alone any job fits: else it would be owed for ever', () => {
  assert.equal(overloaded({ entries: 3, bytes: 30 }, { entries: 1, bytes: 10 }, 4), undefined);
  assert.equal(overloaded({ entries: 3, bytes: 30 }, { entries: 2, bytes: 10 }, 4)?.code, 'OVERLOADED');
  assert.equal(overloaded({ entries: 0, bytes: 0 }, { entries: 300, bytes: 3_000 }, 4), undefined);
});
