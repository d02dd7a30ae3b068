import { isAscii, isUtf8 } from 'node:buffer';

/** Lower-case hex of the bytes. */
export function toHex(bytes: Uint8Array): string {
  return view(bytes).toString('hex');
}

/** The bytes of an even number of hex digits of either case, or `undefined` if the text is anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** True if both hold the same bytes. Not constant in time: for digests, never for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && view(a).equals(b);
}

/** A Buffer over the same memory; nothing is copied. */
export function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The text of well-formed UTF-8 (RFC 3629), or `undefined`. A byte order mark is a character like any other. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  if (isAscii(bytes)) return view(bytes).toString('latin1');
  return isUtf8(bytes) ? view(bytes).toString('utf8') : undefined;
}
