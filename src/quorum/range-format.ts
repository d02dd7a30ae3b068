import { InvalidEvidenceError } from '../errors.ts';
import { ENTRY_BYTES_MAX, SALT_BYTES } from '../log/entry.ts';
import { type LogText, parseLogText } from '../log/log-text.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { receiptFromJson } from '../receipt/wire.ts';
import { fromBase64, toBase64 } from '../std/bytes.ts';
import { parseDecimal, parseHash } from '../tlog/checkpoint.ts';
import { type Note, parseNote } from '../tlog/note.ts';

/** What a certified range says it is (docs/spec "Certified range"). */
export const RANGE_TYPE = 'receipt-sync/range@v1';

/** Header lines: type, three numbers, and the hashes beside a range in a tree of 2^53 leaves. */
const HEADER_LINES_MAX = 4 + 2 * 53;
/** A checkpoint with 64 refused lines and 100 signatures. */
const NOTE_LINES_MAX = 3 + 64 + 1 + 100;
/** `recorded_at` has 64 bits. */
const TIME_MAX = 2n ** 64n - 1n;

/** What stands before the entries. */
export interface RangeHeader {
  /** `recorded_at`, included. */
  readonly since: bigint;
  /** `recorded_at`, not included. */
  readonly until: bigint;
  /** Index of the first entry that follows … */
  readonly first: number;
  /** … and the one after the last. */
  readonly end: number;
  /** Hashes that lead from these entries to the root, from left to right. */
  readonly beside: readonly Uint8Array[];
  /** The certified checkpoint. */
  readonly note: Note;
  readonly log: LogText;
}

/** One entry as it stands in the file. */
export interface RangeEntry {
  readonly entry: Uint8Array;
  /** `undefined` of an entry just outside the range, and of one that has no receipt. */
  readonly held: { readonly receipt: Receipt; readonly salt: Uint8Array } | undefined;
}

/** The header as text, its last line empty; `note` is the checkpoint's text with its signatures. */
export function formatRangeHeader(header: Omit<RangeHeader, 'note' | 'log'> & { readonly note: string }): string {
  const { since, until, first, end, beside, note } = header;
  return `${[RANGE_TYPE, `since ${since}`, `until ${until}`, `entries ${first} ${end}`, ...beside.map(toBase64)].join('\n')}\n\n${note}\n`;
}

/** One line; `json`: the receipt (SPEC §1). */
export function formatRangeEntry(entry: Uint8Array, held?: { readonly salt: Uint8Array; readonly json: string }): string {
  return held === undefined ? `${toBase64(entry)}\n` : `${toBase64(entry)} ${toBase64(held.salt)} ${held.json}\n`;
}

/** Reads the header from the lines of a file; throws InvalidEvidenceError. Nothing is verified. */
export async function readRangeHeader(lines: AsyncIterator<string>): Promise<RangeHeader> {
  const [type, since = '', until = '', entries = '', ...beside] = await paragraph(lines, HEADER_LINES_MAX);
  if (type !== RANGE_TYPE) throw bad(`does not begin with ${RANGE_TYPE}`);
  const [, first = '', end = ''] = /^entries (\d+) (\d+)$/.exec(entries) ?? [];
  const text = await paragraph(lines, NOTE_LINES_MAX);
  const signatures = await paragraph(lines, NOTE_LINES_MAX);
  const note = parseNote(`${text.join('\n')}\n\n${signatures.join('\n')}\n`);
  const header = {
    since: timeOf(since, 'since'),
    until: timeOf(until, 'until'),
    first: parseDecimal(first, 'range'),
    end: parseDecimal(end, 'range'),
    beside: beside.map((line) => parseHash(line, 'range')),
    note,
    log: parseLogText(note.text),
  };
  if (header.since >= header.until) throw bad('ends before it begins');
  if (header.first >= header.end || header.end > header.log.size) throw bad('has no entries of its log');
  return header;
}

/** Reads one line strictly; throws InvalidEvidenceError, or what the receipt's own reader throws. */
export function parseRangeEntry(line: string): RangeEntry {
  const [, entryText = '', saltText, json] = /^(\S+)(?: (\S+) (.+))?$/.exec(line) ?? [];
  const entry = fromBase64(entryText);
  if (entry === undefined || entry.length === 0 || entry.length > ENTRY_BYTES_MAX) throw bad('has a line that is no entry');
  if (saltText === undefined || json === undefined) return { entry, held: undefined };
  const salt = fromBase64(saltText);
  if (salt?.length !== SALT_BYTES) throw bad('has a line without a salt of 16 bytes');
  return { entry, held: { receipt: receiptFromJson(json), salt } };
}

/** Lines up to an empty one, which is taken. */
async function paragraph(lines: AsyncIterator<string>, linesMax: number): Promise<readonly string[]> {
  const taken: string[] = [];
  for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
    if (next.value === '') return taken;
    taken.push(next.value);
    if (taken.length > linesMax) throw bad('has more lines before its entries than there can be');
  }
  throw bad('ends before its entries');
}

function timeOf(line: string, name: string): bigint {
  const [, digits = ''] = new RegExp(`^${name} (0|[1-9]\\d{0,19})$`).exec(line) ?? [];
  if (digits === '' || BigInt(digits) > TIME_MAX) throw bad(`has no line ${name} with a time`);
  return BigInt(digits);
}

function bad(problem: string): InvalidEvidenceError {
  return new InvalidEvidenceError('range', problem);
}
