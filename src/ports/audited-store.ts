import type { RecoveredLog } from '../log/changes.ts';
import type { LogNumber, LogStore, RemoteCosigned } from './log-store.ts';
import type { ReceiptIndex } from './receipt-index.ts';

/** What a store says of one log. Nothing of it is checked. */
export interface LogClaim extends Omit<RecoveredLog, 'edge'> {
  readonly log: LogNumber;
  /** Of the tree at `size`; `undefined` of a log without a tree. */
  readonly root: Uint8Array | undefined;
}

/** What a store says of itself. */
export interface StoreClaims {
  readonly logs: readonly LogClaim[];
  readonly cosigned: readonly RemoteCosigned[];
}

/** What an audit reads of a store; also of one that a region can't be started from. */
export interface AuditedStore extends Pick<LogStore, 'entries' | 'tile'>, Pick<ReceiptIndex, 'find' | 'get'> {
  /** Forgets what was cached first, so that what is read from here on comes from the disk. */
  claims(): Promise<StoreClaims>;
  /** Where the newest `count` entries, in order of arrival, begin in each log that has some of them. */
  newest(count: number): Promise<ReadonlyMap<LogNumber, number>>;
  /** What is wrong with the database's own structure, in its words. Reads all of it. */
  structure(): Promise<readonly string[]>;
}
