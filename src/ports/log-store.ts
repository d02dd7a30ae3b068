import type { AlarmRecord } from '../log/alarm.ts';
import type { Changes, Group, KnownReceipt, LogNumber, ParkedReceipt, RecoveredLog, RemoteCosigned, RemoteOffset } from '../log/changes.ts';

export type {
  Changes,
  Group,
  KeptNote,
  KeptText,
  LogNumber,
  NewGroup,
  ParkedReceipt,
  RecoveredLog,
  RemoteCosigned,
  RemoteOffset,
  TreeGrowth,
} from '../log/changes.ts';
export { NO_CHANGES, OWN_LOG, RECEIVED_LOG } from '../log/changes.ts';

/** What a store knows when it is opened. */
export interface Recovered {
  /** Random id of this data directory, 32 hex digits, made with it. */
  readonly storeId: string;
  /** How often it was opened to be written, this time included. */
  readonly starts: number;
  /** Why this region remembers less than it signed (SPEC §2.1), or `undefined`: then it may sign. */
  readonly forgot: string | undefined;
  /** A log that was never written is absent. */
  readonly logs: ReadonlyMap<LogNumber, RecoveredLog>;
  readonly offsets: readonly RemoteOffset[];
  readonly parked: readonly ParkedReceipt[];
  readonly cosigned: readonly RemoteCosigned[];
  /** By id: all that wait for an operator, and the newest of the others. */
  readonly alarms: readonly AlarmRecord[];
}

/** The durable half of a region. One writer calls `commit`, one call at a time; reads may come at any moment. */
export interface LogStore {
  recover(): Promise<Recovered>;
  /**
   * Resolves after a successful fsync covers all of `changes`, where this region signs beyond the reach of a restored copy too (SPEC §2.1). Rejects
   * with StoreFailedError: nothing may be acknowledged, though a failed commit may turn out durable at the next start. With
   * `untilRestart` every later commit rejects too; without (disk full, say) the transaction was rolled back and a later one may succeed.
   *
   * `unlessKnown`: if one of these ids has a first digest already, nothing is written, and the answer is what `find` would say of
   * them. So a turn that expects only new receipts, as most do, needs one call instead of two.
   */
  commit(changes: Changes, unlessKnown?: readonly string[]): Promise<readonly (KnownReceipt | undefined)[] | undefined>;
  /** Resolves if the store can make a write durable now; changes nothing that is visible. Rejects as `commit`. */
  probe(): Promise<void>;
  /** Groups of `log` in order, the first one containing index `from`; at least one if there is any, then while their frames sum to ≤ `bytesMax`. */
  entries(log: LogNumber, from: number, bytesMax: number): Promise<readonly Group[]>;
  /** The 256 hashes of a full tile, or `undefined` where that tile is not full. */
  tile(log: LogNumber, level: number, index: number): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}
