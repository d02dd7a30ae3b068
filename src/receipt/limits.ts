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
export function checkId(field: IdField, text: string): string {
  const problem = idProblem(field, text);
  if (problem !== undefined) throw new InvalidReceiptError(field, problem);
  return text;
}

/** Is this an id by SPEC §1? */
export function isId(field: IdField, text: string): boolean {
  return idProblem(field, text) === undefined;
}

type IdField = 'receipt_id' | 'transaction_id';

function idProblem(field: IdField, text: string): string | undefined {
  if (field === 'receipt_id' && text === '') return 'must not be empty';
  if (text.length > ID_BYTES_MAX) return `must have at most ${ID_BYTES_MAX} bytes`;
  if (PRINTABLE_ASCII.test(text)) return undefined;
  if (!text.isWellFormed()) return 'must not hold a lone surrogate';
  if (FORBIDDEN.test(text)) return 'must not hold control characters';
  return utf8Bytes(text).length > ID_BYTES_MAX ? `must have at most ${ID_BYTES_MAX} bytes` : undefined;
}

export function checkHash(hash: Uint8Array): Uint8Array {
  if (hash.length < 1 || hash.length > HASH_BYTES_MAX) throw new InvalidReceiptError('hash', `must have 1 to ${HASH_BYTES_MAX} bytes`);
  return hash;
}
