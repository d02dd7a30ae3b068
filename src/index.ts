export { HealthStatus, healthCheck } from './health.ts';
export { ReceiptSyncManager, type OpenOptions, type SyncReceiptOptions } from './manager.ts';
