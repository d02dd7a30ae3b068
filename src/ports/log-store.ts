import type { Changes, Group, KnownReceipt, LogNumber, ParkedReceipt, RemoteOffset } from '../log/changes.ts';

export type { Changes, Group, LogNumber, NewGroup, ParkedReceipt, RemoteOffset } from '../log/changes.ts';
export { OWN_LOG, RECEIVED_LOG } from '../log/changes.ts';

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
   *
   * `unlessKnown`: if one of these ids has a first digest already, nothing is written, and the answer is what `find` would say of
   * them. So a turn that expects only new receipts, as most do, needs one call instead of two.
   */
  commit(changes: Changes, unlessKnown?: readonly string[]): Promise<readonly (KnownReceipt | undefined)[] | undefined>;
  /** Resolves if the store can make a write durable now; changes nothing that is visible. Rejects as `commit`. */
  probe(): Promise<void>;
  /** Groups of `log` in order, the first one containing index `from`; at least one if there is any, then while their frames sum to ≤ `bytesMax`. */
  entries(log: LogNumber, from: number, bytesMax: number): Promise<readonly Group[]>;
  close(): Promise<void>;
}
