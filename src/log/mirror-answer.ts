import { InvalidEvidenceError } from '../errors.ts';
import { formatSignature, type NoteSignature, parseSignature } from '../tlog/note.ts';
import type { IndexRange } from './refused-lines.ts';

/** What a mirror says to a batch with 200: never both, never neither (SPEC §3.2). */
export type MirrorWord = { readonly kind: 'cosigned'; readonly line: NoteSignature } | { readonly kind: 'refuses'; readonly ranges: readonly IndexRange[] };

/** Lines of one answer, lowest first: what is left out is told when these are named. */
export const REFUSED_ANSWER_LINES_MAX = 1_024;

/** The body of a 200. */
export function formatMirrorWord(word: MirrorWord): string {
  if (word.kind === 'cosigned') return formatSignature(word.line);
  return word.ranges
    .slice(0, REFUSED_ANSWER_LINES_MAX)
    .map(({ first, last }) => `refused ${first}-${last}\n`)
    .join('');
}

/** Reads it strictly; throws InvalidEvidenceError. */
export function parseMirrorWord(text: string): MirrorWord {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.length === 0) throw bad('does not end with a line');
  if (!text.startsWith('refused ')) {
    if (lines.length !== 1) throw bad('has more than one signature');
    return { kind: 'cosigned', line: parseSignature(lines[0] ?? '') };
  }
  if (lines.length > REFUSED_ANSWER_LINES_MAX) throw bad(`has more than ${REFUSED_ANSWER_LINES_MAX} lines`);
  return { kind: 'refuses', ranges: lines.map(parseRange) };
}

function parseRange(line: string): IndexRange {
  const [, first = '', last = ''] = /^refused (0|[1-9]\d{0,15})-(0|[1-9]\d{0,15})$/.exec(line) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (first === '' || !Number.isSafeInteger(range.last) || range.first > range.last) throw bad('has a line that is no refused range');
  return range;
}

function bad(problem: string): InvalidEvidenceError {
  return new InvalidEvidenceError('mirror answer', problem);
}
