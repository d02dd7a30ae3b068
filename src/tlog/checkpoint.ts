import { InvalidEvidenceError } from '../errors.ts';
import { fromBase64, toBase64, utf8Bytes } from '../std/bytes.ts';
import { HASH_BYTES } from './hash.ts';
import type { Note, NoteSignature } from './note.ts';
import { logKeyId, type VerifierKey } from './vkey.ts';

/** A tree's head as it is signed (C2SP tlog-checkpoint). */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Lines after the root, none of them empty. */
  readonly extensions: readonly string[];
}

/** Reads a note's text as a checkpoint; throws InvalidEvidenceError. Sizes beyond 2^53 are refused. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.length < 3) throw new InvalidEvidenceError('checkpoint', 'has not three lines');
  if (lines.includes('')) throw new InvalidEvidenceError('checkpoint', 'has an empty line');
  const [origin = '', size = '', root = '', ...extensions] = lines;
  return { origin, size: parseDecimal(size, 'checkpoint'), root: parseHash(root, 'checkpoint'), extensions };
}

/** A checkpoint as the text of a note. */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  return `${[origin, String(size), toBase64(root), ...extensions].join('\n')}\n`;
}

/** Is this a signature of the log's key over this text, perhaps under another name of the same key? */
export function verifyLogSignature(key: VerifierKey, signed: { readonly text: string; readonly signature: NoteSignature; readonly name?: string }): boolean {
  const { text, signature, name = key.name } = signed;
  if (signature.name !== name || signature.keyId !== logKeyId(key, name)) return false;
  return key.verify(utf8Bytes(text), signature.signature);
}

/**
 * The one line of the log's key, under this name, if there is exactly one and it verifies: what else stands below a text is nobody's
 * that this key answers for, and a hundred lines that claim to be its are not checked one by one.
 */
export function logSignatureOf(key: VerifierKey, { text, signatures }: Note, name: string): NoteSignature | undefined {
  const keyId = logKeyId(key, name);
  const [line, ...more] = signatures.filter((signature) => signature.name === name && signature.keyId === keyId);
  return line !== undefined && more.length === 0 && verifyLogSignature(key, { text, signature: line, name }) ? line : undefined;
}

/** A decimal without leading zeroes, below 2^53. */
export function parseDecimal(text: string, what: string): number {
  const value = Number(text);
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidEvidenceError(what, 'has a number that is no decimal below 2^53');
  return value;
}

/** Base64 of 32 bytes. */
export function parseHash(text: string, what: string): Uint8Array {
  const hash = fromBase64(text);
  if (hash?.length !== HASH_BYTES) throw new InvalidEvidenceError(what, 'has a line that is no SHA-256 in base64');
  return hash;
}
