import { Pool } from 'undici';
import { BATCH_MEDIA_TYPE } from '../../log/batch.ts';
import type { Delivery, DeliveryReport, MirrorHeaders, MirrorReport, Parcel, Peer, Reading, RefusedReading, Shown } from '../../ports/peer.ts';
import { canonicalBytes, receiptDigest } from '../../receipt/canonical.ts';
import { receiptFromJson } from '../../receipt/wire.ts';
import type { Failure } from '../../region/failure.ts';
import { equalBytes, fromHex, utf8Text } from '../../std/bytes.ts';
import { type JsonValue, parseJson } from '../../std/json.ts';
import { pathSegment } from '../../std/path-segment.ts';
import { rfc3339 } from '../../std/time.ts';
import { badAnswer, exchangeFailure, statusFailure, wrongIdentity } from './failures.ts';
import { type HttpAnswer, type HttpCall, httpCall, TooLong } from './http-call.ts';
import { mirrorReport } from './mirror-report.ts';
import { parseShown, SHOWN_BYTES_MAX } from './shown.ts';

/** An answer to one receipt, and to a read (SPEC §3.1). */
const ANSWER_BYTES_MAX = 64 * 1024;
/** An answer to a batch may take so much per receipt beside that. */
const BATCH_ANSWER_BYTES = 2_048;
/** Sockets to one remote: as many as a link has requests in flight, and one for reads. */
const CONNECTIONS = 33;

/** What it takes to speak to one remote. */
export interface HttpPeerOptions {
  /** Base URL, perhaps with a path. */
  readonly endpoint: string;
  /** Our own region: what `source_region` says, and what no remote may answer as. */
  readonly ownRegion: string;
  /** Ids of the other configured remotes. */
  readonly otherRemotes: readonly string[];
  /** The bearer token that the remote wants, read afresh for every request. */
  readonly token?: (() => string | undefined) | undefined;
  /** PEM of the authority to trust instead of the system's. */
  readonly ca?: string | undefined;
}

/** Both protocols over HTTP/1.1 to one remote (SPEC §3). Redirects are failures; the caller's signal is the only timeout. */
export class HttpPeer implements Peer {
  readonly #options: HttpPeerOptions;
  readonly #pool: Pool;
  readonly #basePath: string;
  readonly #forbiddenNames: ReadonlySet<string>;

  constructor(options: HttpPeerOptions) {
    const url = new URL(options.endpoint);
    this.#options = options;
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#forbiddenNames = new Set([options.ownRegion, ...options.otherRemotes]);
    this.#pool = new Pool(url.origin, {
      connections: CONNECTIONS,
      pipelining: 1,
      // The link's timer covers the whole exchange and ends it by the signal; undici's own, coarser ones are off.
      connectTimeout: 0,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 30_000,
      maxHeaderSize: 16 * 1024,
      connect: { rejectUnauthorized: true, minVersion: 'TLSv1.3', ...(options.ca === undefined ? {} : { ca: options.ca }) },
    });
  }

  async deliver(parcels: readonly Parcel[], options: { readonly sentAtMs: number; readonly signal: AbortSignal }): Promise<DeliveryReport> {
    const envelope = `,"timestamp":"${rfc3339(options.sentAtMs)}","source_region":${JSON.stringify(this.#options.ownRegion)}}`;
    const receipts = parcels.map(({ json }) => json.slice(0, -1) + envelope);
    const isBatch = receipts.length > 1;
    const body = isBatch ? `[${receipts.join(',')}]` : (receipts[0] ?? '');
    const all = (delivery: Delivery): DeliveryReport => ({ deliveries: parcels.map(() => delivery), batchMax: undefined });
    try {
      const bytesMax = ANSWER_BYTES_MAX + (isBatch ? receipts.length * BATCH_ANSWER_BYTES : 0);
      const answer = await this.#request({ method: 'POST', path: `${this.#basePath}/receipt-sync`, body, bytesMax, signal: options.signal });
      const batchMax = batchOffer(answer.headers['receipt-sync-batch']);
      if (answer.status < 200 || answer.status > 299) return { ...all(deliveryOfStatus(answer)), batchMax };
      return { deliveries: this.#deliveries(parcels, answer.body), batchMax };
    } catch (error) {
      return all({ kind: 'failed', failure: error instanceof TooLong ? badAnswer(error.message) : exchangeFailure(error) });
    }
  }

  async mirror(batch: Uint8Array, { policy, instance, signal }: MirrorHeaders & { readonly signal: AbortSignal }): Promise<MirrorReport> {
    try {
      const headers = { accept: 'text/plain', 'content-type': BATCH_MEDIA_TYPE, 'receipt-sync-policy': policy, 'receipt-sync-instance': instance };
      const answer = await this.#request({ method: 'POST', path: `${this.#basePath}/receipt-sync`, body: batch, headers, bytesMax: ANSWER_BYTES_MAX, signal });
      return mirrorReport({ ...answer, type: headerText(answer.headers['content-type']), retryAfter: headerText(answer.headers['retry-after']) });
    } catch (error) {
      return { kind: 'failed', failure: error instanceof TooLong ? badAnswer(error.message) : exchangeFailure(error) };
    }
  }

  async read(receiptId: string, signal: AbortSignal): Promise<Reading> {
    try {
      const path = `${this.#basePath}/api/v1/receipts/${pathSegment(receiptId)}`;
      const answer = await this.#request({ method: 'GET', path, bytesMax: ANSWER_BYTES_MAX, signal });
      if (answer.status === 404) return { kind: 'missing' };
      if (answer.status !== 200) return { kind: 'failed', failure: statusFailure(answer.status, headerText(answer.headers['retry-after'])) };
      return this.#reading(receiptId, answer.body);
    } catch (error) {
      return { kind: 'failed', failure: error instanceof TooLong ? badAnswer(error.message) : exchangeFailure(error) };
    }
  }

  async shown(signal: AbortSignal): Promise<Shown | undefined> {
    try {
      const answer = await this.#request({ method: 'GET', path: `${this.#basePath}/checkpoints`, bytesMax: SHOWN_BYTES_MAX, signal });
      return answer.status === 200 ? parseShown(jsonOf(answer.body)) : undefined;
    } catch {
      // Away, or it says too much: there is nothing to look at, and the link knows best how it is.
      return undefined;
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #request(request: Omit<HttpCall, 'body' | 'headers'> & Partial<Pick<HttpCall, 'body' | 'headers'>>): Promise<HttpAnswer> {
    const { body = null } = request;
    const token = this.#options.token?.();
    const headers = {
      accept: 'application/json',
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    return httpCall(this.#pool, { ...request, headers, body });
  }

  #deliveries(parcels: readonly Parcel[], body: Buffer): readonly Delivery[] {
    if (parcels.length > 1 && allAcknowledged(parcels, body, this.#forbiddenNames)) return parcels.map(() => ACKNOWLEDGED);
    const answer = jsonOf(body);
    if (parcels.length === 1 && parcels[0] !== undefined && !Array.isArray(answer)) return [this.#delivery(parcels[0], answer)];
    if (!Array.isArray(answer) || answer.length !== parcels.length) return parcels.map(() => failed(badAnswer('not one result per receipt')));
    return parcels.map((parcel, n) => this.#delivery(parcel, answer[n]));
  }

  /** Counts only what says `acknowledged`, for this receipt, with this digest where one is given (SPEC §3.1). */
  #delivery(parcel: Parcel, answer: JsonValue | undefined): Delivery {
    if (!(answer instanceof Map)) return failed(badAnswer('no JSON object'));
    const region = answer.get('region_id');
    if (typeof region === 'string' && this.#forbiddenNames.has(region)) return failed(wrongIdentity(region));
    if (answer.get('receipt_id') !== parcel.receiptId) return failed(badAnswer('another receipt_id'));
    if (answer.get('status') === 'refused') return refusedItem(answer);
    if (answer.get('status') !== 'acknowledged') return failed(badAnswer('status is not acknowledged'));
    const digest = answer.get('digest');
    if (digest !== undefined && digest !== parcel.digest) return failed(badAnswer('another digest'));
    return ACKNOWLEDGED;
  }

  #reading(receiptId: string, body: Buffer): Reading {
    const answer = jsonOf(body);
    if (!(answer instanceof Map) || answer.get('receipt_id') !== receiptId) return { kind: 'failed', failure: badAnswer('another receipt_id') };
    const region = answer.get('region_id');
    if (typeof region === 'string' && this.#forbiddenNames.has(region)) return { kind: 'failed', failure: wrongIdentity(region) };
    const digest = digestOf(answer, body);
    return digest === undefined ? { kind: 'failed', failure: badAnswer('no digest') } : { kind: 'held', digest, refused: refusedDigests(answer) };
  }
}

const ACKNOWLEDGED: Delivery = { kind: 'acknowledged' };
const ITEM_REST = /","duplicate":(?:true|false),"timestamp":"[0-9TZ:.+-]{1,40}","region_id":"([^"\\\u0000-\u001f]{1,512})"\}([,\]])/y;

/**
 * Is this, byte for byte, how one of our own listeners acknowledges all of these? Then it is JSON without a doubled key, for these
 * ids and digests, and need not be parsed. Anything else goes the long way.
 */
function allAcknowledged(parcels: readonly Parcel[], body: Buffer, forbiddenNames: ReadonlySet<string>): boolean {
  const text = utf8Text(body) ?? '';
  if (text[0] !== '[') return false;
  let at = 1;
  for (const [n, { receiptId, digest }] of parcels.entries()) {
    const expected = `{"status":"acknowledged","receipt_id":${JSON.stringify(receiptId)},"digest":"${digest}`;
    if (!text.startsWith(expected, at)) return false;
    ITEM_REST.lastIndex = at + expected.length;
    const [rest, region = '', end] = ITEM_REST.exec(text) ?? [];
    if (rest === undefined || forbiddenNames.has(region) || end !== (n === parcels.length - 1 ? ']' : ',')) return false;
    at = ITEM_REST.lastIndex;
  }
  return at === text.length;
}

function failed(failure: Failure): Delivery {
  return { kind: 'failed', failure };
}

function deliveryOfStatus(answer: HttpAnswer): Delivery {
  const failure = statusFailure(answer.status, headerText(answer.headers['retry-after']));
  return { kind: failure.consequence === 'park' ? 'refused' : 'failed', failure };
}

/** An item of a batch answer that is refused: read as its status would be. */
function refusedItem(answer: ReadonlyMap<string, JsonValue>): Delivery {
  const status = answer.get('http_status');
  const source = typeof status === 'object' && status !== null && 'source' in status ? Number(status.source) : Number.NaN;
  if (!Number.isInteger(source) || source < 300 || source > 599) return failed(badAnswer('refused without http_status'));
  const failure = statusFailure(source);
  return { kind: failure.consequence === 'park' ? 'refused' : 'failed', failure };
}

function jsonOf(body: Buffer): JsonValue | undefined {
  const text = utf8Text(body);
  if (text === undefined) return undefined;
  try {
    return parseJson(text);
  } catch {
    // Not JSON as we take it: the answer does not count, whatever it meant to say.
    return undefined;
  }
}

/** The digest a remote answers with; computed where it sends the whole receipt, and then both must agree. */
function digestOf(answer: ReadonlyMap<string, JsonValue>, body: Buffer): Uint8Array | undefined {
  const given = answer.get('digest');
  const claimed = typeof given === 'string' ? fromHex(given) : undefined;
  if (given !== undefined && claimed?.length !== 32) return undefined;
  if (!answer.has('hash')) return claimed;
  try {
    const computed = receiptDigest(canonicalBytes(receiptFromJson(body.toString('utf8'))));
    return claimed === undefined || equalBytes(claimed, computed) ? computed : undefined;
  } catch {
    return undefined;
  }
}

function refusedDigests(answer: ReadonlyMap<string, JsonValue>): readonly RefusedReading[] {
  const refused = answer.get('refused');
  if (!Array.isArray(refused)) return [];
  return refused.flatMap((item: JsonValue) => {
    if (!(item instanceof Map)) return [];
    const [digest, region, index] = [item.get('digest'), item.get('region'), item.get('index')];
    const bytes = typeof digest === 'string' ? fromHex(digest) : undefined;
    const place = typeof index === 'object' && index !== null && 'source' in index ? Number(index.source) : 0;
    return bytes?.length === 32 ? [{ digest: bytes, region: typeof region === 'string' ? region : '', index: place }] : [];
  });
}

function batchOffer(header: string | string[] | undefined): number | undefined {
  const text = headerText(header) ?? '';
  return /^[0-9]{1,6}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
}

function headerText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
