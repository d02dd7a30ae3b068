import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { OverloadedError, ReceiptConflictError } from '../../src/errors.ts';
import { OutboxPoller, type OutboxTarget, outboxSchema, outboxStatus, sqliteHandle, writeReceipt, writeReceiptSync } from '../../src/outbox.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import { receiptOf } from '../receipts.ts';
import { Regions } from '../regions.ts';

function outbox(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec(outboxSchema('sqlite'));
  database.exec('CREATE TABLE payment (id TEXT PRIMARY KEY)');
  return database;
}

test('a receipt is handed over if and only if its transaction commits, and then the outbox is empty', async () => {
  await using regions = await Regions.make();
  await using manager = await regions.open(new MultiRegionConfig('us-east-1'));
  const database = outbox();
  for (const [n, end] of ['COMMIT', 'ROLLBACK', 'COMMIT'].entries()) {
    database.exec('BEGIN');
    database.prepare('INSERT INTO payment VALUES (?)').run(`p-${n}`);
    writeReceiptSync(database, receiptOf(n, { spanId: 2n ** 64n - 1n }));
    database.exec(end);
  }
  await using poller = new OutboxPoller({ handle: sqliteHandle(database), target: manager });
  assert.equal(await poller.drain(), 2);
  assert.deepEqual(await manager.getReceipt('rec-0'), receiptOf(0, { spanId: 2n ** 64n - 1n }));
  assert.equal(await manager.getReceipt('rec-1'), undefined);
  assert.deepEqual(await outboxStatus(sqliteHandle(database)), { waiting: 0, oldest: undefined, setAside: [] });
});

test('the same receipt twice is one row; another content under a waiting id is a conflict, and the transaction can go on', async () => {
  const database = outbox();
  database.exec('BEGIN');
  writeReceiptSync(database, receiptOf(1));
  writeReceiptSync(database, receiptOf(1));
  assert.throws(() => writeReceiptSync(database, receiptOf(1, { ticks: 9 })), ReceiptConflictError);
  await assert.rejects(writeReceipt(sqliteHandle(database), receiptOf(1, { ticks: 9 })), ReceiptConflictError);
  assert.throws(() => writeReceiptSync(database, receiptOf(1, { receiptId: '' })), { code: 'INVALID_RECEIPT' });
  database.exec('COMMIT');
  assert.equal((await outboxStatus(sqliteHandle(database))).waiting, 1);
});

test('what the sidecar refuses for good is set aside with its reason, and in nobody’s way', async () => {
  await using regions = await Regions.make();
  await using manager = await regions.open(new MultiRegionConfig('us-east-1'));
  await manager.syncReceipt(receiptOf(1));
  const database = outbox();
  writeReceiptSync(database, receiptOf(1, { ticks: 9 }));
  database.exec(`INSERT INTO receipt_sync_outbox (receipt_id, receipt) VALUES ('by-hand', 'no json')`);
  writeReceiptSync(database, receiptOf(2));
  const told: unknown[] = [];
  await using poller = new OutboxPoller({ handle: sqliteHandle(database), target: manager, onError: (error) => told.push(error) });
  await poller.drain();
  assert.equal((await manager.getReceipt('rec-2'))?.receiptId, 'rec-2');
  const { waiting, setAside } = await outboxStatus(sqliteHandle(database));
  assert.deepEqual([waiting, setAside.map(({ receiptId }) => receiptId), told.length], [0, ['rec-1', 'by-hand'], 2]);
  assert.match(setAside[0]?.reason ?? '', /^RECEIPT_CONFLICT: /);
});

test('while the sidecar is overloaded rows stay, the pause grows, and everything goes in order afterwards', async () => {
  await using regions = await Regions.make();
  await using manager = await regions.open(new MultiRegionConfig('us-east-1'));
  let refusals = 4;
  const target: OutboxTarget = {
    syncReceipt: (receipt: Receipt, options) => (refusals-- > 0 ? Promise.reject(new OverloadedError('Too many', 10)) : manager.syncReceipt(receipt, options)),
  };
  const database = outbox();
  for (let n = 0; n < 20; n += 1) writeReceiptSync(database, receiptOf(n));
  const told: unknown[] = [];
  const poller = new OutboxPoller({ handle: sqliteHandle(database), target, strictOrder: true, idleMs: 5, onError: (error) => told.push(error) });
  poller.start();
  while ((await outboxStatus(sqliteHandle(database))).waiting > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await poller.stop();
  assert.equal(told.length, 4);
  const order: string[] = [];
  for await (const { receipt } of manager.receipts()) order.push(receipt.receiptId);
  assert.deepEqual(
    order,
    Array.from({ length: 20 }, (_, n) => `rec-${n}`),
  );
});

test('a wake is quicker than the pause, and stop waits for the hand-over under way', async () => {
  await using regions = await Regions.make();
  await using manager = await regions.open(new MultiRegionConfig('us-east-1'));
  const database = outbox();
  const poller = new OutboxPoller({ handle: sqliteHandle(database), target: manager, idleMs: 60_000 });
  poller.start();
  await new Promise((resolve) => setTimeout(resolve, 50));
  writeReceiptSync(database, receiptOf(1));
  poller.wake();
  await poller.stop();
  assert.equal((await outboxStatus(sqliteHandle(database))).waiting === 0 || (await manager.getReceipt('rec-1')) === undefined, true);
  await new OutboxPoller({ handle: sqliteHandle(database), target: manager }).drain();
  assert.equal((await manager.getReceipt('rec-1'))?.receiptId, 'rec-1');
});
