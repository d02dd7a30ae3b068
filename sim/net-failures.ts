import { STATUS_CODES } from 'node:http';
import { InvalidEvidenceError } from '../src/errors.ts';
import { parseMirrorWord } from '../src/log/mirror-answer.ts';
import type { MirrorReport } from '../src/ports/peer.ts';
import type { Failure } from '../src/region/failure.ts';

/** Nobody listens there. */
export function unreachable(): Failure {
  return broken('ECONNREFUSED');
}

/** The connection was there and is gone. */
export function reset(): Failure {
  return broken('ECONNRESET');
}

/** What is none of the answers that count. */
export function badAnswer(problem: string): Failure {
  return { code: 'BAD_ANSWER', message: `Bad answer: ${problem}`, retryable: false, consequence: 'owed', countsAgainst: true };
}

/** What a status says to a link, as `adapters/peer-http/failures.ts` has it. */
export function statusOf(status: number): Failure {
  const message = `HTTP error ${status}: ${STATUS_CODES[status]}`;
  if (status === 403 || status === 404) return { code: 'UNAUTHENTICATED', message, status, retryable: false, consequence: 'pause', countsAgainst: true };
  if (status === 422) return { code: 'REFUSED', message, status, retryable: false, consequence: 'park', countsAgainst: false };
  if (status === 409) return { code: 'CONFLICT', message, status, retryable: false, consequence: 'park', countsAgainst: false };
  return { code: 'HTTP_STATUS', message, status, retryable: status === 503, consequence: 'owed', countsAgainst: status === 503 };
}

/** The body of a 200, perhaps not as it was sent. */
export function wordReport(text: string): MirrorReport {
  try {
    return parseMirrorWord(text);
  } catch (error) {
    if (!(error instanceof InvalidEvidenceError)) throw error;
    return { kind: 'failed', failure: badAnswer(error.message) };
  }
}

function broken(code: string): Failure {
  return { code: 'UNREACHABLE', message: `Network error: ${code}`, retryable: true, consequence: 'owed', countsAgainst: true };
}
