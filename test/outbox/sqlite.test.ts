import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { OverloadedError, ReceiptConflictError, ReceiptSyncError } from '../../src/errors.ts';
import {
  type OutboxHandle,
  OutboxPoller,
  type OutboxTarget,
  outboxSchema,
  outboxStatus,
  sqliteHandle,
  writeReceipt,
  writeReceiptSync,
} from '../../src/outbox.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import type { SyncResult } from '../../src/region/sync-result.ts';
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
  assert.deepEqual(await outboxStatus(sqliteHandle(database)), { waiting: 0, oldest: undefined, setAsideCount: 0, setAside: [] });
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

/** What a sidecar answers, without one. */
function resultFor({ receiptId }: Receipt, outcome: SyncResult['outcome'] = 'quorum'): SyncResult {
  const counts = { syncedRegions: 2, totalRegions: 3, weight: 2, threshold: 2, errors: [], pending: [] };
  const certificate = (): Promise<string> => Promise.reject(new ReceiptSyncError('NOT_CERTIFIED', 'none'));
  return { receiptId, outcome, quorumAchieved: outcome === 'quorum', ...counts, digest: '', duplicate: false, certificate };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isTrue() && performance.now() < deadline) await sleep(10);
}

test('a commit whose wake comes during a hand-over is looked for right after it', async () => {
  const database = outbox();
  const taken: string[] = [];
  const gate = Promise.withResolvers<void>();
  const syncReceipt = async (receipt: Receipt): Promise<SyncResult> => {
    if (taken.push(receipt.receiptId) === 1) await gate.promise;
    return resultFor(receipt);
  };
  writeReceiptSync(database, receiptOf(1));
  await using poller = new OutboxPoller({ handle: sqliteHandle(database), target: { syncReceipt }, idleMs: 60_000 });
  poller.start();
  await until(() => taken.length === 1);
  writeReceiptSync(database, receiptOf(2));
  poller.wake();
  gate.resolve();
  await until(() => taken.length === 2);
  assert.deepEqual(taken, ['rec-1', 'rec-2']);
});

test('a receipt that fails for ever, though nobody refuses it, does not slow down the others', async () => {
  const database = outbox();
  let taken = 0;
  const syncReceipt = async (receipt: Receipt): Promise<SyncResult> => {
    if (receipt.receiptId === 'rec-0') throw new ReceiptSyncError('INTERNAL', 'this one, always');
    taken += 1;
    return resultFor(receipt);
  };
  for (let n = 0; n < 1_000; n += 1) writeReceiptSync(database, receiptOf(n));
  await using poller = new OutboxPoller({ handle: sqliteHandle(database), target: { syncReceipt }, batchMax: 10, idleMs: 20 });
  poller.start();
  await until(() => taken === 999);
  assert.deepEqual([taken, (await outboxStatus(sqliteHandle(database))).waiting], [999, 1]);
});

test('whole batches without a quorum do not keep later receipts from theirs', async () => {
  const database = outbox();
  let later = false;
  const syncReceipt = async (receipt: Receipt): Promise<SyncResult> => {
    const isLater = receipt.receiptId === 'rec-20';
    later ||= isLater;
    return resultFor(receipt, isLater ? 'quorum' : 'pending');
  };
  for (let n = 0; n <= 20; n += 1) writeReceiptSync(database, receiptOf(n));
  await using poller = new OutboxPoller({ handle: sqliteHandle(database), target: { syncReceipt }, waitFor: 'quorum', batchMax: 10, idleMs: 5 });
  poller.start();
  await until(() => later);
  assert.equal(later, true);
});

test('neither wakes nor an idleMs of 0 hammer a target that is down', async () => {
  const database = outbox();
  let tries = 0;
  const syncReceipt = (): Promise<SyncResult> => {
    tries += 1;
    return Promise.reject(new ReceiptSyncError('UNAVAILABLE', 'down'));
  };
  writeReceiptSync(database, receiptOf(1));
  await using poller = new OutboxPoller({ handle: sqliteHandle(database), target: { syncReceipt }, idleMs: 0 });
  poller.start();
  for (let n = 0; n < 100; n += 1) {
    poller.wake();
    await sleep(3);
  }
  assert.ok(tries >= 1 && tries < 10, `${tries} tries`);
});

test('an onError that throws does not end the poller', async () => {
  const database = outbox();
  let tries = 0;
  const syncReceipt = async (receipt: Receipt): Promise<SyncResult> => {
    tries += 1;
    if (tries === 1) throw new OverloadedError('Too many', 10);
    return resultFor(receipt);
  };
  const onError = (): never => {
    throw new Error('the logger is down');
  };
  writeReceiptSync(database, receiptOf(1));
  await using poller = new OutboxPoller({ handle: sqliteHandle(database), target: { syncReceipt }, idleMs: 5, onError });
  poller.start();
  await until(() => tries === 2);
  assert.equal(tries, 2);
});

test('a poller can be started again', async () => {
  const database = outbox();
  const taken: string[] = [];
  const syncReceipt = async (receipt: Receipt): Promise<SyncResult> => {
    taken.push(receipt.receiptId);
    return resultFor(receipt);
  };
  await using poller = new OutboxPoller({ handle: sqliteHandle(database), target: { syncReceipt }, idleMs: 5 });
  poller.start();
  await poller.stop();
  writeReceiptSync(database, receiptOf(1));
  poller.start();
  await until(() => taken.length === 1);
  assert.deepEqual(taken, ['rec-1']);
});

test('on a connection shared with the application nothing of an open transaction is handed over', async () => {
  const database = outbox();
  const taken: string[] = [];
  const syncReceipt = async (receipt: Receipt): Promise<SyncResult> => {
    taken.push(receipt.receiptId);
    return resultFor(receipt);
  };
  await using poller = new OutboxPoller({ handle: sqliteHandle(database), target: { syncReceipt }, idleMs: 5 });
  poller.start();
  database.exec('BEGIN');
  await writeReceipt(sqliteHandle(database), receiptOf(1));
  await sleep(50);
  database.exec('ROLLBACK');
  writeReceiptSync(database, receiptOf(2));
  await until(() => taken.length > 0);
  assert.deepEqual(taken, ['rec-2']);
});

test('a row that is handed over between the two statements of a write: the new content is written, not swallowed', async () => {
  const database = outbox();
  const handle = sqliteHandle(database);
  await writeReceipt(handle, receiptOf(1));
  const racing: OutboxHandle = {
    dialect: 'sqlite',
    query: (sql, params) => {
      if (sql.startsWith('SELECT receipt ')) database.exec('DELETE FROM receipt_sync_outbox');
      return handle.query(sql, params);
    },
  };
  await writeReceipt(racing, receiptOf(1, { ticks: 9 }));
  assert.equal((await outboxStatus(handle)).waiting, 1);
});

test('a handle that does not name its columns is an error, never "the same content"', async () => {
  const database = outbox();
  writeReceiptSync(database, receiptOf(1));
  const nameless: OutboxHandle = { dialect: 'sqlite', query: async (sql) => (sql.startsWith('INSERT') ? [] : [{ 0: 'a row' }]) };
  await assert.rejects(writeReceipt(nameless, receiptOf(1, { ticks: 9 })), { code: 'INTERNAL' });
});

test('an answer for another receipt, or too few of them, removes nothing', async () => {
  const database = outbox();
  for (let n = 0; n < 3; n += 1) writeReceiptSync(database, receiptOf(n));
  const syncReceipt = async (receipt: Receipt): Promise<SyncResult> => resultFor(receipt);
  for (const wrong of [1, 3]) {
    const syncBatch = async (receipts: readonly Receipt[]): Promise<readonly { readonly result: SyncResult }[]> =>
      receipts.slice(0, wrong).map((_, n) => ({ result: resultFor(receipts[(n + 1) % receipts.length] ?? receiptOf('none')) }));
    await assert.rejects(new OutboxPoller({ handle: sqliteHandle(database), target: { syncReceipt, syncBatch } }).drain(), { code: 'UNAVAILABLE' });
  }
  assert.equal((await outboxStatus(sqliteHandle(database))).waiting, 3);
});

test('more rows set aside than are shown are still counted', async () => {
  const database = outbox();
  for (let n = 0; n < 250; n += 1) database.exec(`INSERT INTO receipt_sync_outbox (receipt_id, receipt, set_aside) VALUES ('${n}', 'x', 'why')`);
  const { waiting, setAsideCount, setAside } = await outboxStatus(sqliteHandle(database));
  assert.deepEqual([waiting, setAsideCount, setAside.length], [0, 250, 100]);
});

test('our SQL keeps to what better-sqlite3 takes: no numbered places, `all` only where rows come back', async () => {
  const database = outbox();
  const strict = {
    prepare: (sql: string) => {
      assert.doesNotMatch(sql, /\?\d/);
      assert.match(sql, /^SELECT| RETURNING /);
      return database.prepare(sql);
    },
  };
  writeReceiptSync(strict, receiptOf(1));
  writeReceiptSync(strict, receiptOf(1));
  writeReceiptSync(strict, receiptOf(2, { receiptId: 'refused' }));
  const syncReceipt = async (receipt: Receipt): Promise<SyncResult> => {
    if (receipt.receiptId === 'refused') throw new ReceiptConflictError('refused', { held: '', offered: '' });
    return resultFor(receipt);
  };
  await new OutboxPoller({ handle: sqliteHandle(strict), target: { syncReceipt } }).drain();
  assert.equal((await outboxStatus(sqliteHandle(strict))).setAsideCount, 1);
});
