export { newReceiptId } from './adapters/receipt-id.ts';
export type { BatchItem, ListedReceipt } from './client/answers.ts';
export { type ClientOptions, type ReceiptFilter, ReceiptSyncClient } from './client.ts';
export {
  ClosedError,
  type ConfigIssue,
  type ErrorCode,
  InvalidConfigError,
  InvalidJsonError,
  InvalidQueryError,
  InvalidReceiptError,
  OverloadedError,
  ReceiptConflictError,
  ReceiptSyncError,
  RequestHeaderError,
  StoreFailedError,
} from './errors.ts';
export { HealthStatus, healthCheck } from './health.ts';
export { type OpenOptions, ReceiptSyncManager, type SyncReceiptOptions } from './manager.ts';
export type { Observer, SyncEvent } from './ports/observer.ts';
export type { Place, StoredReceipt } from './ports/receipt-index.ts';
export type { Receipt } from './receipt/receipt.ts';
export type { FailureCode } from './region/failure.ts';
export { MultiRegionConfig, type MultiRegionFields } from './region/multi-region-config.ts';
export { QuorumNotReachedError, requireQuorum } from './region/quorum-error.ts';
export { RegionConfig, type RegionConfigFields } from './region/region-config.ts';
export { RemoteRegion, type RemoteRegionFields } from './region/remote-region.ts';
export { SidecarConfig } from './region/sidecar-config.ts';
export type {
  HealthReport,
  RegionSyncStatus,
  RegionVerification,
  SyncError,
  SyncOutcome,
  SyncResult,
  Verification,
  VerificationVerdict,
} from './region/sync-result.ts';
export type { Alarm } from './replication/alarms.ts';
export type { PlacedEvent } from './replication/broadcast.ts';
export type { Listed, ListPage, ListQuery } from './replication/listing.ts';
export type { RegionOverview } from './replication/overview.ts';
export type { Standing, StandingState } from './replication/standing.ts';
export type { Duration } from './std/duration.ts';
