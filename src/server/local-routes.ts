import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { logRoutes } from '../adapters/http/log-routes.ts';
import { problemOf, sendJson } from '../adapters/http/problem.ts';
import { ARRAY_BYTES_MAX, BodyBudget, bearerMatches, intakeOf, mediaOf } from '../adapters/http/request.ts';
import { type Exchange, type Refusal, type Route, refusalOf } from '../adapters/http/route.ts';
import { storedJson } from '../adapters/http/stored-json.ts';
import { InvalidJsonError, InvalidQueryError, OverloadedError, ReceiptSyncError, RequestHeaderError } from '../errors.ts';
import { recordedAtMs } from '../log/entry.ts';
import type { ReceiptSyncManager } from '../manager.ts';
import type { StoredReceipt } from '../ports/receipt-index.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { isLoopbackHost } from '../std/loopback.ts';
import { rfc3339 } from '../std/time.ts';
import { alarmRoutes } from './alarm-routes.ts';
import { arrayStatus, errorAnswer, type ItemAnswer, itemJson, regionsOf, resultAnswer, statusJson, verificationJson } from './answers.ts';
import { AuditRoute } from './audit-route.ts';
import { batchStream } from './batch-stream.ts';
import { EventStreams } from './event-stream.ts';
import { listQuery } from './list-query.ts';
import { sendRange } from './range-route.ts';

/** The longest wait a request may ask for. */
const WAIT_SECONDS_MAX = 60;
/** Requests that may wait for an outcome at once. */
const REQUESTS_MAX = 10_000;
/** While a caller waits for a certificate the newest checkpoint is looked at this often. */
const CERTIFICATE_ASK_MS = 50;
const OVERLOAD_RETRY_AFTER_MS = 1_000;

export interface LocalOptions {
  readonly manager: ReceiptSyncManager;
  readonly onRefused: (refusal: Refusal) => void;
  /** What a request waits where it does not say. */
  readonly waitTimeoutMs: number;
  /** Wanted from everybody if there is one. */
  readonly token: (() => string | undefined) | undefined;
  /** Bound to loopback: then a Host that is not a loopback name is a page that tries DNS rebinding. */
  readonly isLoopbackOnly: boolean;
}

/** The local listener's routes (CONTRACT §4): applications and operators. */
export function localRoutes(options: LocalOptions): readonly Route[] {
  const { manager } = options;
  const guard =
    (handle: Route['handle']): Route['handle'] =>
    (exchange, segment) => {
      checkHost(options, exchange);
      checkToken(options, exchange);
      return handle(exchange, segment);
    };
  const waiting = { requests: 0 };
  const bodies = new BodyBudget();
  const events = new EventStreams(manager);
  const audit = new AuditRoute(manager);
  const read = (path: Route['path'], handle: Route['handle']): Route => ({ methods: ['GET', 'HEAD'], path, handle: guard(handle) });
  return [
    { methods: ['POST'], path: '/api/v1/sync', handle: guard((exchange) => counted(waiting, () => takeSync(options, exchange, bodies))) },
    read('/api/v1/receipts', (exchange) => sendList(manager, exchange)),
    read({ before: '/api/v1/receipts/', after: '/quorum' }, async ({ response }, id) =>
      sendJson(response, 200, verificationJson(id, await manager.verify(id))),
    ),
    read({ before: '/api/v1/receipts/', after: '/certificate' }, (exchange, id) => sendCertificate(options, exchange, id)),
    read({ before: '/api/v1/receipts/', after: '' }, ({ response }, id) => sendReceipt(manager, response, id)),
    read('/api/v1/status', async ({ response }) => sendJson(response, 200, statusJson(manager.overview(), await manager.getSyncStatus()))),
    { methods: ['GET'], path: '/api/v1/events', handle: guard(({ request, response }) => events.send(request, response)) },
    { methods: ['GET'], path: '/api/v1/audit', handle: guard(audit.handle) },
    { methods: ['GET'], path: '/api/v1/range', handle: guard((exchange) => sendRange(manager, exchange)) },
    { methods: ['GET'], path: '/api/v1/backup', handle: guard((exchange) => sendBackup(manager, exchange)) },
    read('/health', async ({ response }) => sendHealth(manager, response)),
    ...[...alarmRoutes(manager, bodies), ...logRoutes((originHash) => manager.servedLog(originHash))].map((route) => ({
      ...route,
      handle: guard(route.handle),
    })),
    // Probes carry no token and ask no other region.
    probe('/livez', () => true),
    probe('/readyz', () => manager.isReady()),
    probe('/quorumz', () => manager.overview().reachableWeight >= manager.overview().threshold),
  ];
}

function probe(path: string, isWell: () => boolean): Route {
  const handle = ({ response }: Exchange): void => sendJson(response, isWell() ? 200 : 503, JSON.stringify({ status: isWell() ? 'ok' : 'unavailable' }));
  return { methods: ['GET', 'HEAD'], path, handle };
}

function checkHost(options: LocalOptions, { request }: Exchange): void {
  if (!options.isLoopbackOnly) return;
  if (!isLoopbackHost((request.headers.host ?? '').replace(/:\d+$/, '')))
    throw new RequestHeaderError('FORBIDDEN', 'host', 'The Host of this listener is a loopback name');
}

function checkToken(options: LocalOptions, { request }: Exchange): void {
  const token = options.token?.();
  if (token !== undefined && !bearerMatches(request, token)) throw new RequestHeaderError('UNAUTHENTICATED', 'authorization', 'A bearer token is wanted here');
}

async function counted(waiting: { requests: number }, take: () => Promise<void>): Promise<void> {
  if (waiting.requests >= REQUESTS_MAX) throw new OverloadedError('Too many requests wait for an outcome', OVERLOAD_RETRY_AFTER_MS);
  waiting.requests += 1;
  try {
    await take();
  } finally {
    waiting.requests -= 1;
  }
}

async function takeSync(options: LocalOptions, exchange: Exchange, bodies: BodyBudget): Promise<void> {
  const { request, response } = exchange;
  const media = mediaOf(request);
  const wait = waitOf(options, request.headers['prefer']);
  const bad = (error: Error, at?: string): ItemAnswer => {
    options.onRefused(refusalOf(request, problemOf(error, at)));
    return errorAnswer(error, undefined, at);
  };
  const sync = (receipt: Receipt, at?: string): Promise<ItemAnswer> => syncItem(options.manager, { receipt, wait, at });
  if (media === 'ndjson') {
    await batchStream(request, response, { sync, bad });
    return;
  }
  const intake = intakeOf(media, await bodies.read(request, ARRAY_BYTES_MAX));
  if (intake.kind === 'one') {
    await answerOne(exchange, await options.manager.syncParsed(intake.receipt, wait).then(resultAnswer));
    return;
  }
  if (intake.items.length === 0) throw new InvalidJsonError('The array holds no receipt', 0);
  const answers = await Promise.all(intake.items.map((item, n) => (item instanceof Error ? bad(item, `/${n}`) : sync(item, `/${n}`))));
  sendJson(response, arrayStatus(answers), `[${answers.map(itemJson).join(',')}]`);
}

function answerOne({ response }: Exchange, answer: ItemAnswer): void {
  sendJson(response, answer.status, answer.json);
}

async function syncItem(
  manager: ReceiptSyncManager,
  { receipt, wait, at }: { readonly receipt: Receipt; readonly wait: Wait; readonly at: string | undefined },
): Promise<ItemAnswer> {
  try {
    return resultAnswer(await manager.syncParsed(receipt, wait));
  } catch (error) {
    return errorAnswer(error, receipt.receiptId, at);
  }
}

interface Wait {
  readonly waitFor: 'quorum' | 'all' | 'local';
  readonly deadlineMs: number;
}

/** `Prefer: wait=N` (seconds, at most 60), `wait-for=all` or `respond-async` (RFC 7240); what is not understood is ignored, as it says. */
function waitOf(options: Pick<LocalOptions, 'waitTimeoutMs'>, header: string | string[] | undefined): Wait {
  const preferences = [header ?? []]
    .flat()
    .join(',')
    .split(',')
    .map((preference) => preference.trim().toLowerCase());
  if (preferences.includes('respond-async')) return { waitFor: 'local', deadlineMs: 0 };
  const seconds = preferences.flatMap((preference) => /^wait\s*=\s*"?(\d{1,6})"?$/.exec(preference)?.slice(1).map(Number) ?? [])[0];
  const waitFor = preferences.includes('wait-for=all') ? 'all' : 'quorum';
  return { waitFor, deadlineMs: seconds === undefined ? options.waitTimeoutMs : Math.min(seconds, WAIT_SECONDS_MAX) * 1_000 };
}

async function sendReceipt(manager: ReceiptSyncManager, response: Exchange['response'], id: string): Promise<void> {
  const stored = await manager.getStored(id);
  if (stored === undefined) throw new ReceiptSyncError('NOT_FOUND', 'No receipt has that id here');
  sendJson(response, 200, listedJson(manager, stored));
}

/** A certificate with the fewest signatures that reach the threshold; `?all=true`: with all there are; `Prefer: wait=N`: once there is one. */
async function sendCertificate({ manager }: LocalOptions, { request, response, query }: Exchange, id: string): Promise<void> {
  for (const name of query.keys()) if (name !== 'all') throw new InvalidQueryError(name, 'is no parameter here; there is all');
  const all = query.get('all') ?? 'false';
  if (all !== 'true' && all !== 'false') throw new InvalidQueryError('all', 'must be true or false');
  const waitMs = waitOf({ waitTimeoutMs: 0 }, request.headers['prefer']).deadlineMs;
  const body = Buffer.from(await certificateWithin(manager, { id, all: all === 'true' }, performance.now() + waitMs));
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': body.length });
  response.end(body);
}

async function certificateWithin(
  manager: ReceiptSyncManager,
  { id, all }: { readonly id: string; readonly all: boolean },
  deadlineMs: number,
): Promise<string> {
  while (true) {
    try {
      return await manager.getCertificate(id, { all });
    } catch (error) {
      const isEarly = error instanceof ReceiptSyncError && error.code === 'NOT_CERTIFIED' && performance.now() < deadlineMs && manager.isReady();
      if (!isEarly) throw error;
      await new Promise((resolve) => setTimeout(resolve, CERTIFICATE_ASK_MS));
    }
  }
}

/** The full form as the own applications and operators see it. */
function listedJson(manager: ReceiptSyncManager, stored: StoredReceipt): string {
  const { state, refusedBy } = manager.standingOf(stored);
  return storedJson(
    stored,
    { regionId: manager.config.region, originOf: (log) => manager.originOf(log) },
    {
      state,
      refused_by: refusedBy,
      recorded_at: rfc3339(recordedAtMs(stored.recordedAt)),
      cursor: stored.cursor,
    },
  );
}

async function sendList(manager: ReceiptSyncManager, { response, query }: Exchange): Promise<void> {
  const { receipts, rotten, next } = await manager.list(listQuery(query));
  const items = receipts.map(({ stored }) => listedJson(manager, stored));
  // Only where there is some: what is not served is said, and goes into no list.
  const left = rotten.length === 0 ? '' : `,"rotten":${JSON.stringify(rotten)}`;
  sendJson(response, 200, `{"receipts":[${items.join(',')}],"next_cursor":${JSON.stringify(next ?? null)}${left}}`);
}

/** Everything this region holds, for `receipt-sync backup`: nothing that a listing would not give, as it lies in the store. */
async function sendBackup(manager: ReceiptSyncManager, { response, query }: Exchange): Promise<void> {
  const after = query.get('after') ?? '0';
  if (!/^[0-9]{1,15}$/.test(after)) throw new InvalidQueryError('after', 'must be a place in the order of arrival');
  response.writeHead(200, { 'content-type': 'application/vnd.receipt-sync.backup' });
  await pipeline(Readable.from(manager.backup(Number(after))), response);
}

async function sendHealth(manager: ReceiptSyncManager, response: Exchange['response']): Promise<void> {
  const health = await manager.getHealthStatus();
  const { status, regionsAvailable, regionsTotal, quorumStatus } = health;
  const regions = regionsOf(await manager.getSyncStatus());
  const body = JSON.stringify({ status, regions_available: regionsAvailable, regions_total: regionsTotal, quorum_status: quorumStatus, regions });
  sendJson(response, status === 'unhealthy' ? 503 : 200, body);
}
