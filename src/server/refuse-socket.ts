import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Problem, problem, problemJson } from '../adapters/http/problem.ts';
import type { Refusal } from '../adapters/http/route.ts';

const REASONS: ReadonlyMap<number, string> = new Map([
  [400, 'Bad Request'],
  [408, 'Request Timeout'],
  [431, 'Request Header Fields Too Large'],
]);

/** What never became a request (https://nodejs.org/api/http.html#event-clienterror) gets a problem too, and then the connection ends. */
export function refuseBrokenRequests(server: Server, onRefused: (refusal: Refusal) => void): void {
  server.on('clientError', (error, socket) => {
    const code = 'code' in error ? String(error.code) : '';
    if (code === 'ECONNRESET' || !socket.writable || hasAnswered(socket)) socket.destroy();
    else {
      const what = problemOfParser(code);
      onRefused({ request: 'what is no request', status: what.status, code: what.code, place: undefined, detail: what.detail });
      socket.end(rawAnswer(what), () => socket.destroy());
    }
  });
}

/** An answer has begun on this connection: a second one would be read as part of it. */
function hasAnswered(socket: Duplex): boolean {
  return '_httpMessage' in socket && socket._httpMessage instanceof Object && 'headersSent' in socket._httpMessage && socket._httpMessage.headersSent === true;
}

function problemOfParser(code: string): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return { ...problem('TOO_LARGE', 'The request line and headers are too long'), status: 431 };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return problem('REQUEST_TIMEOUT', 'The request did not come in time');
  return problem('BAD_REQUEST', `This is no HTTP/1.1 request (${/^HPE_[A-Z_]{1,40}$/.test(code) ? code : 'malformed'})`);
}

function rawAnswer(what: Problem): string {
  const body = problemJson(what);
  const head = [
    `HTTP/1.1 ${what.status} ${REASONS.get(what.status) ?? 'Bad Request'}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
