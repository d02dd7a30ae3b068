import type { MirrorWord } from '../log/mirror-answer.ts';
import type { Failure } from '../region/failure.ts';

/** One receipt on its way: what is sent and what a good answer must match. */
export interface Parcel {
  readonly receiptId: string;
  /** The six fields as JSON, made once for all remotes. */
  readonly json: string;
  /** Hex. */
  readonly digest: string;
}

/** What a remote says of one receipt. */
export type Delivery =
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'failed'; readonly failure: Failure };

export interface DeliveryReport {
  /** One per parcel, in order. */
  readonly deliveries: readonly Delivery[];
  /** What the answer's `receipt-sync-batch` header offers, or `undefined` without one: then one parcel per request. */
  readonly batchMax: number | undefined;
}

/** Another content that a remote knows of and refuses: in whose log, and where. */
export interface RefusedReading {
  readonly digest: Uint8Array;
  readonly region: string;
  readonly index: number;
}

/** What a remote holds under an id, asked afresh (SPEC §6). */
export type Reading =
  | { readonly kind: 'held'; readonly digest: Uint8Array; readonly refused: readonly RefusedReading[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What a mirror says to a batch (SPEC §3.2). */
export type MirrorReport =
  | MirrorWord
  /** 409: its own size of the log. */
  | { readonly kind: 'size'; readonly size: number }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What a region shows to others of everything that it keeps: each speaks for itself, whoever shows it. */
export interface Shown {
  /** Notes: the newest of its own log, and of every log that it mirrors with its cosignature. */
  readonly checkpoints: readonly string[];
  /** Evidence of forks (docs/spec). */
  readonly evidence: readonly string[];
}

/** What goes with every batch. */
export interface MirrorHeaders {
  /** SHA-256 of the canonical policy text, hex. */
  readonly policy: string;
  /** `<random id of the data directory>-<start number>`. */
  readonly instance: string;
}

/** The only way to speak to one remote. Answers with values; after `signal` fires the promise may do as it likes, nobody listens. */
export interface Peer {
  deliver(parcels: readonly Parcel[], options: { readonly sentAtMs: number; readonly signal: AbortSignal }): Promise<DeliveryReport>;
  /** Sends one batch of the mirror protocol. */
  mirror(batch: Uint8Array, options: MirrorHeaders & { readonly signal: AbortSignal }): Promise<MirrorReport>;
  read(receiptId: string, signal: AbortSignal): Promise<Reading>;
  /** What the remote shows of all logs; `undefined` where it could not be asked, or is of a version that shows nothing. */
  shown(signal: AbortSignal): Promise<Shown | undefined>;
  close(): Promise<void>;
}
