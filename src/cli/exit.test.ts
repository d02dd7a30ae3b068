import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReceiptSyncError } from '../errors.ts';
import { EXIT, exitCodeOf } from './exit.ts';

test('not yet certified is a negative answer, and no code that a sidecar sends in peace is our bug', () => {
  assert.equal(exitCodeOf(new ReceiptSyncError('NOT_CERTIFIED', '')), EXIT.negative);
  assert.equal(exitCodeOf(new ReceiptSyncError('QUORUM_NOT_REACHED', '')), EXIT.negative);
  assert.equal(exitCodeOf(new ReceiptSyncError('REQUEST_TIMEOUT', '')), EXIT.tryAgain);
  assert.equal(exitCodeOf(new ReceiptSyncError('INVALID_EVIDENCE', '')), EXIT.badData);
});
