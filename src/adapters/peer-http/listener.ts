import type { RequestListener } from 'node:http';
import { OverloadedError, ReceiptConflictError, ReceiptSyncError, RequestHeaderError, StoreFailedError } from '../../errors.ts';
import type { ReceiveAnswer, Receiving } from '../../ports/receiving.ts';
import type { Receipt } from '../../receipt/receipt.ts';
import { unreachable } from '../../std/assert.ts';
import { toHex } from '../../std/bytes.ts';
import { isLoopback } from '../../std/loopback.ts';
import { rfc3339 } from '../../std/time.ts';
import { Crowd } from '../http/crowd.ts';
import { logRoutes } from '../http/log-routes.ts';
import { problemOf, sendJson } from '../http/problem.ts';
import { ARRAY_BYTES_MAX, ARRAY_ITEMS_MAX, BodyBudget, bearerMatches, type Item, intakeOf, mediaOf } from '../http/request.ts';
import { dispatch, type Exchange, exchangeOf, type Reporting, type Route, refusalOf } from '../http/route.ts';
import { refusedOf, storedJson } from '../http/stored-json.ts';
import { isBatch, takeBatch } from './mirror-route.ts';
import { shownJson } from './shown.ts';

/** Receipts being read at once, each a question to the store. */
const READS_MAX = 1_024;

/** Who may post and read by the plain protocol (CONTRACT §2 `plain`). */
export interface PlainAccess {
  /** `loopback`: from this machine, or with the right token. */
  readonly accept: 'loopback' | 'token' | 'off';
  readonly token?: (() => string | undefined) | undefined;
}

export interface PeerListenerOptions extends Reporting {
  readonly region: Receiving;
  readonly plain: PlainAccess;
  readonly healthJson: () => string;
  readonly nowMs: () => number;
}

/** The peer listener (CONTRACT §4): what other regions reach. An acknowledgement is sent only after an fsync covers it. */
export function peerListener(options: PeerListenerOptions): RequestListener {
  const routes = peerRoutes(options);
  return (request, response) => {
    void dispatch(routes, exchangeOf(request, response), options);
  };
}

function peerRoutes(options: PeerListenerOptions): readonly Route[] {
  const { region } = options;
  const bodies = new BodyBudget();
  const readers = new Crowd(READS_MAX);
  const receive = (exchange: Exchange): Promise<void> =>
    isBatch(exchange.request) ? takeBatch(region, exchange, bodies) : takeReceipts(options, exchange, bodies);
  const hello = ({ response }: Exchange): void => sendJson(response, 200, JSON.stringify({ status: 'ready', region: region.regionId }));
  const probe =
    (isWell: () => boolean) =>
    ({ response }: Exchange): void =>
      sendJson(response, isWell() ? 200 : 503, JSON.stringify({ status: isWell() ? 'ok' : 'unavailable' }));
  return [
    { methods: ['POST'], path: '/receipt-sync', handle: receive },
    { methods: ['GET', 'HEAD'], path: '/receipt-sync', handle: hello },
    { methods: ['POST'], path: '/api/v1/receipts', handle: receive },
    {
      methods: ['GET', 'HEAD'],
      path: { before: '/api/v1/receipts/', after: '' },
      handle: (exchange, id) => readers.during(() => sendStored(options, exchange, id)),
    },
    { methods: ['GET', 'HEAD'], path: '/checkpoints', handle: ({ response }) => sendJson(response, 200, shownJson(region.regionId, region.shown())) },
    ...logRoutes((originHash) => region.servedLog(originHash)),
    { methods: ['GET', 'HEAD'], path: '/livez', handle: probe(() => true) },
    { methods: ['GET', 'HEAD'], path: '/readyz', handle: probe(() => region.isReady()) },
    { methods: ['GET', 'HEAD'], path: '/health', handle: ({ response }) => sendJson(response, 200, options.healthJson()) },
  ];
}

function hasRight(plain: PlainAccess, { request }: Exchange): boolean {
  const token = plain.token?.();
  if (token !== undefined && bearerMatches(request, token)) return true;
  return plain.accept === 'loopback' && isLoopback(request.socket.remoteAddress);
}

async function sendStored(options: PeerListenerOptions, exchange: Exchange, id: string): Promise<void> {
  const stored = await options.region.getStored(id);
  if (stored === undefined) throw new ReceiptSyncError('NOT_FOUND', 'No receipt has that id here');
  if (hasRight(options.plain, exchange)) {
    sendJson(exchange.response, 200, storedJson(stored, options.region));
    return;
  }
  // Digests tell nothing of the contents, and whoever asks for a quorum has to see that there are two (SPEC §6).
  const refused = stored.refused.length === 0 ? {} : { refused: refusedOf(stored, options.region) };
  sendJson(exchange.response, 200, JSON.stringify({ receipt_id: id, digest: toHex(stored.digest), region_id: options.region.regionId, ...refused }));
}

async function takeReceipts(options: PeerListenerOptions, exchange: Exchange, bodies: BodyBudget): Promise<void> {
  const { request, response } = exchange;
  if (options.plain.accept === 'off') throw new ReceiptSyncError('FORBIDDEN', 'This region takes no plain receipts');
  if (!hasRight(options.plain, exchange)) throw new RequestHeaderError('UNAUTHENTICATED', 'authorization', 'A bearer token is wanted here');
  const media = mediaOf(request);
  const intake = intakeOf(media, await bodies.read(request, ARRAY_BYTES_MAX));
  response.setHeader('receipt-sync-batch', ARRAY_ITEMS_MAX);
  if (intake.kind === 'one') await answerOne(options, exchange, intake.receipt);
  else await answerMany(options, exchange, intake.items);
}

async function answerOne(options: PeerListenerOptions, { response }: Exchange, receipt: Receipt): Promise<void> {
  const [answer] = await options.region.receive([receipt]);
  if (answer?.kind !== 'acknowledged') throw errorOf(receipt, answer);
  sendJson(response, 200, acknowledgement({ regionId: options.region.regionId, nowMs: options.nowMs() }, receipt, answer));
}

/** 200 with one result per receipt, in order: acknowledged, or refused with what its status would have been. */
async function answerMany(options: PeerListenerOptions, { request, response }: Exchange, items: readonly Item[]): Promise<void> {
  const receipts = items.filter((item): item is Receipt => !(item instanceof Error));
  const answers = (await options.region.receive(receipts)).values();
  const said = { regionId: options.region.regionId, nowMs: options.nowMs() };
  const results = items.map((item, n) => {
    if (item instanceof Error) {
      options.onRefused(refusalOf(request, problemOf(item, `/${n}`)));
      return refusal('', item, `/${n}`);
    }
    const answer = answers.next().value;
    return answer?.kind === 'acknowledged' ? acknowledgement(said, item, answer) : refusal(item.receiptId, errorOf(item, answer), `/${n}`);
  });
  sendJson(response, 200, `[${results.join(',')}]`);
}

function acknowledgement(
  { regionId, nowMs }: { readonly regionId: string; readonly nowMs: number },
  receipt: Receipt,
  answer: ReceiveAnswer & { readonly kind: 'acknowledged' },
): string {
  const { digest, duplicate } = answer;
  // In the order that our own links look for first (`peer.ts`).
  return `{"status":"acknowledged","receipt_id":${JSON.stringify(receipt.receiptId)},"digest":"${toHex(digest)}","duplicate":${duplicate},"timestamp":"${rfc3339(nowMs)}","region_id":${JSON.stringify(regionId)}}`;
}

function refusal(receiptId: string, error: Error, at: string): string {
  const { status, code, detail, pointer, extra } = problemOf(error, at);
  return JSON.stringify({
    status: 'refused',
    receipt_id: receiptId,
    http_status: status,
    code,
    detail,
    ...(pointer === undefined ? {} : { pointer }),
    ...extra,
  });
}

function errorOf(receipt: Receipt, answer: ReceiveAnswer | undefined): ReceiptSyncError {
  if (answer === undefined) return new ReceiptSyncError('INTERNAL', 'No answer');
  switch (answer.kind) {
    case 'conflict':
      return new ReceiptConflictError(receipt.receiptId, { held: toHex(answer.held), offered: toHex(answer.offered) });
    case 'overloaded':
      return new OverloadedError('Too many receipts wait to be stored', answer.retryAfterMs);
    case 'store-failed':
      return new StoreFailedError(answer.message, { untilRestart: false });
    case 'closed':
      return new ReceiptSyncError('CLOSED', 'This region is going down');
    case 'acknowledged':
      return new ReceiptSyncError('INTERNAL', 'An acknowledgement is no error');
    default:
      return unreachable(answer);
  }
}
