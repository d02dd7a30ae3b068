import type { IncomingMessage } from 'node:http';
import { InvalidEvidenceError, OverloadedError, ReceiptSyncError, StoreFailedError } from '../../errors.ts';
import { BATCH_BYTES_MAX, BATCH_MEDIA_TYPE, checkpointOf, SIZE_MEDIA_TYPE } from '../../log/batch.ts';
import { formatMirrorWord } from '../../log/mirror-answer.ts';
import type { MirrorHeaders } from '../../ports/peer.ts';
import type { BatchOrigin, MirrorAnswer, Receiving } from '../../ports/receiving.ts';
import type { BodyBudget } from '../http/request.ts';
import type { Exchange } from '../http/route.ts';

/** Is this a batch of the mirror protocol? It authenticates itself. */
export function isBatch(request: IncomingMessage): boolean {
  return request.headers['content-type'] === BATCH_MEDIA_TYPE;
}

/** Takes a batch (SPEC §3.2): the origin's signature is checked before the rest is read. Throws what becomes a problem. */
export async function takeBatch(region: Receiving, { request, response }: Exchange, bodies: BodyBudget): Promise<void> {
  const answer = await bodies.during(request, BATCH_BYTES_MAX, () => receive(region, request, bodies));
  if (answer.kind === 'size') {
    const size = `${answer.size}\n`;
    response.writeHead(409, { 'content-type': SIZE_MEDIA_TYPE, 'content-length': size.length });
    response.end(size);
    return;
  }
  if (answer.kind !== 'cosigned' && answer.kind !== 'refuses') throw errorOf(answer);
  const body = Buffer.from(formatMirrorWord(answer));
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': body.length });
  response.end(body);
}

async function receive(region: Receiving, request: IncomingMessage, bodies: BodyBudget): Promise<MirrorAnswer> {
  let origin: BatchOrigin | undefined;
  const body = await bodies.readBooked<MirrorAnswer>(request, BATCH_BYTES_MAX, (begun) => {
    if (origin !== undefined) return undefined;
    const admitted = admit(region, begun);
    if (admitted !== undefined && 'kind' in admitted) return admitted;
    origin = admitted;
    return undefined;
  });
  if (!(body instanceof Uint8Array)) return body;
  if (origin === undefined) throw new InvalidEvidenceError('batch', 'ends within its checkpoint');
  return region.receiveBatch(origin, body, headersOf(request));
}

function admit(region: Receiving, begun: Uint8Array): ReturnType<Receiving['admitBatch']> | undefined {
  const head = checkpointOf(begun);
  return head.kind === 'more' ? undefined : region.admitBatch(head.note);
}

function headersOf(request: IncomingMessage): Partial<MirrorHeaders> {
  const { 'receipt-sync-policy': policy, 'receipt-sync-instance': instance } = request.headers;
  return {
    ...(typeof policy === 'string' && /^[0-9a-f]{64}$/.test(policy) ? { policy } : {}),
    ...(typeof instance === 'string' && /^[0-9a-f]{32}-\d{1,15}$/.test(instance) ? { instance } : {}),
  };
}

function errorOf(answer: Exclude<MirrorAnswer, { readonly kind: 'cosigned' | 'refuses' | 'size' }>): ReceiptSyncError {
  switch (answer.kind) {
    case 'rejected':
      if (answer.status === 403) return new ReceiptSyncError('FORBIDDEN', answer.reason);
      if (answer.status === 404) return new ReceiptSyncError('NOT_FOUND', answer.reason);
      return answer.status === 503 ? new ReceiptSyncError('UNAVAILABLE', answer.reason) : new InvalidEvidenceError('batch', answer.reason);
    case 'overloaded':
      return new OverloadedError('Too much waits to be stored', answer.retryAfterMs);
    case 'store-failed':
      return new StoreFailedError(answer.message, { untilRestart: false });
    case 'closed':
      return new ReceiptSyncError('CLOSED', 'This region is going down');
  }
}
