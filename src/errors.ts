/** Every code this package throws or answers with. Closed: callers may switch over it. */
export type ErrorCode =
  | 'INVALID_CONFIG'
  | 'INVALID_RECEIPT'
  | 'RECEIPT_CONFLICT'
  | 'STORE_FAILED'
  | 'QUORUM_NOT_REACHED'
  | 'UNAUTHENTICATED'
  | 'INVALID_EVIDENCE'
  | 'OVERLOADED'
  | 'CLOSED'
  | 'INVALID_JSON'
  | 'INVALID_QUERY'
  | 'BAD_REQUEST'
  | 'REQUEST_TIMEOUT'
  | 'NOT_FOUND'
  | 'NOT_CERTIFIED'
  | 'UNSUPPORTED_MEDIA'
  | 'TOO_LARGE'
  | 'METHOD_NOT_ALLOWED'
  | 'FORBIDDEN'
  | 'UNAVAILABLE'
  | 'ROTTEN'
  | 'INTERNAL';

/** The one base class. `code` decides what to do; `message` is for people and may change. */
export class ReceiptSyncError extends Error {
  override readonly name: string = 'ReceiptSyncError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** One thing wrong with a configuration: where (a dotted path, a variable, a flag) and what. */
export interface ConfigIssue {
  readonly path: string;
  readonly message: string;
}

/** The configuration can't be used. `issues` has all of them, the message the texts of all. */
export class InvalidConfigError extends ReceiptSyncError {
  override readonly name = 'InvalidConfigError';
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[], options?: ErrorOptions) {
    super('INVALID_CONFIG', issues.map((issue) => issue.message).join('; '), options);
    this.issues = issues;
  }
}

/** The receipt breaks SPEC §1. `field` is the wire name of the bad field (`span_id`), empty for the whole. */
export class InvalidReceiptError extends ReceiptSyncError {
  override readonly name = 'InvalidReceiptError';
  readonly field: string;

  constructor(field: string, problem: string) {
    super('INVALID_RECEIPT', field === '' ? problem : `${field}: ${problem}`);
    this.field = field;
  }
}

/** A request that is refused for one of its headers. `header` is its name in lower case. */
export class RequestHeaderError extends ReceiptSyncError {
  override readonly name = 'RequestHeaderError';
  readonly header: string;

  constructor(code: 'UNSUPPORTED_MEDIA' | 'FORBIDDEN' | 'UNAUTHENTICATED' | 'BAD_REQUEST', header: string, message: string) {
    super(code, message);
    this.header = header;
  }
}

/** A query parameter that can't be read. `parameter` is its name. */
export class InvalidQueryError extends ReceiptSyncError {
  override readonly name = 'InvalidQueryError';
  readonly parameter: string;

  constructor(parameter: string, problem: string) {
    super('INVALID_QUERY', `${parameter} ${problem}`);
    this.parameter = parameter;
  }
}

/** Text that is not JSON, or not JSON we take: `offset` is where, in UTF-16 units. */
export class InvalidJsonError extends ReceiptSyncError {
  override readonly name = 'InvalidJsonError';
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super('INVALID_JSON', `${problem} at offset ${offset}`);
    this.offset = offset;
  }
}

/** A second content under an id that this region knows with another (SPEC §4). Nothing was stored. Digests in hex. */
export class ReceiptConflictError extends ReceiptSyncError {
  override readonly name = 'ReceiptConflictError';
  readonly digest: string;
  readonly offeredDigest: string;

  constructor(receiptId: string, digests: { readonly held: string; readonly offered: string }) {
    super('RECEIPT_CONFLICT', `Receipt ${receiptId} is known with another content`);
    this.digest = digests.held;
    this.offeredDigest = digests.offered;
  }
}

/** Evidence (a note, a checkpoint, a proof, a key, a policy) that is none: `what` names the kind. Malformed is refused, never skipped. */
export class InvalidEvidenceError extends ReceiptSyncError {
  override readonly name = 'InvalidEvidenceError';
  readonly what: string;

  constructor(what: string, problem: string) {
    super('INVALID_EVIDENCE', `${what} ${problem}`);
    this.what = what;
  }
}

/** The local store did not confirm a write: the outcome is unknown, retry with the same id. `untilRestart`: no write is taken before one. */
export class StoreFailedError extends ReceiptSyncError {
  override readonly name = 'StoreFailedError';
  readonly untilRestart: boolean;

  constructor(message: string, options: ErrorOptions & { readonly untilRestart: boolean }) {
    super('STORE_FAILED', message, options);
    this.untilRestart = options.untilRestart;
  }
}

/** A bound was reached (callers waiting, bytes queued): nothing was stored, try again after `retryAfterMs`. */
export class OverloadedError extends ReceiptSyncError {
  override readonly name = 'OverloadedError';
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super('OVERLOADED', message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The manager is closing or closed and takes no new calls. */
export class ClosedError extends ReceiptSyncError {
  override readonly name = 'ClosedError';

  constructor() {
    super('CLOSED', 'The receipt sync manager is closed');
  }
}

/** What is stored here is not what was stored: it does not lead to what was signed, and is not served. The message says where. */
export class RottenError extends ReceiptSyncError {
  override readonly name = 'RottenError';

  constructor(message: string) {
    super('ROTTEN', message);
  }
}
