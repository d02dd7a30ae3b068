/**
 * The record that is synced: an application's receipt of a transaction it committed (SPEC §1). The six fields are its
 * identity. Values of this type have been parsed: what holds one does not check again.
 */
export interface Receipt {
  /** 1..256 bytes of UTF-8, well formed, no control characters. */
  readonly receiptId: string;
  /** 0..256 bytes, same alphabet. */
  readonly transactionId: string;
  /** 1..512 bytes: the application's own commitment, opaque to us. */
  readonly hash: Uint8Array;
  /** u32. */
  readonly ticks: number;
  /** u64. */
  readonly spanId: bigint;
  /** The application's claim; says nothing about our durability. */
  readonly committed: boolean;
}
