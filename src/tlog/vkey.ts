import { ed25519Verifier } from '#primitives';
import { InvalidEvidenceError } from '../errors.ts';
import { concatBytes, fromBase64, numbersIn, sha256, toBase64, utf8Bytes } from '../std/bytes.ts';
import { isSoundPublicKey } from './ed25519-point.ts';
import { isKeyName } from './note.ts';

/** Ed25519 over the note's text (C2SP signed-note). */
export const TYPE_ED25519 = 0x01;
/** Timestamped Ed25519 cosignature (C2SP tlog-cosignature). */
export const TYPE_COSIGNATURE = 0x04;

/** The signature types of this project; others are refused. */
export type KeyType = typeof TYPE_ED25519 | typeof TYPE_COSIGNATURE;

/** A public key with the name it signs under. */
export interface VerifierKey {
  readonly name: string;
  readonly type: KeyType;
  readonly keyId: number;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Checks a bare 64-byte Ed25519 signature over these bytes. */
  readonly verify: (message: Uint8Array, signature: Uint8Array) => boolean;
}

/** `SHA-256(name | 0A | type | public key)[:4]` (C2SP signed-note, "Signatures"). */
export function keyIdOf(name: string, type: KeyType, publicKey: Uint8Array): number {
  return numbersIn(sha256(concatBytes([utf8Bytes(`${name}\n`), Uint8Array.of(type), publicKey]))).getUint32(0);
}

/** The key id under which a log's key signs as `name`: its own name, or another one (SPEC §4). */
export function logKeyId(key: Pick<VerifierKey, 'name' | 'type' | 'keyId' | 'publicKey'>, name: string): number {
  return name === key.name && key.type === TYPE_ED25519 ? key.keyId : keyIdOf(name, TYPE_ED25519, key.publicKey);
}

/** The key of these parts; throws InvalidEvidenceError for a name or a key that is none. */
export function verifierKey(name: string, type: KeyType, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new InvalidEvidenceError('vkey', 'has a name with spaces, plus or control characters, or none');
  if (!isSoundPublicKey(publicKey)) throw new InvalidEvidenceError('vkey', 'is no Ed25519 public key that a signer can have');
  return { name, type, keyId: keyIdOf(name, type, publicKey), publicKey, verify: ed25519Verifier(publicKey) };
}

/** Reads `name+keyid+base64(type|key)`; throws InvalidEvidenceError for anything else. */
export function parseVerifierKey(text: string): VerifierKey {
  const [, name = '', keyId = '', base64 = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [];
  const bytes = fromBase64(base64);
  if (bytes === undefined || bytes.length !== 33) throw new InvalidEvidenceError('vkey', 'is not name+keyid+base64 of 33 bytes');
  const type = bytes[0];
  if (type !== TYPE_ED25519 && type !== TYPE_COSIGNATURE) throw new InvalidEvidenceError('vkey', `has the signature type ${type}, not 1 or 4`);
  const key = verifierKey(name, type, bytes.subarray(1));
  if (keyId !== hex8(key.keyId)) throw new InvalidEvidenceError('vkey', 'has a key id that is not that of its name and key');
  return key;
}

/** As `parseVerifierKey` reads it. */
export function formatVerifierKey({ name, type, keyId, publicKey }: Omit<VerifierKey, 'verify'>): string {
  return `${name}+${hex8(keyId)}+${toBase64(concatBytes([Uint8Array.of(type), publicKey]))}`;
}

function hex8(keyId: number): string {
  return keyId.toString(16).padStart(8, '0');
}
