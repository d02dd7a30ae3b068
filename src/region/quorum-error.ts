import { ReceiptSyncError } from '../errors.ts';
import type { SyncResult } from './sync-result.ts';

/** The receipt has no quorum (yet): `result` says who has it, who refused it and who is pending. The receipt itself is durable here. */
export class QuorumNotReachedError extends ReceiptSyncError {
  override readonly name = 'QuorumNotReachedError';
  readonly result: SyncResult;

  constructor(result: SyncResult) {
    const { receiptId, weight, threshold, outcome } = result;
    super('QUORUM_NOT_REACHED', `Receipt ${receiptId} has weight ${weight} of ${threshold} (${outcome})`);
    this.result = result;
  }
}

/** The commit gate: returns the result if the receipt has its quorum, or if sync is disabled; else throws QuorumNotReachedError. */
export function requireQuorum(result: SyncResult): SyncResult {
  if (result.outcome === 'quorum' || result.outcome === 'disabled') return result;
  throw new QuorumNotReachedError(result);
}
