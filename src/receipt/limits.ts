import { InvalidReceiptError } from '../errors.ts';
import { utf8Bytes } from '../std/bytes.ts';

/** SPEC §1. Bytes of UTF-8. */
export const ID_BYTES_MAX = 256;
export const HASH_BYTES_MAX = 512;
export const U32_MAX = 0xffff_ffff;
export const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** No character below U+0020, no U+007F. Anything else is fine, and everything else is kept as it is. */
const FORBIDDEN = /[\u0000-\u001f\u007f]/;
const PRINTABLE_ASCII = /^[\u0020-\u007e]*$/;

/** Refuses what is not an id by SPEC §1; `field` is the wire name. */
export function checkId(field: 'receipt_id' | 'transaction_id', text: string): string {
  if (field === 'receipt_id' && text === '') throw new InvalidReceiptError(field, 'must not be empty');
  if (text.length > ID_BYTES_MAX) throw new InvalidReceiptError(field, `must have at most ${ID_BYTES_MAX} bytes`);
  if (PRINTABLE_ASCII.test(text)) return text;
  if (!text.isWellFormed()) throw new InvalidReceiptError(field, 'must not hold a lone surrogate');
  if (FORBIDDEN.test(text)) throw new InvalidReceiptError(field, 'must not hold control characters');
  if (utf8Bytes(text).length > ID_BYTES_MAX) throw new InvalidReceiptError(field, `must have at most ${ID_BYTES_MAX} bytes`);
  return text;
}

export function checkHash(hash: Uint8Array): Uint8Array {
  if (hash.length < 1 || hash.length > HASH_BYTES_MAX) throw new InvalidReceiptError('hash', `must have 1 to ${HASH_BYTES_MAX} bytes`);
  return hash;
}
