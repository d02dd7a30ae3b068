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

/** What a store knows when it is opened. */
export interface Recovered {
  /** Random id of this data directory, 32 hex digits, made with it. */
  readonly storeId: string;
  /** Number of entries per log; a log that was never written is absent. */
  readonly sizes: ReadonlyMap<LogNumber, number>;
  /** The last entry's `recorded_at` in the own and the received log, 0n where empty. */
  readonly lastRecordedAt: ReadonlyMap<LogNumber, bigint>;
  readonly offsets: readonly RemoteOffset[];
  readonly parked: readonly ParkedReceipt[];
}

/** The durable half of a region. One writer calls `commit`, one call at a time; reads may come at any moment. */
export interface LogStore {
  recover(): Promise<Recovered>;
  /**
   * Resolves after a successful fsync covers all of `changes`. Rejects with StoreFailedError: nothing may be
   * acknowledged, though a failed commit may turn out durable at the next start. With `untilRestart` every later
   * commit rejects too; without (disk full, say) the transaction was rolled back and a later one may succeed.
   */
  commit(changes: Changes): Promise<void>;
  /** Resolves if the store can make a write durable now; changes nothing that is visible. Rejects as `commit`. */
  probe(): Promise<void>;
  /** Groups of `log` in order, the first one containing index `from`; at least one if there is any, then while their frames sum to ≤ `bytesMax`. */
  entries(log: LogNumber, from: number, bytesMax: number): Promise<readonly Group[]>;
  close(): Promise<void>;
}
