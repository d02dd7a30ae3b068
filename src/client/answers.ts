import { ClosedError, type ErrorCode, OverloadedError, ReceiptConflictError, ReceiptSyncError, RottenError, StoreFailedError } from '../errors.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { receiptFromJson } from '../receipt/wire.ts';
import type { FailureCode } from '../region/failure.ts';
import type { RegionSyncStatus, SyncError, SyncResult } from '../region/sync-result.ts';

/** One line of a batch: the receipt's result, or why there is none. */
export type BatchItem = { readonly status: number; readonly result: SyncResult } | { readonly status: number; readonly error: ReceiptSyncError };

/** A receipt as a sidecar lists it. */
export interface ListedReceipt {
  readonly receipt: Receipt;
  /** Hex. */
  readonly digest: string;
  readonly state: string;
  /** The region that lists it. */
  readonly region: string;
  /** RFC 3339: when it first came to that region. */
  readonly recordedAt: string;
  /** Its place in the order of arrival: where `receipts({ after })` goes on. */
  readonly cursor: string;
  /** The full form of CONTRACT §4, as it came. */
  readonly json: string;
}

/** One item of a listing, from its JSON text. */
export function listedOf(json: string): ListedReceipt {
  const { digest, state, cursor, recorded_at: recordedAt, region_id: region } = JSON.parse(json);
  return {
    receipt: receiptFromJson(json),
    digest: String(digest),
    state: String(state),
    region: String(region),
    recordedAt: String(recordedAt),
    cursor: String(cursor),
    json,
  };
}

/** Members of a JSON object, not yet looked at. */
export type Fields = Readonly<Record<string, unknown>>;

/** Ours or a proxy's: what is no JSON object has no fields. */
export function fieldsOf(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** One line of a batch answer. */
export function itemOf(line: string, certificate: CertificateOf): BatchItem {
  const fields = fieldsOf(line);
  const status = Number(fields['status']);
  return status >= 200 && status < 300 ? { status, result: resultOf(fields, status, certificate) } : { status, error: errorOf(line) };
}

/** How a result's certificate is got, once it is asked for. */
export type CertificateOf = (result: SyncResult) => Promise<string>;

export function resultOf(fields: Fields, status: number, certificate: CertificateOf): SyncResult {
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
    certificate: () => certificate(result),
  };
  return result;
}

function syncErrorOf(item: SyncError): SyncError {
  const { region, code, message, retryable } = item;
  return { region, code, message, retryable };
}

/** One remote of `/api/v1/status`. */
export function regionStatusOf(fields: Fields): RegionSyncStatus {
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
export function errorOf(text: string): ReceiptSyncError {
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
    case 'ROTTEN':
      return new RottenError(detail);
    default:
      return new ReceiptSyncError(isErrorCode(code) ? code : 'UNAVAILABLE', detail);
  }
}

const CODES: readonly string[] = [
  'INVALID_RECEIPT',
  'INVALID_JSON',
  'INVALID_QUERY',
  'BAD_REQUEST',
  'REQUEST_TIMEOUT',
  'NOT_FOUND',
  'NOT_CERTIFIED',
  'INVALID_EVIDENCE',
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
