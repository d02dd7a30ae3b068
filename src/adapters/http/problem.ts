import type { ServerResponse } from 'node:http';
import {
  type ErrorCode,
  InvalidJsonError,
  InvalidQueryError,
  InvalidReceiptError,
  OverloadedError,
  ReceiptConflictError,
  ReceiptSyncError,
  RequestHeaderError,
} from '../../errors.ts';

/** Nothing that came in is shown back at more than this. */
const ECHO_CHARACTERS_MAX = 200;

/** An RFC 9457 problem; `code` decides, `detail` is for people. */
export interface Problem {
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryable: boolean;
  /** RFC 6901 pointer to the bad field. */
  readonly pointer?: string;
  readonly retryAfterMs?: number;
  readonly extra?: Readonly<Record<string, string>>;
}

const STATUS: Readonly<Record<ErrorCode, number>> = {
  INVALID_CONFIG: 500,
  INVALID_RECEIPT: 422,
  INVALID_JSON: 400,
  INVALID_QUERY: 400,
  BAD_REQUEST: 400,
  REQUEST_TIMEOUT: 408,
  INVALID_EVIDENCE: 422,
  RECEIPT_CONFLICT: 409,
  STORE_FAILED: 503,
  QUORUM_NOT_REACHED: 409,
  NOT_CERTIFIED: 409,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA: 415,
  OVERLOADED: 429,
  CLOSED: 503,
  UNAVAILABLE: 503,
  ROTTEN: 500,
  INTERNAL: 500,
};
/** What a retry may get a better answer to, and after how long where nothing else is known. */
const RETRY_AFTER_MS: ReadonlyMap<ErrorCode, number> = new Map([
  ['STORE_FAILED', 5_000],
  ['REQUEST_TIMEOUT', 1_000],
  ['OVERLOADED', 1_000],
  ['CLOSED', 1_000],
  ['UNAVAILABLE', 1_000],
]);

/** A problem made here rather than of an error. */
export function problem(code: ErrorCode, detail: string, more: { readonly pointer?: string; readonly extra?: Readonly<Record<string, string>> } = {}): Problem {
  const retryAfterMs = RETRY_AFTER_MS.get(code);
  const retry = retryAfterMs === undefined ? { retryable: false } : { retryable: true, retryAfterMs };
  return { status: STATUS[code], code, detail, ...retry, ...more };
}

/** The problem that an error is; `at` is the pointer to the document it is about, '' for the whole body. What is not ours to show is INTERNAL, without a word of it. */
export function problemOf(error: unknown, at = ''): Problem {
  if (error instanceof InvalidReceiptError)
    return problem(error.code, error.message, { pointer: error.field === '' ? at : `${at}/${pointerToken(error.field)}` });
  if (error instanceof InvalidJsonError) return problem(error.code, error.message, { pointer: at });
  if (error instanceof InvalidQueryError) return problem(error.code, error.message, { pointer: `/${pointerToken(error.parameter)}` });
  if (error instanceof RequestHeaderError) return problem(error.code, error.message, { extra: { header: error.header } });
  if (error instanceof ReceiptConflictError)
    return problem(error.code, error.message, { pointer: `${at}/receipt_id`, extra: { digest: error.digest, offered_digest: error.offeredDigest } });
  if (error instanceof OverloadedError) return { ...problem(error.code, error.message), retryAfterMs: error.retryAfterMs };
  if (error instanceof ReceiptSyncError && error.code === 'TOO_LARGE') return problem(error.code, error.message, { pointer: at });
  if (error instanceof ReceiptSyncError)
    return problem(error.code, error.code === 'STORE_FAILED' ? 'The store did not confirm the write: retry with the same id' : error.message);
  return problem('INTERNAL', 'Something went wrong here; the log of this process says what');
}

/** RFC 6901 §3. Cut like everything that is shown back. */
function pointerToken(name: string): string {
  return name.slice(0, ECHO_CHARACTERS_MAX).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The body of a problem. `instance` is left out: nothing here is worth a URI of its own. */
export function problemJson(what: Problem): string {
  const { status, code, detail, retryable, pointer, extra } = what;
  const shown = detail.length > ECHO_CHARACTERS_MAX ? `${detail.slice(0, ECHO_CHARACTERS_MAX)}…` : detail;
  return JSON.stringify({
    type: 'about:blank',
    title: code.toLowerCase().replaceAll('_', ' '),
    status,
    code,
    retryable,
    ...(pointer === undefined ? {} : { pointer }),
    detail: shown.toWellFormed(),
    ...extra,
  });
}

export function sendProblem(response: ServerResponse, what: Problem): void {
  const body = problemJson(what);
  response.statusCode = what.status;
  if (what.retryAfterMs !== undefined) response.setHeader('retry-after', Math.max(1, Math.ceil(what.retryAfterMs / 1_000)));
  if (what.code === 'UNAUTHENTICATED') response.setHeader('www-authenticate', 'Bearer');
  response.setHeader('content-type', 'application/problem+json');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

export function sendJson(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
