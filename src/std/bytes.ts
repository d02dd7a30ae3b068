/** Lower-case hex of the bytes. */
export function toHex(bytes: Uint8Array): string {
  return view(bytes).toString('hex');
}

/** The bytes of an even number of hex digits of either case, or `undefined` if the text is anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Buffer.from(text, 'hex');
}

/** True if both hold the same bytes. Not constant in time: for digests, never for secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && view(a).equals(b);
}

/** A Buffer over the same memory; nothing is copied. */
export function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
