import { InvalidEvidenceError } from '../errors.ts';
import { byBytes } from '../std/bytes.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint, parseDecimal } from '../tlog/checkpoint.ts';
import { REFUSED_SUFFIX } from './names.ts';

/** Entries `first` to `last`, both included, that a region refuses (SPEC §4). */
export interface RefusedRange {
  readonly region: string;
  readonly first: number;
  readonly last: number;
}

/** What a log's checkpoint says: C2SP's three lines, and who refuses what. */
export interface LogText {
  /** `D/R/log/E`, never with the suffix. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** Sorted by region, then by first; disjoint. */
  readonly refused: readonly RefusedRange[];
}

/** Lines of one text (SPEC §4). */
export const REFUSED_LINES_MAX = 64;

/** The text that is signed. Where somebody refuses something the origin line says so, and plain C2SP tools do not know the name. */
export function formatLogText({ origin, size, root, refused }: LogText): string {
  const extensions = refused.map(({ region, first, last }) => `refused ${region} ${first}-${last}`);
  return formatCheckpoint({ origin: nameSigned(origin, refused.length > 0), size, root, extensions });
}

/** The name that the log's key signs this text under. */
export function nameSigned(origin: string, namesRefusals: boolean): string {
  return namesRefusals ? origin + REFUSED_SUFFIX : origin;
}

/** Reads a checkpoint's text; throws InvalidEvidenceError, also for a malformed line or a suffix without lines (SPEC §4). */
export function parseLogText(text: string): LogText {
  return logTextOf(parseCheckpoint(text));
}

/** The same of a checkpoint that has been read. */
export function logTextOf({ origin, size, root, extensions }: Checkpoint): LogText {
  const refused = extensions.map((line) => parseRefused(line, size));
  if (origin.endsWith(REFUSED_SUFFIX) !== refused.length > 0) throw bad('has refused lines without the origin line for them, or the reverse');
  if (refused.length > REFUSED_LINES_MAX) throw bad(`has more than ${REFUSED_LINES_MAX} refused lines`);
  for (const [n, range] of refused.entries()) if (n > 0 && !follows(refused[n - 1], range)) throw bad('has refused lines out of order, or overlapping');
  return { origin: refused.length > 0 ? origin.slice(0, -REFUSED_SUFFIX.length) : origin, size, root, refused };
}

/** Does the text say that this region refuses this entry? */
export function isNamed({ refused }: Pick<LogText, 'refused'>, region: string, index: number): boolean {
  return refused.some((range) => range.region === region && range.first <= index && index <= range.last);
}

function parseRefused(line: string, size: number): RefusedRange {
  const [, region = '', first = '', last = ''] = /^refused (\S+) (\d+)-(\d+)$/.exec(line) ?? [];
  if (region === '') throw bad('has an extension line that is no refused line');
  const range = { region, first: parseDecimal(first, 'checkpoint'), last: parseDecimal(last, 'checkpoint') };
  if (range.first > range.last || range.last >= size) throw bad('has a refused line that is no range of its entries');
  return range;
}

function follows(before: RefusedRange | undefined, { region, first }: RefusedRange): boolean {
  if (before === undefined || byBytes(before.region, region) < 0) return true;
  return before.region === region && before.last < first;
}

function bad(problem: string): InvalidEvidenceError {
  return new InvalidEvidenceError('checkpoint', problem);
}
