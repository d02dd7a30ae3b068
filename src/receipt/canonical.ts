import { assert } from '../std/assert.ts';
import { numbersIn, roomFor, sha256, utf8Bytes, utf8Text } from '../std/bytes.ts';
import { HASH_BYTES_MAX, isId } from './limits.ts';
import type { Receipt } from './receipt.ts';

const VERSION = 1;
/** Separates our digests from every other SHA-256 (SPEC §1). */
const DIGEST_TAG = utf8Bytes('receipt-sync/receipt/v1\n');
/** Version, three lengths, ticks, span_id, committed. */
const FIXED_BYTES = 1 + 2 + 2 + 2 + 4 + 8 + 1;
/** The longest receipt in canonical bytes (SPEC §1). */
export const CANONICAL_BYTES_MAX = 1_044;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder('utf-8', { ignoreBOM: true });

/** `C = 01 | lp16 receipt_id | lp16 transaction_id | lp16 hash | u32 ticks | u64 span_id | u8 committed` (SPEC §1). */
export function canonicalBytes(receipt: Receipt): Uint8Array {
  let at = writeText(receipt.receiptId, 1);
  at = writeText(receipt.transactionId, at);
  const hashEnd = at + 2 + receipt.hash.length;
  const bytes = roomFor(hashEnd + 13);
  assert(bytes.length <= CANONICAL_BYTES_MAX, 'a receipt keeps the limits of SPEC §1');
  bytes.set(SCRATCH.subarray(0, at));
  const numbers = numbersIn(bytes);
  bytes[0] = VERSION;
  numbers.setUint16(at, receipt.hash.length);
  bytes.set(receipt.hash, at + 2);
  numbers.setUint32(hashEnd, receipt.ticks);
  numbers.setBigUint64(hashEnd + 4, receipt.spanId);
  bytes[hashEnd + 12] = receipt.committed ? 1 : 0;
  return bytes;
}
/** Scratch of `canonicalBytes`, which is synchronous: the texts, with room for any three bytes a UTF-16 unit. */
const SCRATCH = new Uint8Array(FIXED_BYTES + 3 * 2 * 256);
const SCRATCH_NUMBERS = numbersIn(SCRATCH);

function writeText(text: string, at: number): number {
  const { written } = ENCODER.encodeInto(text, SCRATCH.subarray(at + 2));
  SCRATCH_NUMBERS.setUint16(at, written);
  return at + 2 + written;
}

/** The receipt of canonical bytes. They come from our store, or were checked at the door: others are our bug. */
export function parseCanonical(canonical: Uint8Array): Receipt {
  const numbers = numbersIn(canonical);
  assert(canonical[0] === VERSION, 'canonical bytes begin with their version');
  const [receiptId, idEnd] = text(canonical, 1);
  const [transactionId, transactionEnd] = text(canonical, idEnd);
  const hashEnd = transactionEnd + 2 + numbers.getUint16(transactionEnd);
  assert(hashEnd + 13 === canonical.length, 'canonical bytes end with committed');
  return {
    receiptId,
    transactionId,
    hash: new Uint8Array(canonical.subarray(transactionEnd + 2, hashEnd)),
    ticks: numbers.getUint32(hashEnd),
    spanId: numbers.getBigUint64(hashEnd + 4),
    committed: canonical[hashEnd + 12] === 1,
  };
}

/** Just the id of canonical bytes. */
export function receiptIdOf(canonical: Uint8Array): string {
  return text(canonical, 1)[0];
}

/** `D = SHA-256("receipt-sync/receipt/v1\n" | C)`: what makes two receipts the same (SPEC §1). 32 bytes. */
export function receiptDigest(canonical: Uint8Array): Uint8Array {
  TAGGED.set(canonical, DIGEST_TAG.length);
  return sha256(TAGGED.subarray(0, DIGEST_TAG.length + canonical.length));
}
/** Scratch of `receiptDigest`, which is synchronous. */
const TAGGED = new Uint8Array(DIGEST_TAG.length + CANONICAL_BYTES_MAX);
TAGGED.set(DIGEST_TAG);

function text(bytes: Uint8Array, at: number): readonly [string, number] {
  const end = at + 2 + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  assert(end <= bytes.length, 'canonical bytes hold their texts');
  return [DECODER.decode(bytes.subarray(at + 2, end)), end];
}

/** The id of canonical bytes that came from elsewhere, or `undefined` if they are not exactly those of a receipt by SPEC §1. */
export function checkedCanonical(canonical: Uint8Array): string | undefined {
  const transactionAt = textEnd(canonical, 1);
  const hashAt = textEnd(canonical, transactionAt);
  const hashEnd = textEnd(canonical, hashAt);
  if (canonical[0] !== VERSION || hashEnd + 13 !== canonical.length || (canonical[hashEnd + 12] ?? 2) > 1) return undefined;
  const hashBytes = hashEnd - hashAt - 2;
  const receiptId = utf8Text(canonical.subarray(3, transactionAt));
  const transactionId = utf8Text(canonical.subarray(transactionAt + 2, hashAt));
  if (hashBytes < 1 || hashBytes > HASH_BYTES_MAX || receiptId === undefined || transactionId === undefined) return undefined;
  return isId('receipt_id', receiptId) && isId('transaction_id', transactionId) ? receiptId : undefined;
}

function textEnd(bytes: Uint8Array, at: number): number {
  return at + 2 + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
}
