import type { Failure } from '../region/failure.ts';

/** One receipt on its way: what is sent and what a good answer must match. */
export interface Parcel {
  readonly receiptId: string;
  /** The six fields as JSON, made once for all remotes. */
  readonly json: string;
  /** Hex. */
  readonly digest: string;
}

/** What a remote says of one receipt. */
export type Delivery =
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'failed'; readonly failure: Failure };

export interface DeliveryReport {
  /** One per parcel, in order. */
  readonly deliveries: readonly Delivery[];
  /** What the answer's `receipt-sync-batch` header offers, or `undefined` without one: then one parcel per request. */
  readonly batchMax: number | undefined;
}

/** What a remote holds under an id, asked afresh (SPEC §6). */
export type Reading =
  | { readonly kind: 'held'; readonly digest: Uint8Array; readonly refused: readonly Uint8Array[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** The only way to speak to one remote. Answers with values; after `signal` fires the promise may do as it likes, nobody listens. */
export interface Peer {
  deliver(parcels: readonly Parcel[], options: { readonly sentAtMs: number; readonly signal: AbortSignal }): Promise<DeliveryReport>;
  read(receiptId: string, signal: AbortSignal): Promise<Reading>;
  close(): Promise<void>;
}
