export { drizzleHandle, kyselyHandle, type OutboxHandle, pgHandle, type Row, type SyncSqlite, sqliteHandle } from './outbox/handle.ts';
export { OutboxPoller, type OutboxPollerOptions, type OutboxTarget } from './outbox/poller.ts';
export { type OutboxStatus, outboxSchema, outboxStatus, writeReceipt, writeReceiptSync } from './outbox/table.ts';
