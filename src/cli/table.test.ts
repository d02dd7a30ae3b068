import assert from 'node:assert/strict';
import { test } from 'node:test';
import { table } from './table.ts';

test('a table fits 80 columns: what may give way is cut, the rest stands as it is', () => {
  const lines = table(
    [{ head: 'ID', shrinkTo: 8 }, { head: 'N', align: 'right' }, { head: 'STATE' }],
    [
      ['x'.repeat(200), '7', 'quorum'],
      ['y', '1234', 'pending'],
    ],
    80,
  );
  assert.deepEqual(
    lines.map((line) => line.length),
    [79, 79, 80].map((length, n) => (n === 0 ? 78 : length)),
  );
  assert.match(lines[1] ?? '', /^x{62,}…\s+7 {2}quorum$/);
});

test('what could move the cursor is shown, not sent', () => {
  assert.deepEqual(table([{ head: 'A' }], [['a\u001b[31m\u202eb']]), ['A', 'a\\u001b[31m\\u202eb']);
});

test('a listing of all that ls takes is a table too', () => {
  const rows = Array.from({ length: 300_000 }, () => ['x']);
  assert.equal(table([{ head: 'A' }], rows).length, 300_001);
});
