import { InvalidEvidenceError } from '../errors.ts';
import { fromBase64, numbersIn, toBase64, utf8Text } from '../std/bytes.ts';

/** Text that somebody signed (C2SP signed-note). */
export interface Note {
  /** Ends with a newline: what is signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** One signature line, of whatever key. */
export interface NoteSignature {
  readonly name: string;
  /** 32 bits: a hint at the key, never an identity. */
  readonly keyId: number;
  /** What follows the key id. */
  readonly signature: Uint8Array;
}

/** More than this no note of a cluster has: 100 regions. The standard wants at least 16. */
const SIGNATURES_MAX = 100;
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;
/** Unicode spaces, and plus (C2SP signed-note, "Format"). `\s` of ECMAScript lacks U+0085. */
const NAME_FORBIDDEN = /[\s\u0085+]/u;

/** Is this a key's name by C2SP signed-note? */
export function isKeyName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !NAME_FORBIDDEN.test(name) && !hasControls(name);
}

/** Reads a signed note strictly; throws InvalidEvidenceError for anything that is none. Nothing is verified. */
export function parseNote(bytes: Uint8Array | string): Note {
  const whole = typeof bytes === 'string' ? bytes : utf8Text(bytes);
  if (whole === undefined || !whole.isWellFormed()) throw new InvalidEvidenceError('note', 'is not UTF-8');
  if (hasControls(whole.replaceAll('\n', ''))) throw new InvalidEvidenceError('note', 'holds control characters');
  // The last empty line parts the text from the signatures.
  const parted = whole.lastIndexOf('\n\n');
  if (parted === -1) throw new InvalidEvidenceError('note', 'has no blank line before its signatures');
  const lines = whole.slice(parted + 2).split('\n');
  if (lines.pop() !== '') throw new InvalidEvidenceError('note', 'does not end with a newline');
  if (lines.length === 0) throw new InvalidEvidenceError('note', 'has no signature');
  if (lines.length > SIGNATURES_MAX) throw new InvalidEvidenceError('note', `has more than ${SIGNATURES_MAX} signatures`);
  return { text: whole.slice(0, parted + 1), signatures: lines.map(parseSignature) };
}

/** The note as text. */
export function formatNote({ text, signatures }: Note): string {
  return `${text}\n${signatures.map(formatSignature).join('')}`;
}

/** One signature line, its newline included. */
export function formatSignature({ name, keyId, signature }: NoteSignature): string {
  const bytes = new Uint8Array(4 + signature.length);
  numbersIn(bytes).setUint32(0, keyId);
  bytes.set(signature, 4);
  return `\u2014 ${name} ${toBase64(bytes)}\n`;
}

/** Reads a signature line without its newline. */
export function parseSignature(line: string): NoteSignature {
  const [, name = '', base64 = ''] = SIGNATURE_LINE.exec(line) ?? [];
  const bytes = fromBase64(base64);
  if (!isKeyName(name) || bytes === undefined || bytes.length <= 4) throw new InvalidEvidenceError('note', 'has a line that is no signature');
  return { name, keyId: numbersIn(bytes).getUint32(0), signature: bytes.subarray(4) };
}

function hasControls(text: string): boolean {
  return /[\u0000-\u001f]/.test(text);
}
