import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { InvalidJsonError, InvalidReceiptError, OverloadedError, ReceiptSyncError, RequestHeaderError } from '../../errors.ts';
import type { Receipt } from '../../receipt/receipt.ts';
import { receiptFromJson, receiptsFromJsonArray, startsArray } from '../../receipt/wire.ts';
import { utf8Text } from '../../std/bytes.ts';
import { bodyOf, tooLarge } from './body.ts';

/** CONTRACT §4. */
export const RECEIPT_BYTES_MAX = 65_536;
export const ARRAY_ITEMS_MAX = 8_192;
export const ARRAY_BYTES_MAX = 4_194_304;

/** How a body of receipts is written. */
export type Media = 'json' | 'ndjson';

/** One receipt of a body, or what is wrong with it. */
export type Item = Receipt | InvalidReceiptError | InvalidJsonError;

/** What a body holds: one receipt, or many, each of them a receipt or what is wrong with it. */
export type Intake = { readonly kind: 'one'; readonly receipt: Receipt } | { readonly kind: 'many'; readonly items: readonly Item[] };

/** The media type, or a thrown UNSUPPORTED_MEDIA: only UTF-8, only identity, and no text/plain that a web page could send unasked. */
export function mediaOf(request: IncomingMessage): Media {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') throw new RequestHeaderError('UNSUPPORTED_MEDIA', 'content-encoding', 'Content-Encoding must be identity');
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '').split(';').map((part) => part.trim().toLowerCase());
  const isPlain = parameters.every((parameter) => parameter === '' || /^charset="?utf-8"?$/.test(parameter));
  if (isPlain && type === 'application/json') return 'json';
  if (isPlain && type === 'application/x-ndjson') return 'ndjson';
  throw new RequestHeaderError('UNSUPPORTED_MEDIA', 'content-type', 'Content-Type must be application/json or application/x-ndjson, in UTF-8');
}

/** Bytes of bodies that may be read at once on one listener (DESIGN law 7). */
const BODIES_BYTES_MAX = 64 * 1024 * 1024;
const OVERLOAD_RETRY_AFTER_MS = 1_000;
/** A whole body comes within this: 16 clients that stop in the middle of theirs must not hold the budget for ever. */
const BODY_MS_MAX = 60_000;

/** The memory that bodies under way may take together: each is booked at its announced length, or at the most it may have. */
export class BodyBudget {
  readonly #bodyMsMax: number;
  #booked = 0;

  constructor(bodyMsMax: number = BODY_MS_MAX) {
    this.#bodyMsMax = bodyMsMax;
  }

  /** The whole body; TOO_LARGE, OVERLOADED where the budget is spent, REQUEST_TIMEOUT where the body does not come. */
  read(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
    return this.during(request, bytesMax, () => this.readBooked(request, bytesMax));
  }

  /** The same of a body that is booked already; `look` as in {@link bodyOf}. */
  readBooked<Early = never>(request: IncomingMessage, bytesMax: number, look?: (begun: Buffer) => Early | undefined): Promise<Buffer | Early> {
    return inTime(bodyOf<Early>(request, bytesMax, look), this.#bodyMsMax);
  }

  /** Does something with the body's bytes booked as long as it takes. */
  async during<T>(request: IncomingMessage, bytesMax: number, take: () => Promise<T>): Promise<T> {
    const bytes = Math.min(Number(request.headers['content-length'] ?? bytesMax), bytesMax);
    if (this.#booked + bytes > BODIES_BYTES_MAX) throw new OverloadedError('Too many bodies are under way', OVERLOAD_RETRY_AFTER_MS);
    this.#booked += bytes;
    try {
      return await take();
    } finally {
      this.#booked -= bytes;
    }
  }
}

/** The reading ends with the connection, which the refusal closes; nobody waits for it any more. */
async function inTime<T>(body: Promise<T>, bodyMsMax: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new ReceiptSyncError('REQUEST_TIMEOUT', 'The body did not come in time')), bodyMsMax);
  try {
    return await Promise.race([body, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Parses a body of receipts. Throws INVALID_JSON, INVALID_RECEIPT (for a single one) or TOO_LARGE. */
export function intakeOf(media: Media, body: Uint8Array): Intake {
  if (media === 'ndjson') return { kind: 'many', items: linesOf(body).map(receiptOfLine) };
  const text = utf8Text(body);
  if (text === undefined) throw notUtf8();
  if (startsArray(text)) return { kind: 'many', items: receiptsFromJsonArray(text, ARRAY_ITEMS_MAX) };
  if (body.length > RECEIPT_BYTES_MAX) throw tooLarge(RECEIPT_BYTES_MAX);
  return { kind: 'one', receipt: receiptFromJson(text) };
}

/** One line of ndjson: a receipt, or what is wrong with it. */
export function receiptOfLine(line: Uint8Array): Item {
  const text = utf8Text(line);
  if (text === undefined) return notUtf8();
  try {
    return receiptFromJson(text);
  } catch (error) {
    if (error instanceof InvalidReceiptError || error instanceof InvalidJsonError) return error;
    throw error;
  }
}

function linesOf(body: Uint8Array): readonly Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  while (start < body.length) {
    const newline = body.indexOf(0x0a, start);
    const end = newline === -1 ? body.length : newline;
    if (end - start > RECEIPT_BYTES_MAX) throw tooLarge(RECEIPT_BYTES_MAX);
    if (end > start) lines.push(body.subarray(start, end));
    if (lines.length > ARRAY_ITEMS_MAX) throw new ReceiptSyncError('TOO_LARGE', `A batch holds at most ${ARRAY_ITEMS_MAX} receipts`);
    start = end + 1;
  }
  return lines;
}

/** Constant in time in the token's content: digests are compared, so that not even the length shows. */
export function bearerMatches(request: IncomingMessage, token: string): boolean {
  const [, offered] = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '') ?? [];
  return offered !== undefined && timingSafeEqual(hash('sha256', offered, 'buffer'), hash('sha256', token, 'buffer'));
}

function notUtf8(): InvalidJsonError {
  return new InvalidJsonError('The text is not UTF-8', 0);
}
