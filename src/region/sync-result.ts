import type { FailureCode } from './failure.ts';

/** Why one remote had not acknowledged when the call returned. */
export interface SyncError {
  readonly region: string;
  readonly code: FailureCode;
  readonly message: string;
  readonly retryable: boolean;
}

/** What became of a receipt; `pending` is "not yet", never "no" (DESIGN law 5). */
export type SyncOutcome = 'quorum' | 'pending' | 'refused' | 'disabled';

/** What `syncReceipt` returns (CONTRACT §1). */
export interface SyncResult {
  readonly receiptId: string;
  readonly outcome: SyncOutcome;
  readonly quorumAchieved: boolean;
  /** Regions that have it on stable storage, the local one included. 0 while sync is disabled. */
  readonly syncedRegions: number;
  readonly totalRegions: number;
  /** Sum of the weights of the synced regions. */
  readonly weight: number;
  readonly threshold: number;
  /** One per remote that had failed, in configured order. */
  readonly errors: readonly SyncError[];
  /** Remotes that have neither acknowledged nor finally refused; delivery to them goes on. */
  readonly pending: readonly string[];
  /** Hex of the receipt's digest. */
  readonly digest: string;
  /** True if this receipt was in the own log before the call, or certified in another one. */
  readonly duplicate: boolean;
  /** The receipt's `.tlog-proof`. Rejects with QUORUM_NOT_REACHED where only plain acknowledgements made the quorum. */
  certificate(): Promise<string>;
}

/** What one region says of a receipt when asked afresh (SPEC §6). */
export interface RegionVerification {
  readonly region: string;
  readonly state: 'confirmed' | 'missing' | 'conflict' | 'unreachable';
  /** Hex, where the region holds one. */
  readonly digest?: string;
  /** Other contents under the id that it knows of and refuses, where there are any: in whose log, and at which entry. */
  readonly refused?: readonly { readonly digest: string; readonly region: string; readonly index: number }[];
}

export type VerificationVerdict = 'confirmed' | 'pending' | 'conflict' | 'unknown';

/** What `verify` returns: the first verdict that holds, and what each region said, the local one first. */
export interface Verification {
  readonly verdict: VerificationVerdict;
  readonly weight: number;
  readonly threshold: number;
  readonly regions: readonly RegionVerification[];
}

/** One remote, as `getSyncStatus` shows it. */
export interface RegionSyncStatus {
  readonly regionId: string;
  readonly isAvailable: boolean;
  /** Failed syncs in a row. */
  readonly failureCount: number;
  /** Unix seconds of the last acknowledged delivery of this process, or null. */
  readonly lastSyncTimestamp: number | null;
  readonly circuit: 'closed' | 'open' | 'half_open';
  /** Own receipts this remote has neither acknowledged nor refused. */
  readonly owedCount: number;
  /** RFC 3339 time of the oldest of them, or null. */
  readonly owedSince: string | null;
  readonly lastError: { readonly code: FailureCode; readonly message: string } | null;
}

export type HealthWord = 'healthy' | 'degraded' | 'unhealthy';

/** What `getHealthStatus` returns; counts speak of remotes only. */
export interface HealthReport {
  readonly status: HealthWord;
  readonly regionsAvailable: number;
  readonly regionsTotal: number;
  /** Can the available regions, with the local one, reach the threshold? */
  readonly quorumStatus: boolean;
}
