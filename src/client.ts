import { Pool } from 'undici';
import { ClosedError, type ErrorCode, OverloadedError, ReceiptConflictError, ReceiptSyncError, StoreFailedError } from './errors.ts';
import { parseReceipt } from './receipt/parse.ts';
import type { Receipt } from './receipt/receipt.ts';
import { receiptFromJson, receiptJson } from './receipt/wire.ts';
import type { FailureCode } from './region/failure.ts';
import { QuorumNotReachedError } from './region/quorum-error.ts';
import type { HealthReport, RegionSyncStatus, SyncError, SyncResult, Verification } from './region/sync-result.ts';
import { type Duration, durationMs } from './std/duration.ts';
import { pathSegment } from './std/path-segment.ts';

/** A sidecar's answer is waited for this much longer than the receipt: the wait itself is the sidecar's. */
const ANSWER_GRACE_MS = 10_000;
const WAIT_MS_DEFAULT = 5_000;
/** `Prefer: wait` counts whole seconds, at most 60 (CONTRACT §4). */
const WAIT_SECONDS_MAX = 60;

export interface ClientOptions {
  /** The bearer token of the local listener, where it wants one. */
  readonly token?: string;
}

/** One line of a batch: the receipt's result, or why there is none. */
export type BatchItem = { readonly status: number; readonly result: SyncResult } | { readonly status: number; readonly error: ReceiptSyncError };

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

  /** As the manager's. `deadline` is rounded up to whole seconds, at most 60; `waitFor: 'all'` is the library's only. */
  async syncReceipt(
    receipt: Receipt,
    options: { readonly waitFor?: 'quorum' | 'local'; readonly deadline?: Duration; readonly signal?: AbortSignal } = {},
  ): Promise<SyncResult> {
    const { prefer, waitMs } = preference(options);
    const headers = { 'content-type': 'application/json', ...prefer };
    const answer = await this.#ask('POST', '/api/v1/sync', {
      headers,
      body: receiptJson(parseReceipt(receipt)),
      timeoutMs: waitMs + ANSWER_GRACE_MS,
      signal: options.signal,
    });
    if (answer.status >= 300) throw errorOf(answer.text);
    return resultOf(fieldsOf(answer.text), answer.status);
  }

  /** Many receipts in one request; one item each, in order. At most 8,192. */
  async syncBatch(
    receipts: readonly Receipt[],
    options: { readonly waitFor?: 'quorum' | 'local'; readonly deadline?: Duration } = {},
  ): Promise<readonly BatchItem[]> {
    const body = receipts.map((receipt) => receiptJson(receipt)).join('\n');
    return this.postBatch(body, options);
  }

  /** The same for receipts that are JSON lines already. */
  async postBatch(ndjson: string, options: { readonly waitFor?: 'quorum' | 'local'; readonly deadline?: Duration } = {}): Promise<readonly BatchItem[]> {
    const { prefer, waitMs } = preference(options);
    const headers = { 'content-type': 'application/x-ndjson', ...prefer };
    const answer = await this.#ask('POST', '/api/v1/sync', { headers, body: ndjson, timeoutMs: waitMs + 4 * ANSWER_GRACE_MS });
    if (answer.status !== 200) throw errorOf(answer.text);
    return answer.text
      .split('\n')
      .filter((line) => line !== '')
      .map(itemOf);
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
    return answer.text;
  }

  async verifyQuorum(receiptId: string): Promise<boolean> {
    return (await this.verify(receiptId)).verdict === 'confirmed';
  }

  async verify(receiptId: string): Promise<Verification> {
    const answer = await this.#ask('GET', `/api/v1/receipts/${pathSegment(receiptId)}/quorum`, { timeoutMs: 60_000 });
    if (answer.status !== 200) throw errorOf(answer.text);
    const { verdict, weight, threshold, regions } = JSON.parse(answer.text);
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
    return answer.text;
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

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #ask(
    method: 'GET' | 'POST',
    path: string,
    more: { readonly headers?: Record<string, string>; readonly body?: string; readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Answer> {
    const { headers = {}, body = null, timeoutMs = ANSWER_GRACE_MS, signal } = more;
    const timeout = AbortSignal.timeout(timeoutMs);
    const auth = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    try {
      const response = await this.#pool.request({
        method,
        path,
        headers: { ...headers, ...auth },
        body,
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (error) {
      signal?.throwIfAborted();
      throw new ReceiptSyncError('UNAVAILABLE', 'The sidecar could not be reached', { cause: error });
    }
  }
}

function preference(options: { readonly waitFor?: 'quorum' | 'local'; readonly deadline?: Duration }): {
  readonly prefer: Record<string, string>;
  readonly waitMs: number;
} {
  if (options.waitFor === 'local') return { prefer: { prefer: 'respond-async' }, waitMs: 0 };
  if (options.deadline === undefined) return { prefer: {}, waitMs: WAIT_MS_DEFAULT };
  const seconds = Math.min(WAIT_SECONDS_MAX, Math.ceil((durationMs(options.deadline) ?? WAIT_MS_DEFAULT) / 1_000));
  return { prefer: { prefer: `wait=${seconds}` }, waitMs: seconds * 1_000 };
}

type Fields = Readonly<Record<string, unknown>>;

/** Ours or a proxy's: what is no JSON object has no fields. */
function fieldsOf(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function itemOf(line: string): BatchItem {
  const fields = fieldsOf(line);
  const status = Number(fields['status']);
  return status >= 200 && status < 300 ? { status, result: resultOf(fields, status) } : { status, error: errorOf(line) };
}

function resultOf(fields: Fields, status: number): SyncResult {
  const outcome = fields['outcome'];
  const result: SyncResult = {
    receiptId: String(fields['receipt_id']),
    outcome: outcome === 'quorum' || outcome === 'refused' || outcome === 'disabled' ? outcome : 'pending',
    quorumAchieved: fields['quorum_achieved'] === true,
    syncedRegions: Number(fields['synced_regions']),
    totalRegions: Number(fields['total_regions']),
    weight: Number(fields['weight']),
    threshold: Number(fields['threshold']),
    errors: Array.isArray(fields['errors']) ? fields['errors'].map(syncErrorOf) : [],
    pending: Array.isArray(fields['pending']) ? fields['pending'].map(String) : [],
    digest: String(fields['digest']),
    duplicate: status === 200,
    certificate: () => Promise.reject(new QuorumNotReachedError(result)),
  };
  return result;
}

function syncErrorOf(item: SyncError): SyncError {
  const { region, code, message, retryable } = item;
  return { region, code, message, retryable };
}

function regionStatusOf(fields: Fields): RegionSyncStatus {
  const circuit = fields['circuit'];
  const last = fields['last_sync_timestamp'];
  const since = fields['owed_since'];
  const error = fields['last_error'];
  return {
    regionId: String(fields['region_id']),
    isAvailable: fields['is_available'] === true,
    failureCount: Number(fields['failure_count']),
    lastSyncTimestamp: typeof last === 'number' ? last : null,
    circuit: circuit === 'open' || circuit === 'half_open' ? circuit : 'closed',
    owedCount: Number(fields['owed_count']),
    owedSince: typeof since === 'string' ? since : null,
    lastError: typeof error === 'object' && error !== null && 'code' in error && 'message' in error ? lastErrorOf(error.code, error.message) : null,
  };
}

function lastErrorOf(code: unknown, message: unknown): RegionSyncStatus['lastError'] {
  return { code: FAILURE_CODES.find((known) => known === code) ?? 'UNREACHABLE', message: String(message) };
}

const FAILURE_CODES: readonly FailureCode[] = [
  'TIMEOUT',
  'UNREACHABLE',
  'TLS',
  'HTTP_STATUS',
  'REFUSED',
  'CONFLICT',
  'BAD_ANSWER',
  'UNAUTHENTICATED',
  'CIRCUIT_OPEN',
];

/** A problem as the error that the manager would have thrown. */
function errorOf(text: string): ReceiptSyncError {
  const fields = fieldsOf(text);
  const code = String(fields['code'] ?? 'UNAVAILABLE');
  const detail = String(fields['detail'] ?? 'The sidecar gave no answer that is one');
  switch (code) {
    case 'RECEIPT_CONFLICT':
      return new ReceiptConflictError(String(fields['receipt_id'] ?? ''), { held: String(fields['digest']), offered: String(fields['offered_digest']) });
    case 'STORE_FAILED':
      return new StoreFailedError(detail, { untilRestart: false });
    case 'OVERLOADED':
      return new OverloadedError(detail, 1_000);
    case 'CLOSED':
      return new ClosedError();
    default:
      return new ReceiptSyncError(isErrorCode(code) ? code : 'UNAVAILABLE', detail);
  }
}

const CODES: readonly string[] = [
  'INVALID_RECEIPT',
  'INVALID_JSON',
  'NOT_FOUND',
  'NOT_CERTIFIED',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'UNSUPPORTED_MEDIA',
  'TOO_LARGE',
  'METHOD_NOT_ALLOWED',
  'INTERNAL',
] satisfies readonly ErrorCode[];

function isErrorCode(code: string): code is ErrorCode {
  return CODES.includes(code);
}
