import { concatBytes, numbersIn, utf8Bytes } from '../std/bytes.ts';
import type { NoteSignature } from './note.ts';
import type { VerifierKey } from './vkey.ts';

/** Time and Ed25519 signature. */
const SIGNATURE_BYTES = 8 + 64;
/** C2SP tlog-cosignature: at most 2^63 − 1. */
const TIME_MAX = 2n ** 63n - 1n;

/** What a cosigner signs: the checkpoint's text, with the time in front (C2SP tlog-cosignature, "Ed25519 signed message"). */
export function cosignedMessage(text: string, unixSeconds: number | bigint): Uint8Array {
  return utf8Bytes(`cosignature/v1\ntime ${unixSeconds}\n${text}`);
}

/** The signature line's bytes: `u64 time | signature[64]`. */
export function cosignatureBytes(unixSeconds: number, signature: Uint8Array): Uint8Array {
  const time = new Uint8Array(8);
  numbersIn(time).setBigUint64(0, BigInt(unixSeconds));
  return concatBytes([time, signature]);
}

/** The time (unix s) of a cosignature, whether it verifies or not; `undefined` where it is none. */
export function cosignedAt({ signature }: NoteSignature): bigint | undefined {
  if (signature.length !== SIGNATURE_BYTES) return undefined;
  const time = numbersIn(signature).getBigUint64(0);
  return time <= TIME_MAX ? time : undefined;
}

/** Does the line claim to be of this key? If so it must verify. */
export function isOf(key: VerifierKey, { name, keyId }: NoteSignature): boolean {
  return key.name === name && key.keyId === keyId;
}

/** Has this cosigner signed exactly this text? */
export function verifyCosignature(key: VerifierKey, text: string, line: NoteSignature): boolean {
  const time = cosignedAt(line);
  return time !== undefined && isOf(key, line) && key.verify(cosignedMessage(text, time), line.signature.subarray(8));
}
