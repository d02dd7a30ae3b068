import { canonicalBytes, receiptDigest } from '../src/receipt/canonical.ts';
import type { Receipt } from '../src/receipt/receipt.ts';

/** A receipt for tests: all different by `n`. */
export function receiptOf(n: number | string, change: Partial<Receipt> = {}): Receipt {
  return { receiptId: `rec-${n}`, transactionId: `tx-${n}`, hash: Uint8Array.of(1, 2, 3, 4), ticks: 4, spanId: 789n, committed: true, ...change };
}

/** The receipt as the log takes it. */
export function sealed(receipt: Receipt): { readonly receiptId: string; readonly canonical: Uint8Array; readonly digest: Uint8Array } {
  const canonical = canonicalBytes(receipt);
  return { receiptId: receipt.receiptId, canonical, digest: receiptDigest(canonical) };
}
