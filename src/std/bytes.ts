import { roomFor } from '#primitives';

export { equalBytes, fromBase64, fromHex, roomFor, sha256, toBase64, toHex, utf8Text } from '#primitives';

const ENCODER = new TextEncoder();

/** The text in UTF-8. */
export function utf8Bytes(text: string): Uint8Array {
  return ENCODER.encode(text);
}

/** All parts in one. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = roomFor(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Reads and writes numbers in the same memory. */
export function numbersIn(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Orders texts as their UTF-8 bytes are ordered. */
export function byBytes(a: string, b: string): number {
  if (a === b) return 0;
  // UTF-16 order differs from that of UTF-8 bytes beyond U+FFFF: compare code points.
  const [left, right] = [[...a], [...b]];
  for (const [n, character] of left.entries()) {
    const difference = (character.codePointAt(0) ?? 0) - (right[n]?.codePointAt(0) ?? -1);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
