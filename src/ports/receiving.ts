import type { Receipt } from '../receipt/receipt.ts';
import type { StoredReceipt } from './receipt-index.ts';

/** What a region answers to a receipt that came by the plain protocol; `acknowledged` only after an fsync covers it. */
export type ReceiveAnswer =
  | { readonly kind: 'acknowledged'; readonly digest: Uint8Array; readonly duplicate: boolean }
  | { readonly kind: 'conflict'; readonly held: Uint8Array; readonly offered: Uint8Array }
  | { readonly kind: 'overloaded'; readonly retryAfterMs: number }
  | { readonly kind: 'store-failed'; readonly message: string }
  | { readonly kind: 'closed' };

/** The side of a region that the peer listener speaks to. */
export interface Receiving {
  readonly regionId: string;
  /** One answer per receipt, in order; never rejects. */
  receive(receipts: readonly Receipt[]): Promise<readonly ReceiveAnswer[]>;
  getStored(receiptId: string): Promise<StoredReceipt | undefined>;
  /** Store writable, recovered, not draining: local only. */
  isReady(): boolean;
}
