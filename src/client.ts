import { Pool } from 'undici';
import { type BatchItem, errorOf, fieldsOf, itemOf, type ListedReceipt, listedOf, regionStatusOf, resultOf } from './client/answers.ts';
import { eventMessages } from './client/event-messages.ts';
import { topLevelItems } from './client/json-items.ts';
import { ReceiptSyncError, RottenError } from './errors.ts';
import type { SyncEvent } from './ports/observer.ts';
import { parseReceipt } from './receipt/parse.ts';
import type { Receipt } from './receipt/receipt.ts';
import { receiptFromJson, receiptJson } from './receipt/wire.ts';
import { QuorumNotReachedError } from './region/quorum-error.ts';
import type { HealthReport, RegionSyncStatus, SyncResult, Verification } from './region/sync-result.ts';
import { type Duration, durationMs } from './std/duration.ts';
import { linesOf } from './std/lines.ts';
import { pathSegment } from './std/path-segment.ts';

/** A sidecar's answer is waited for this much longer than the receipt: the wait itself is the sidecar's. */
const ANSWER_GRACE_MS = 10_000;
const WAIT_MS_DEFAULT = 5_000;
/** `Prefer: wait` counts whole seconds, at most 60 (CONTRACT §4). */
const WAIT_SECONDS_MAX = 60;
/** A search through a large store takes its time. */
const LIST_TIMEOUT_MS = 60_000;
const PAGE_RECEIPTS = 1_000;
/** A sync point comes each second: where none certifies for so long, a region that is needed is away. */
const CERTIFICATE_WAIT = '30s';

export interface ClientOptions {
  /** The bearer token of the local listener, where it wants one. */
  readonly token?: string;
}

/** How a call waits: as `SyncReceiptOptions` of the manager. */
interface Waiting {
  readonly waitFor?: 'quorum' | 'all' | 'local';
  readonly deadline?: Duration;
}

/** What is listed; every condition that is there must hold. Times are RFC 3339. */
export interface ReceiptFilter {
  readonly after?: string | undefined;
  readonly transactionId?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly state?: string | undefined;
}

/** Receipts in order of arrival. */
export interface ListedPage {
  readonly receipts: readonly ListedReceipt[];
  /** How often something was left out because it has rotted. */
  readonly rotten: number;
  /** Absent at the end. */
  readonly next: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The manager's interface over HTTP, to a sidecar: `http://127.0.0.1:7480` or `unix:/path`. Throws UNAVAILABLE where it can't be reached. */
export class ReceiptSyncClient implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #token: string | undefined;

  constructor(url: string, options: ClientOptions = {}) {
    const limits = { connections: 64, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connectTimeout: 5_000 };
    this.#pool = url.startsWith('unix:')
      ? new Pool('http://localhost', { ...limits, connect: { socketPath: url.slice(5), timeout: 5_000 } })
      : new Pool(new URL(url).origin, limits);
    this.#token = options.token;
  }

  /** As the manager's. `deadline` is rounded up to whole seconds, at most 60. */
  async syncReceipt(receipt: Receipt, options: Waiting & { readonly signal?: AbortSignal } = {}): Promise<SyncResult> {
    const { prefer, waitMs } = preference(options);
    const headers = { 'content-type': 'application/json', ...prefer };
    const answer = await this.#ask('POST', '/api/v1/sync', {
      headers,
      body: receiptJson(parseReceipt(receipt)),
      timeoutMs: waitMs + ANSWER_GRACE_MS,
      signal: options.signal,
    });
    if (answer.status >= 300) throw errorOf(answer.text);
    return resultOf(fieldsOf(answer.text), answer.status, this.#certificateOf);
  }

  /** Many receipts in one request; one item each, in order. At most 8,192. */
  async syncBatch(receipts: readonly Receipt[], options: Waiting = {}): Promise<readonly BatchItem[]> {
    const body = receipts.map((receipt) => receiptJson(receipt)).join('\n');
    return this.postBatch(body, options);
  }

  /** The same for receipts that are JSON lines already. */
  async postBatch(ndjson: string, options: Waiting = {}): Promise<readonly BatchItem[]> {
    const { prefer, waitMs } = preference(options);
    const headers = { 'content-type': 'application/x-ndjson', ...prefer };
    const answer = await this.#ask('POST', '/api/v1/sync', { headers, body: ndjson, timeoutMs: waitMs + 4 * ANSWER_GRACE_MS });
    if (answer.status !== 200) throw errorOf(answer.text);
    return answer.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => itemOf(line, this.#certificateOf));
  }

  async getReceipt(receiptId: string): Promise<Receipt | undefined> {
    const text = await this.getReceiptJson(receiptId);
    return text === undefined ? undefined : receiptFromJson(text);
  }

  /** The full form of CONTRACT §4 as it came. */
  async getReceiptJson(receiptId: string): Promise<string | undefined> {
    const answer = await this.#ask('GET', `/api/v1/receipts/${pathSegment(receiptId)}`);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw errorOf(answer.text);
    return objectText(answer);
  }

  /** As the manager's: a certificate that verifies offline; `wait`: for so long if there is none yet, at most 60 s. Throws NOT_FOUND, NOT_CERTIFIED. */
  async getCertificate(receiptId: string, options: { readonly all?: boolean; readonly wait?: Duration } = {}): Promise<string> {
    const { prefer, waitMs } = preference({ deadline: options.wait ?? 0 });
    const path = `/api/v1/receipts/${pathSegment(receiptId)}/certificate${options.all === true ? '?all=true' : ''}`;
    const answer = await this.#ask('GET', path, { headers: prefer, timeoutMs: waitMs + ANSWER_GRACE_MS });
    if (answer.status !== 200) throw errorOf(answer.text);
    return answer.text;
  }

  /** Of a result: the checkpoint that certifies it may come a moment after the quorum (SPEC §3.2). */
  readonly #certificateOf = async (result: SyncResult): Promise<string> => {
    if (result.outcome === 'refused' || result.outcome === 'disabled') throw new QuorumNotReachedError(result);
    try {
      return await this.getCertificate(result.receiptId, { wait: CERTIFICATE_WAIT });
    } catch (error) {
      if (error instanceof ReceiptSyncError && error.code === 'NOT_CERTIFIED') throw new QuorumNotReachedError(result);
      throw error;
    }
  };

  /** One page in order of arrival; `next` is absent at the end. `limit` 1..1,000. */
  async listReceipts(filter: ReceiptFilter, limit: number): Promise<ListedPage> {
    const query = new URLSearchParams({ limit: String(limit) });
    const { after, transactionId, since, until, state } = filter;
    for (const [name, value] of Object.entries({ cursor: after, transaction_id: transactionId, since, until, state })) {
      if (value !== undefined) query.set(name, value);
    }
    const answer = await this.#ask('GET', `/api/v1/receipts?${query}`, { timeoutMs: LIST_TIMEOUT_MS });
    if (answer.status !== 200) throw errorOf(answer.text);
    const { next_cursor: next, rotten } = fieldsOf(objectText(answer));
    const receipts = topLevelItems(answer.text, 'receipts').map(listedOf);
    return { receipts, rotten: Array.isArray(rotten) ? rotten.length : 0, next: typeof next === 'string' ? next : undefined };
  }

  /** All that fit the filter, in order of arrival; ends with the last one there is. Throws ROTTEN after that where some were left out because they have rotted. */
  async *receipts(filter: ReceiptFilter = {}): AsyncGenerator<ListedReceipt, void, undefined> {
    let after = filter.after;
    let rotten = 0;
    do {
      const page = await this.listReceipts({ ...filter, after }, PAGE_RECEIPTS);
      yield* page.receipts;
      rotten += page.rotten;
      after = page.next;
    } while (after !== undefined);
    if (rotten > 0) throw new RottenError('Some of what is stored there has rotted, and was left out: look with receipts verify-chain');
  }

  /** Resolves when the receipt has its quorum, however long that takes. Rejects with NOT_FOUND, QuorumNotReachedError, or the signal's reason. */
  async waitForQuorum(receiptId: string, options: { readonly signal?: AbortSignal } = {}): Promise<SyncResult> {
    const text = await this.getReceiptJson(receiptId);
    const isOwn = text !== undefined && JSON.parse(text).origins.some((origin: { readonly log?: unknown }) => origin.log === 'own');
    if (text === undefined || !(isOwn || (await this.#isCertified(receiptId))))
      throw new ReceiptSyncError('NOT_FOUND', 'No receipt of this region has that id');
    while (true) {
      const result = await this.syncReceipt(receiptFromJson(text), { ...options, deadline: WAIT_SECONDS_MAX * 1_000 });
      if (result.outcome === 'quorum' || result.outcome === 'disabled') return result;
      if (result.outcome === 'refused') throw new QuorumNotReachedError(result);
    }
  }

  /** Does the sidecar hold a certificate of it, from whatever log? Then it takes the receipt for a duplicate. */
  async #isCertified(receiptId: string): Promise<boolean> {
    try {
      return (await this.getCertificate(receiptId)) !== '';
    } catch (error) {
      if (error instanceof ReceiptSyncError && error.code === 'NOT_CERTIFIED') return false;
      throw error;
    }
  }

  /** Events from now on, taken up again where a connection ends. Throws UNAVAILABLE where none can be had. */
  async *events(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<SyncEvent, void, undefined> {
    const isOver = (): boolean => options.signal?.aborted === true;
    let lastEventId: string | undefined;
    while (!isOver()) {
      let count = 0;
      try {
        for await (const { id, event } of eventMessages(await this.#openEvents(lastEventId, options.signal))) {
          lastEventId = id;
          count += 1;
          yield event;
        }
      } catch (error) {
        if (isOver()) return;
        if (count === 0) throw unreachable(error);
      }
      // A connection that ended without a word: the sidecar is going down.
      if (count === 0 && !isOver()) throw unreachable(undefined);
    }
  }

  async verifyQuorum(receiptId: string): Promise<boolean> {
    return (await this.verify(receiptId)).verdict === 'confirmed';
  }

  async verify(receiptId: string): Promise<Verification> {
    const answer = await this.#ask('GET', `/api/v1/receipts/${pathSegment(receiptId)}/quorum`, { timeoutMs: 60_000 });
    if (answer.status !== 200) throw errorOf(answer.text);
    const { verdict, weight, threshold, regions } = JSON.parse(objectText(answer));
    return { verdict, weight, threshold, regions };
  }

  async getSyncStatus(): Promise<readonly RegionSyncStatus[]> {
    const { regions } = JSON.parse(await this.getStatusJson());
    return regions.map(regionStatusOf);
  }

  /** `/api/v1/status` as it came. */
  async getStatusJson(): Promise<string> {
    const answer = await this.#ask('GET', '/api/v1/status');
    if (answer.status !== 200) throw errorOf(answer.text);
    return objectText(answer);
  }

  /** `/api/v1/alarms` as it came, the newest first. */
  async getAlarmsJson(which: 'standing' | 'all'): Promise<string> {
    const answer = await this.#ask('GET', `/api/v1/alarms${which === 'all' ? '' : '?state=standing'}`);
    if (answer.status !== 200) throw errorOf(answer.text);
    return objectText(answer);
  }

  /** Acknowledges an alarm with a reason, and says how it stands then, as JSON. Throws NOT_FOUND, INVALID_QUERY. */
  async acknowledgeAlarm(id: string, reason: string): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    const answer = await this.#ask('POST', `/api/v1/alarms/${pathSegment(id)}/acknowledge`, { headers, body: JSON.stringify({ reason }) });
    if (answer.status !== 200) throw errorOf(answer.text);
    return objectText(answer);
  }

  async getHealthStatus(): Promise<HealthReport> {
    const answer = await this.#ask('GET', '/health');
    if (answer.status !== 200 && answer.status !== 503) throw errorOf(answer.text);
    const fields = fieldsOf(answer.text);
    const status = fields['status'];
    if (status !== 'healthy' && status !== 'degraded' && status !== 'unhealthy') throw errorOf(answer.text);
    return {
      status,
      regionsAvailable: Number(fields['regions_available']),
      regionsTotal: Number(fields['regions_total']),
      quorumStatus: fields['quorum_status'] === true,
    };
  }

  /** The region's store after a place in the order of arrival, as the bytes of a backup. */
  async backup(afterSeq: number): Promise<AsyncIterable<Buffer>> {
    return this.#stream(`/api/v1/backup?after=${afterSeq}`);
  }

  /** As the manager's, as bytes; times are RFC 3339. */
  async certifiedRange(origin: string, span: { readonly since: string; readonly until: string }): Promise<AsyncIterable<Uint8Array>> {
    return this.#stream(`/api/v1/range?${new URLSearchParams({ origin, ...span })}`);
  }

  /** Everything that the sidecar finds wrong in its store, line by line as it comes (docs/operate/audit.md). */
  async *audit(limit: number | undefined): AsyncGenerator<string, void, undefined> {
    const path = `/api/v1/audit${limit === undefined ? '' : `?limit=${limit}`}`;
    const body = await this.#stream(path);
    try {
      yield* linesOf(body);
    } catch (error) {
      throw unreachable(error);
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A body as it comes. */
  async #stream(path: string): Promise<AsyncIterable<Buffer>> {
    const response = await this.#pool.request({ method: 'GET', path, headers: this.#auth() }).catch((error: unknown) => {
      throw unreachable(error);
    });
    if (response.statusCode !== 200) throw errorOf(await response.body.text());
    return response.body;
  }

  async #openEvents(lastEventId: string | undefined, signal: AbortSignal | undefined): Promise<AsyncIterable<Buffer>> {
    const headers = { accept: 'text/event-stream', ...this.#auth(), ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) };
    const response = await this.#pool.request({ method: 'GET', path: '/api/v1/events', headers, signal: signal ?? null }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw unreachable(error);
    });
    if (response.statusCode !== 200) throw errorOf(await response.body.text());
    return response.body;
  }

  #auth(): Readonly<Record<string, string>> {
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
  }

  async #ask(
    method: 'GET' | 'POST',
    path: string,
    more: { readonly headers?: Record<string, string>; readonly body?: string; readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Answer> {
    const { headers = {}, body = null, timeoutMs = ANSWER_GRACE_MS, signal } = more;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.#pool.request({
        method,
        path,
        headers: { ...headers, ...this.#auth() },
        body,
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(error);
    }
  }
}

/** The text of a JSON object. What answers under the sidecar's address and sends none is no sidecar. */
function objectText({ text }: Answer): string {
  if (Object.keys(fieldsOf(text)).length === 0) throw errorOf(text);
  return text;
}

function unreachable(error: unknown): ReceiptSyncError {
  return error instanceof ReceiptSyncError ? error : new ReceiptSyncError('UNAVAILABLE', 'The sidecar could not be reached', { cause: error });
}

function preference(options: Waiting): {
  readonly prefer: Record<string, string>;
  readonly waitMs: number;
} {
  if (options.waitFor === 'local') return { prefer: { prefer: 'respond-async' }, waitMs: 0 };
  const all = options.waitFor === 'all' ? ', wait-for=all' : '';
  if (options.deadline === undefined && all === '') return { prefer: {}, waitMs: WAIT_MS_DEFAULT };
  const seconds = Math.min(WAIT_SECONDS_MAX, Math.ceil((durationMs(options.deadline ?? WAIT_MS_DEFAULT) ?? WAIT_MS_DEFAULT) / 1_000));
  return { prefer: { prefer: `wait=${seconds}${all}` }, waitMs: seconds * 1_000 };
}
