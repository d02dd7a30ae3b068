import { ReceiptSyncError, RottenError } from '../errors.ts';
import { recordedAt } from '../log/entry.ts';
import { parseLogText } from '../log/log-text.ts';
import { readItem } from '../log/stored-item.ts';
import { formatRangeEntry, formatRangeHeader } from '../quorum/range-format.ts';
import { parseCanonical } from '../receipt/canonical.ts';
import { receiptJson } from '../receipt/wire.ts';
import { equalBytes } from '../std/bytes.ts';
import { parseNote } from '../tlog/note.ts';
import type { LogReader } from './log-reader.ts';

/** A log, and the newest checkpoint of it that a quorum has signed. */
export interface CertifiedLog {
  readonly reader: LogReader;
  readonly note: string;
}

/** A span of time, as `recorded_at`: `since` included, `until` not. */
export interface Span {
  readonly since: bigint;
  readonly until: bigint;
}

/**
 * All entries of a log in a span of time, as a file that proves that they are all (docs/spec "Certified range"): in chunks of text. The span is cut where
 * the certified log ends: of what may come later nothing can be said. Throws NOT_CERTIFIED where nothing of it can be; RottenError, also in the
 * middle, where what is stored does not lead to the signed root.
 */
export async function* certifiedRange({ reader, note }: CertifiedLog, { since, until }: Span): AsyncGenerator<string, void, undefined> {
  const { size, root } = parseLogText(parseNote(note).text);
  const last = size === 0 ? undefined : await timeOf(reader, size - 1);
  if (last === undefined || since > last) throw new ReceiptSyncError('NOT_CERTIFIED', 'The certified log ends before that time: nothing can be said of it yet');
  if (!equalBytes(await reader.prover.root(size), root)) throw new RottenError(`The log does not lead to its certified root at size ${size}`);
  const to = until > last ? last + 1n : until;
  // With the entries just outside: they show that none is missing at the ends.
  const first = Math.max(0, (await firstFrom(reader, size, since)) - 1);
  const end = Math.min(size, (await firstFrom(reader, size, to)) + 1);
  const beside = await reader.prover.beside({ first, end }, size);
  yield formatRangeHeader({ since, until: to, first, end, beside, note });
  for await (const { at, item } of reader.entries(first, end)) {
    const read = readItem(item);
    const time = recordedAt(item.entry);
    if (read.kind === 'unsound') throw new RottenError(`Entry ${at} is ${read.problem}`);
    const isInside = time >= since && time < to;
    yield formatRangeEntry(
      item.entry,
      isInside && read.kind === 'receipt' ? { salt: item.salt, json: receiptJson(parseCanonical(item.canonical)) } : undefined,
    );
  }
}

/** The first entry at `wanted` or later, or `size`: times rise strictly in a log (SPEC §2), so it is looked for by halves. */
async function firstFrom(reader: LogReader, size: number, wanted: bigint): Promise<number> {
  let low = 0;
  let high = size;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((await timeOf(reader, middle)) >= wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}

async function timeOf(reader: LogReader, index: number): Promise<bigint> {
  const item = await reader.entry(index);
  if (item === undefined) throw new RottenError(`Entry ${index} is not there`);
  return recordedAt(item.entry);
}
