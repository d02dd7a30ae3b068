import { sha256 } from '../std/bytes.ts';

/** SHA-256 everywhere. */
export const HASH_BYTES = 32;
/** Leaves of a tree: beyond it a size is no exact number here, and no log of ours gets there. */
export const SIZE_MAX: number = Number.MAX_SAFE_INTEGER;

/** `SHA-256()`: the root of a tree without leaves (RFC 6962 §2.1). */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array());

/** `SHA-256(00 | entry)` (RFC 6962 §2.1). */
export function leafHash(entry: Uint8Array): Uint8Array {
  if (entry.length >= LEAF.length) {
    const prefixed = new Uint8Array(1 + entry.length);
    prefixed.set(entry, 1);
    return sha256(prefixed);
  }
  LEAF.set(entry, 1);
  return sha256(LEAF.subarray(0, 1 + entry.length));
}
/** Scratch for leaves of the usual size: hashing is synchronous. */
const LEAF = new Uint8Array(128);

/** `SHA-256(01 | left | right)` (RFC 6962 §2.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  NODE.set(left, 1);
  NODE.set(right, 1 + HASH_BYTES);
  return sha256(NODE);
}
const NODE = new Uint8Array(1 + 2 * HASH_BYTES);
NODE[0] = 1;
