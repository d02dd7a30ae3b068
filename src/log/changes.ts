/** A log of this store, by number. Mirrored logs (SPEC §3.2) get numbers from 3 on. */
export type LogNumber = number;

/** The region's own log: what it replicates to the others. */
export const OWN_LOG: LogNumber = 1;
/** Receipts taken by the plain protocol: served, never sent on (SPEC §3.1). */
export const RECEIVED_LOG: LogNumber = 2;

/** Consecutive entries of one log: one row of the store, laid out as they will be sent (`log/group.ts`). */
export interface Group {
  readonly log: LogNumber;
  /** Index of the first entry. */
  readonly start: number;
  /** 1..8,192. */
  readonly count: number;
  /** `count × ( lp16 entry | lp16 C | salt[16] )`, at most 4 MiB. */
  readonly frame: Uint8Array;
}

/** A group to be written; its digests feed the index of first digests. */
export interface NewGroup extends Group {
  /** `count × digest[32]`, in entry order. */
  readonly digests: Uint8Array;
}

/** What a plain remote is owed begins here: every entry of the own log below was answered (SPEC §3.1). */
export interface RemoteOffset {
  readonly region: string;
  readonly offset: number;
}

/** A receipt that a remote has refused for good: recorded with its reason, not counted, not in the way. */
export interface ParkedReceipt {
  readonly region: string;
  /** Index in the own log. */
  readonly index: number;
  readonly status: number;
  readonly code: 'REFUSED' | 'CONFLICT';
  readonly message: string;
  readonly atMs: number;
}

/** One turn's writes. The store makes all of them durable in one transaction, or none. */
export interface Changes {
  /** In commit order; each starts at its log's size. */
  readonly groups: readonly NewGroup[];
  readonly offsets: readonly RemoteOffset[];
  readonly parked: readonly ParkedReceipt[];
}

/** Where a receipt stands in one log. */
export interface Place {
  readonly log: LogNumber;
  readonly index: number;
}

/** What the store remembers of an id: the first digest, and every log that holds it. */
export interface KnownReceipt {
  readonly digest: Uint8Array;
  readonly places: readonly Place[];
}
