import type { IncomingMessage, ServerResponse } from 'node:http';
import { ReceiptSyncError, RequestHeaderError } from '../../errors.ts';
import { linger } from './linger.ts';
import { type Problem, problemOf, sendProblem } from './problem.ts';

/** One request on its way through a listener. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path without the query, raw: segments are still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** A path: exact, a prefix and suffix around one encoded segment that is handed to the handler decoded, or all below a prefix, handed over raw. */
export interface Route {
  readonly methods: readonly string[];
  readonly path: string | { readonly before: string; readonly after: string } | { readonly below: string };
  readonly handle: (exchange: Exchange, segment: string) => Promise<void> | void;
}

/** A request, or a receipt of one, that was refused for what it is. */
export interface Refusal {
  /** Method and path, cut. */
  readonly request: string;
  readonly status: number;
  readonly code: string;
  /** The pointer or the header that is to blame. */
  readonly place: string | undefined;
  readonly detail: string;
}

/** Whom a listener tells of what it could not serve. */
export interface Reporting {
  /** Told of what is our own bug. */
  readonly onInternal: (error: unknown) => void;
  readonly onRefused: (refusal: Refusal) => void;
}

/** What a problem comes to in a log. */
export function refusalOf(request: IncomingMessage, what: Pick<Problem, 'status' | 'code' | 'pointer' | 'extra' | 'detail'>): Refusal {
  const { status, code, pointer, extra, detail } = what;
  return {
    request: `${request.method} ${(request.url ?? '').slice(0, SHOWN_CHARACTERS_MAX)}`,
    status,
    code,
    place: pointer === undefined || pointer === '' ? extra?.['header'] : pointer,
    detail: detail.slice(0, SHOWN_CHARACTERS_MAX),
  };
}
/** Of a path or a detail in a log line. */
const SHOWN_CHARACTERS_MAX = 200;

/** Answers by the first route that fits: 404 without one, 405 for another method, a problem for whatever a handler throws. */
export async function dispatch(routes: readonly Route[], exchange: Exchange, reporting: Reporting): Promise<void> {
  const { request, response } = exchange;
  try {
    if (request.httpVersion === '1.1' && request.headers.host === undefined) throw new RequestHeaderError('BAD_REQUEST', 'host', 'A request must have a Host');
    const fitting = routes.flatMap((route) => {
      const segment = segmentOf(route, exchange.path);
      return segment === undefined ? [] : [{ route, segment }];
    });
    if (fitting.length === 0) throw new ReceiptSyncError('NOT_FOUND', 'Nothing is served under this path');
    const chosen = fitting.find(({ route }) => route.methods.includes(request.method ?? ''));
    if (chosen === undefined) {
      response.setHeader('allow', fitting.flatMap(({ route }) => route.methods).join(', '));
      throw new ReceiptSyncError('METHOD_NOT_ALLOWED', 'This path does not take this method');
    }
    await chosen.route.handle(exchange, chosen.segment);
  } catch (error) {
    refuse(exchange, error, reporting);
  }
}

/** Splits a request's target; the raw path is kept as it came, so that ids are opaque. */
export function exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange {
  const target = request.url ?? '/';
  const question = target.indexOf('?');
  const path = question === -1 ? target : target.slice(0, question);
  return { request, response, path, query: new URLSearchParams(question === -1 ? '' : target.slice(question + 1)) };
}

function refuse(exchange: Exchange, error: unknown, reporting: Reporting): void {
  const { request, response } = exchange;
  const what = problemOf(error);
  if (what.code === 'INTERNAL' && !request.destroyed) reporting.onInternal(error);
  reporting.onRefused(refusalOf(request, what));
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  // What was not read of the body is not read any more: the connection ends with this answer.
  if (!request.complete) {
    response.setHeader('connection', 'close');
    linger(request);
  }
  sendProblem(response, what);
}

function segmentOf(route: Route, path: string): string | undefined {
  if (typeof route.path === 'string') return route.path === path ? '' : undefined;
  if ('below' in route.path) return path.startsWith(route.path.below) ? path.slice(route.path.below.length) : undefined;
  const { before, after } = route.path;
  if (!path.startsWith(before) || !path.endsWith(after) || path.length <= before.length + after.length) return undefined;
  const raw = path.slice(before.length, path.length - after.length);
  if (raw.includes('/')) return undefined;
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new ReceiptSyncError('NOT_FOUND', 'The path is not percent-encoded UTF-8');
  }
}
