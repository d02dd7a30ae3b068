import { InvalidEvidenceError } from '../errors.ts';
import { fromBase64, toBase64, utf8Text } from '../std/bytes.ts';
import { type Checkpoint, parseCheckpoint, parseDecimal, parseHash } from './checkpoint.ts';
import { formatNote, type Note, parseNote } from './note.ts';

/** An offline proof that a log holds an entry (C2SP tlog-proof). */
export interface TlogProof {
  readonly extra: Uint8Array | undefined;
  readonly index: number;
  /** From the leaf's sibling up. */
  readonly path: readonly Uint8Array[];
  readonly note: Note;
}

/** A proof as it was read. */
export interface ParsedTlogProof extends TlogProof {
  readonly checkpoint: Checkpoint;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
/** A tree of 2^53 leaves is that high. */
const PATH_MAX = 53;

/** Reads a proof strictly; throws InvalidEvidenceError. Nothing is verified. */
export function parseTlogProof(bytes: Uint8Array | string): ParsedTlogProof {
  const whole = typeof bytes === 'string' ? bytes : utf8Text(bytes);
  if (whole === undefined) throw new InvalidEvidenceError('proof', 'is not UTF-8');
  const parted = whole.indexOf('\n\n');
  if (parted === -1) throw new InvalidEvidenceError('proof', 'has no checkpoint');
  const [header, ...lines] = whole.slice(0, parted).split('\n');
  if (header !== HEADER) throw new InvalidEvidenceError('proof', `does not begin with ${HEADER}`);
  const extra = lines[0]?.startsWith('extra ') === true ? parseExtra(lines.shift() ?? '') : undefined;
  const index = /^index (.+)$/.exec(lines.shift() ?? '')?.[1];
  if (index === undefined) throw new InvalidEvidenceError('proof', 'has no index');
  if (lines.length > PATH_MAX) throw new InvalidEvidenceError('proof', 'has a path longer than any tree is high');
  const note = parseNote(whole.slice(parted + 2));
  const path = lines.map((line) => parseHash(line, 'proof'));
  return { extra, index: parseDecimal(index, 'proof'), path, note, checkpoint: parseCheckpoint(note.text) };
}

/** The proof as text. */
export function formatTlogProof({ extra, index, path, note }: TlogProof): string {
  const lines = [HEADER, ...(extra === undefined ? [] : [`extra ${toBase64(extra)}`]), `index ${index}`, ...path.map(toBase64)];
  return `${lines.join('\n')}\n\n${formatNote(note)}`;
}

function parseExtra(line: string): Uint8Array {
  const extra = fromBase64(line.slice('extra '.length));
  if (extra === undefined) throw new InvalidEvidenceError('proof', 'has extra that is no base64');
  return extra;
}
