import { isAscii, isUtf8 } from 'node:buffer';
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';

/** Checks Ed25519 signatures of one key. */
export type VerifySignature = (message: Uint8Array, signature: Uint8Array) => boolean;

/** 32 bytes (FIPS 180-4). By way of a text: Node's own Buffer of a hash is an allocation outside the heap, three times the cost of the hash. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');
}

/** Room for bytes that are all about to be written; small ones share memory, which costs a tenth of an allocation of their own. */
export function roomFor(length: number): Uint8Array {
  return Buffer.allocUnsafe(length);
}

/** Checks signatures of this 32-byte public key (RFC 8032). The key itself is checked by `tlog/vkey.ts`. */
export function ed25519Verifier(publicKey: Uint8Array): VerifySignature {
  let key: KeyObject | undefined;
  return (message, signature) => {
    key ??= createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') }, format: 'jwk' });
    return signature.length === 64 && verify(null, message, key, signature);
  };
}

/** Lower-case hex of the bytes. */
export function toHex(bytes: Uint8Array): string {
  return shared(bytes).toString('hex');
}

/** The bytes of an even number of hex digits of either case, or `undefined` if the text is anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  // Buffer itself takes U+0130 for a 0.
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** RFC 4648 §4, padded. */
export function toBase64(bytes: Uint8Array): string {
  return shared(bytes).toString('base64');
}

/** The bytes of padded base64 in its one canonical form, or `undefined`. */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined;
}

/** True if both hold the same bytes. Not constant in time: for digests, never for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && shared(a).equals(b);
}

/** The text of well-formed UTF-8 (RFC 3629), or `undefined`. A byte order mark is a character like any other. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  if (isAscii(bytes)) return shared(bytes).toString('latin1');
  return isUtf8(bytes) ? shared(bytes).toString('utf8') : undefined;
}

function shared(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
