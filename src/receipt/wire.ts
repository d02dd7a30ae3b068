import { InvalidJsonError, InvalidReceiptError, ReceiptSyncError } from '../errors.ts';
import { fromHex, toHex } from '../std/bytes.ts';
import { JsonReader, JsonSyntaxError } from '../std/json.ts';
import { checkHash, checkId, HASH_BYTES_MAX, U32_MAX, U64_MAX } from './limits.ts';
import type { Receipt } from './receipt.ts';

/** Does the text hold an array rather than one receipt? */
export function startsArray(text: string): boolean {
  return new JsonReader(text).peek() === 0x5b;
}

/** One receipt in any form that SPEC §1 tolerates. Throws InvalidJsonError for syntax, InvalidReceiptError naming the field for content. */
export function receiptFromJson(text: string): Receipt {
  return reading(() => {
    const reader = new JsonReader(text);
    const receipt = readReceipt(reader, 1);
    reader.end();
    if (receipt instanceof InvalidReceiptError) throw receipt;
    return receipt;
  });
}

/** An array of receipts; each item that is JSON but no receipt is its error. Throws InvalidJsonError, or TOO_LARGE beyond `countMax` items. */
export function receiptsFromJsonArray(text: string, countMax: number): readonly (Receipt | InvalidReceiptError)[] {
  return reading(() => {
    const reader = new JsonReader(text);
    const items: (Receipt | InvalidReceiptError)[] = [];
    reader.items(1, () => {
      if (items.length === countMax) throw new ReceiptSyncError('TOO_LARGE', `An array holds at most ${countMax} receipts`);
      items.push(readReceipt(reader, 2));
    });
    reader.end();
    return items;
  });
}

/** The six fields as JSON, with everything that `envelope` adds. `span_id` has all its digits: emitters in the field parse a u64. */
export function receiptJson(receipt: Receipt, envelope: Readonly<Record<string, string>> = {}): string {
  const { receiptId, transactionId, hash, ticks, spanId, committed } = receipt;
  let json = `{"receipt_id":${JSON.stringify(receiptId)},"transaction_id":${JSON.stringify(transactionId)},"hash":"${toHex(hash)}","ticks":${ticks},"span_id":${spanId},"committed":${committed}`;
  for (const [key, value] of Object.entries(envelope)) json += `,${JSON.stringify(key)}:${JSON.stringify(value)}`;
  return `${json}}`;
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new InvalidJsonError(error.message, error.offset);
    throw error;
  }
}

/** What has been read of a receipt so far; the first thing wrong with it is kept, and the rest still scanned. */
interface Draft {
  receiptId: string | undefined;
  transactionId: string | undefined;
  hash: Uint8Array | undefined;
  ticks: number | undefined;
  spanId: bigint | undefined;
  committed: boolean | undefined;
  wrong: InvalidReceiptError | undefined;
  /** Keys seen that are no field of ours. */
  others: Set<string> | undefined;
}

/** Reads one value that ought to be a receipt. Syntax errors are thrown; what is wrong with the content is returned. */
function readReceipt(reader: JsonReader, depth: number): Receipt | InvalidReceiptError {
  if (reader.peek() !== 0x7b) {
    reader.value(depth);
    return new InvalidReceiptError('', 'A receipt must be a JSON object');
  }
  const draft: Draft = {
    receiptId: undefined,
    transactionId: undefined,
    hash: undefined,
    ticks: undefined,
    spanId: undefined,
    committed: undefined,
    wrong: undefined,
    others: undefined,
  };
  reader.members(depth, (key) => readMember(reader, { key, draft, depth: depth + 1 }));
  if (draft.wrong !== undefined) return draft.wrong;
  return complete(draft);
}

function complete(draft: Draft): Receipt | InvalidReceiptError {
  const { receiptId, transactionId, hash, ticks, spanId, committed } = draft;
  if (receiptId === undefined) return missing('receipt_id');
  if (transactionId === undefined) return missing('transaction_id');
  if (hash === undefined) return missing('hash');
  if (ticks === undefined) return missing('ticks');
  if (spanId === undefined) return missing('span_id');
  if (committed === undefined) return missing('committed');
  return { receiptId, transactionId, hash, ticks, spanId, committed };
}

function missing(field: string): InvalidReceiptError {
  return new InvalidReceiptError(field, 'is missing');
}

interface Member {
  readonly key: string;
  readonly draft: Draft;
  /** Of the value. */
  readonly depth: number;
}

function readMember(reader: JsonReader, member: Member): void {
  const { key, draft } = member;
  switch (key) {
    case 'receipt_id':
      draft.receiptId = once(member, draft.receiptId, () => readId(reader, key, member.depth));
      return;
    case 'transaction_id':
      draft.transactionId = once(member, draft.transactionId, () => readId(reader, key, member.depth));
      return;
    case 'hash':
      draft.hash = once(member, draft.hash, () => readHash(reader, member.depth));
      return;
    case 'ticks':
      draft.ticks = once(member, draft.ticks, () => readTicks(reader, member.depth));
      return;
    case 'span_id':
      draft.spanId = once(member, draft.spanId, () => readSpan(reader, member.depth));
      return;
    case 'committed':
      draft.committed = once(member, draft.committed, () => readCommitted(reader, member.depth));
      return;
    default:
      draft.others ??= new Set();
      if (draft.others.has(key)) draft.wrong ??= new InvalidReceiptError(key, 'stands there twice');
      draft.others.add(key);
      reader.value(member.depth);
  }
}

/** Reads a field's value whatever came before, so that the scan goes on; keeps the first thing that is wrong. */
function once<T>(member: Member, before: T | undefined, read: () => T | InvalidReceiptError): T | undefined {
  const value = read();
  const { draft, key } = member;
  if (before !== undefined) draft.wrong ??= new InvalidReceiptError(key, 'stands there twice');
  if (!(value instanceof InvalidReceiptError)) return value;
  draft.wrong ??= value;
  return before;
}

function readId(reader: JsonReader, field: 'receipt_id' | 'transaction_id', depth: number): string | InvalidReceiptError {
  if (reader.peek() !== 0x22) return wrongType(reader, depth, { field, wanted: 'must be a string' });
  const text = reader.string();
  return checked(() => checkId(field, text));
}

function readHash(reader: JsonReader, depth: number): Uint8Array | InvalidReceiptError {
  const next = reader.peek();
  if (next === 0x5b) return readByteArray(reader, depth);
  if (next !== 0x22) return wrongType(reader, depth, { field: 'hash', wanted: 'must be hex digits or an array of bytes' });
  const text = reader.string();
  const bytes = fromHex(text.startsWith('0x') || text.startsWith('0X') ? text.slice(2) : text);
  return bytes === undefined ? new InvalidReceiptError('hash', 'must be an even number of hex digits') : checked(() => checkHash(bytes));
}

function readByteArray(reader: JsonReader, depth: number): Uint8Array | InvalidReceiptError {
  const bytes: number[] = [];
  let wrong: InvalidReceiptError | undefined;
  reader.items(depth, () => {
    const start = reader.at;
    const value = reader.value(depth + 1);
    const source = reader.text.slice(start, reader.at).trim();
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(source) || Number(source) > 255)
      wrong ??= new InvalidReceiptError('hash', 'must be an array of integers from 0 to 255');
    else if (value !== null && bytes.length <= HASH_BYTES_MAX) bytes.push(Number(source));
  });
  return wrong ?? checked(() => checkHash(Uint8Array.from(bytes)));
}

function readTicks(reader: JsonReader, depth: number): number | InvalidReceiptError {
  const wanted = `must be an integer from 0 to ${U32_MAX}`;
  if (!startsNumber(reader.peek())) return wrongType(reader, depth, { field: 'ticks', wanted });
  const source = reader.number();
  return /^[0-9]{1,10}$/.test(source) && Number(source) <= U32_MAX ? Number(source) : new InvalidReceiptError('ticks', wanted);
}

function readSpan(reader: JsonReader, depth: number): bigint | InvalidReceiptError {
  const wanted = `must be an integer from 0 to ${U64_MAX}`;
  const next = reader.peek();
  if (next !== 0x22 && !startsNumber(next)) return wrongType(reader, depth, { field: 'span_id', wanted });
  const source = next === 0x22 ? reader.string() : reader.number();
  const isWritten = /^(?:0|[1-9][0-9]{0,19})$/.test(source) || (next === 0x22 && /^(?:[0-9]{1,20}|0x[0-9a-fA-F]{1,16})$/.test(source));
  if (!isWritten) return new InvalidReceiptError('span_id', wanted);
  const span = BigInt(source);
  return span <= U64_MAX ? span : new InvalidReceiptError('span_id', wanted);
}

function readCommitted(reader: JsonReader, depth: number): boolean | InvalidReceiptError {
  const next = reader.peek();
  if (next === 0x74) return reader.literal('true', true);
  if (next === 0x66) return reader.literal('false', false);
  return wrongType(reader, depth, { field: 'committed', wanted: 'must be true or false' });
}

function startsNumber(code: number): boolean {
  return code === 0x2d || (code >= 0x30 && code <= 0x39);
}

/** Takes the value all the same: the items after it are independent. */
function wrongType(reader: JsonReader, depth: number, problem: { readonly field: string; readonly wanted: string }): InvalidReceiptError {
  reader.value(depth);
  return new InvalidReceiptError(problem.field, problem.wanted);
}

function checked<T>(check: () => T): T | InvalidReceiptError {
  try {
    return check();
  } catch (error) {
    if (error instanceof InvalidReceiptError) return error;
    throw error;
  }
}
