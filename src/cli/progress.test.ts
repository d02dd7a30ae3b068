import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressLine } from './progress.ts';

test('a bar tells share, rate and time left; without a total only what was done', () => {
  assert.equal(
    progressLine('import', { done: 25, total: 100, receipts: 5_000 }, 10_000),
    `import ${'█'.repeat(6)}${'░'.repeat(18)} 25%  5,000 receipts  500/s  ETA 0:30`,
  );
  assert.equal(progressLine('import', { done: 25, total: 0, receipts: 5_000 }, 10_000), 'import  5,000 receipts  500/s');
  assert.match(progressLine('export', { done: 1, total: 7_300, receipts: 1 }, 1_000), /ETA 2:01:39$/);
});
