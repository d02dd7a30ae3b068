import { hash } from 'node:crypto';
import { assert } from '../std/assert.ts';
import { view } from '../std/bytes.ts';
import type { Receipt } from './receipt.ts';

const VERSION = 1;
/** Separates our digests from every other SHA-256 (SPEC §1). */
const DIGEST_TAG = Buffer.from('receipt-sync/receipt/v1\n', 'ascii');
/** Version, three lengths, ticks, span_id, committed. */
const FIXED_BYTES = 1 + 2 + 2 + 2 + 4 + 8 + 1;
/** The longest receipt in canonical bytes (SPEC §1). */
export const CANONICAL_BYTES_MAX = 1_044;

/** `C = 01 | lp16 receipt_id | lp16 transaction_id | lp16 hash | u32 ticks | u64 span_id | u8 committed` (SPEC §1). */
export function canonicalBytes(receipt: Receipt): Buffer {
  const idBytes = Buffer.byteLength(receipt.receiptId);
  const transactionBytes = Buffer.byteLength(receipt.transactionId);
  const bytes = Buffer.allocUnsafe(FIXED_BYTES + idBytes + transactionBytes + receipt.hash.length);
  bytes[0] = VERSION;
  let at = bytes.writeUInt16BE(idBytes, 1);
  at += bytes.write(receipt.receiptId, at, idBytes, 'utf8');
  at = bytes.writeUInt16BE(transactionBytes, at);
  at += bytes.write(receipt.transactionId, at, transactionBytes, 'utf8');
  at = bytes.writeUInt16BE(receipt.hash.length, at);
  bytes.set(receipt.hash, at);
  at = bytes.writeUInt32BE(receipt.ticks, at + receipt.hash.length);
  at = bytes.writeBigUInt64BE(receipt.spanId, at);
  bytes[at] = receipt.committed ? 1 : 0;
  return bytes;
}

/** The receipt of canonical bytes. They come from our store, or were checked at the door: others are our bug. */
export function parseCanonical(canonical: Uint8Array): Receipt {
  const bytes = view(canonical);
  assert(bytes[0] === VERSION, 'canonical bytes begin with their version');
  const [receiptId, idEnd] = text(bytes, 1);
  const [transactionId, transactionEnd] = text(bytes, idEnd);
  const hashEnd = transactionEnd + 2 + bytes.readUInt16BE(transactionEnd);
  assert(hashEnd + 13 === bytes.length, 'canonical bytes end with committed');
  return {
    receiptId,
    transactionId,
    hash: new Uint8Array(bytes.subarray(transactionEnd + 2, hashEnd)),
    ticks: bytes.readUInt32BE(hashEnd),
    spanId: bytes.readBigUInt64BE(hashEnd + 4),
    committed: bytes[hashEnd + 12] === 1,
  };
}

/** Just the id of canonical bytes. */
export function receiptIdOf(canonical: Uint8Array): string {
  return text(view(canonical), 1)[0];
}

/** `D = SHA-256("receipt-sync/receipt/v1\n" | C)`: what makes two receipts the same (SPEC §1). 32 bytes. */
export function receiptDigest(canonical: Uint8Array): Buffer {
  TAGGED.set(canonical, DIGEST_TAG.length);
  return hash('sha256', TAGGED.subarray(0, DIGEST_TAG.length + canonical.length), 'buffer');
}
/** Scratch of `receiptDigest`, which is synchronous. */
const TAGGED = Buffer.concat([DIGEST_TAG, Buffer.alloc(CANONICAL_BYTES_MAX)]);

function text(bytes: Buffer, at: number): readonly [string, number] {
  const end = at + 2 + bytes.readUInt16BE(at);
  assert(end <= bytes.length, 'canonical bytes hold their texts');
  return [bytes.toString('utf8', at + 2, end), end];
}
