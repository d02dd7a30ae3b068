import { STATUS_CODES } from 'node:http';
import type { Failure } from '../../region/failure.ts';

/** The remote refuses this one receipt for good (CONTRACT §1 "Parked"). */
const REFUSALS = new Set([400, 409, 413, 415, 422]);
/** The remote does not want us, or is not who we think (CONTRACT §1 "Paused"). */
const UNWELCOME = new Set([401, 403, 404]);
const RETRYABLE = new Set([502, 503, 504]);
/** Error codes of Node and undici that mean TLS: any certificate or handshake problem (https://nodejs.org/api/tls.html#x509-certificate-error-codes). */
const TLS_CODE =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|EPROTO$|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$|CRL_|ERROR_IN_C)/;
/** undici's names for an exchange that took too long. */
const TIMEOUT_CODES = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);
/** The answer was not HTTP, or not HTTP that we take. */
const ANSWER_CODE = /^(?:HPE_|UND_ERR_HEADERS_OVERFLOW$|UND_ERR_RES_EXCEEDED_MAX_SIZE$|UND_ERR_RES_CONTENT_LENGTH_MISMATCH$)/;

/** What an HTTP status other than 2xx says (SPEC §7). */
export function statusFailure(status: number, retryAfter?: string): Failure {
  const message = `HTTP error ${status}: ${STATUS_CODES[status] ?? 'Unknown'}`;
  const base = { message, status, retryable: RETRYABLE.has(status), countsAgainst: true, consequence: 'owed' } as const;
  if (REFUSALS.has(status)) return { ...base, code: status === 409 ? 'CONFLICT' : 'REFUSED', consequence: 'park', countsAgainst: false };
  if (UNWELCOME.has(status) || (status >= 300 && status < 400))
    return { ...base, code: status === 401 || status === 403 ? 'UNAUTHENTICATED' : 'HTTP_STATUS', consequence: 'pause' };
  const retryAfterMs = parseRetryAfter(retryAfter);
  const asked = retryAfterMs === undefined ? base : { ...base, retryAfterMs };
  return { ...asked, code: 'HTTP_STATUS', countsAgainst: status !== 429 };
}

/** A 2xx whose answer is not the one that counts (SPEC §3.1). */
export function badAnswer(problem: string): Failure {
  return { code: 'BAD_ANSWER', message: `Bad answer: ${problem}`, retryable: false, consequence: 'owed', countsAgainst: true };
}

/** The remote answers under a name that is ours, or another remote's: counting it would count a region twice. */
export function wrongIdentity(claimed: string): Failure {
  return {
    code: 'UNAUTHENTICATED',
    message: `Wrong identity: the remote says it is ${claimed.slice(0, 128)}`,
    retryable: false,
    consequence: 'pause',
    countsAgainst: true,
  };
}

/** What went wrong before there was an answer, decided on the error's code. */
export function exchangeFailure(error: unknown): Failure {
  const code = deepCode(error);
  if (TLS_CODE.test(code)) return { code: 'TLS', message: `Network error: TLS: ${code}`, retryable: false, consequence: 'owed', countsAgainst: true };
  if (TIMEOUT_CODES.has(code)) return { code: 'TIMEOUT', message: `Network error: ${code}`, retryable: true, consequence: 'owed', countsAgainst: true };
  if (ANSWER_CODE.test(code)) return badAnswer(code);
  return {
    code: 'UNREACHABLE',
    message: `Network error: ${code === '' ? String(error).slice(0, 200) : code}`,
    retryable: true,
    consequence: 'owed',
    countsAgainst: true,
  };
}

/** The code of an error, or of what caused it, or of the first of several attempts. */
function deepCode(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if (error instanceof AggregateError && error.errors.length > 0) return deepCode(error.errors[0]);
  const own = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const cause = 'cause' in error ? deepCode(error.cause) : '';
  return cause === '' ? own : cause;
}

/** Seconds, or an HTTP date, as ms from now. */
function parseRetryAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
