import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import type { VerifySignature } from './primitives.node.ts';

export type { VerifySignature } from './primitives.node.ts';

/** 32 bytes (FIPS 180-4). */
export function sha256(bytes: Uint8Array): Uint8Array {
  return nobleSha256(bytes);
}

/** Room for bytes that are all about to be written. */
export function roomFor(length: number): Uint8Array {
  return new Uint8Array(length);
}

/** Checks signatures of this 32-byte public key (RFC 8032, without the leniency of ZIP 215). */
export function ed25519Verifier(publicKey: Uint8Array): VerifySignature {
  return (message, signature) => signature.length === 64 && isSigned(publicKey, message, signature);
}

function isSigned(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    // What can't be decoded is no signature.
    return false;
  }
}

/** Lower-case hex of the bytes. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The bytes of an even number of hex digits of either case, or `undefined` if the text is anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, n) => Number.parseInt(text.slice(2 * n, 2 * n + 2), 16));
}

/** RFC 4648 §4, padded. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/** The bytes of padded base64 in its one canonical form, or `undefined`. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return toBase64(bytes) === text ? bytes : undefined;
}

/** True if both hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, n) => byte === b[n]);
}

/** The text of well-formed UTF-8 (RFC 3629), or `undefined`. A byte order mark is a character like any other. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return DECODER.decode(bytes);
  } catch {
    // The one thing that a fatal decoder throws for: bytes that are no text.
    return undefined;
  }
}
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
