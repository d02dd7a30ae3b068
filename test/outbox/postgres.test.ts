import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { drizzleHandle, kyselyHandle, OutboxPoller, type OutboxTarget, outboxSchema, outboxStatus, pgHandle, writeReceipt } from '../../src/outbox.ts';
import { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import { receiptOf } from '../receipts.ts';
import { Regions } from '../regions.ts';
import { loadDrizzle } from './drizzle.ts';
import { type Postgres, startPostgres } from './postgres.ts';

let postgres: Postgres;
let pool: pg.Pool;

before(async () => {
  postgres = await startPostgres();
  pool = new pg.Pool({ connectionString: postgres.url, max: 10 });
  await pool.query(outboxSchema('postgres'));
  await pool.query('CREATE TABLE payment (id text PRIMARY KEY)');
});

beforeEach(async () => {
  await pool.query('TRUNCATE receipt_sync_outbox, payment');
});

after(async () => {
  await pool.end();
  await postgres[Symbol.asyncDispose]();
});

test('pg: a receipt is there if and only if the payment is', async () => {
  await using regions = await Regions.make();
  await using manager = await regions.open(new MultiRegionConfig('us-east-1'));
  const client = await pool.connect();
  for (const [n, end] of ['COMMIT', 'ROLLBACK'].entries()) {
    await client.query('BEGIN');
    await client.query('INSERT INTO payment VALUES ($1)', [`p-${n}`]);
    await writeReceipt(pgHandle(client), receiptOf(n, { receiptId: `päy'ment-${n}`, spanId: 2n ** 64n - 1n }));
    await client.query(end);
  }
  client.release();
  await using poller = new OutboxPoller({ handle: pgHandle(pool), target: manager });
  assert.equal(await poller.drain(), 1);
  assert.equal((await manager.getReceipt("päy'ment-0"))?.spanId, 2n ** 64n - 1n);
  assert.equal(await manager.getReceipt("päy'ment-1"), undefined);
});

test('a transaction that commits late has a lower number, and is handed over all the same', async () => {
  await using regions = await Regions.make();
  await using manager = await regions.open(new MultiRegionConfig('us-east-1'));
  await using poller = new OutboxPoller({ handle: pgHandle(pool), target: manager });
  const late = await pool.connect();
  await late.query('BEGIN');
  await writeReceipt(pgHandle(late), receiptOf('late'));
  await writeReceipt(pgHandle(pool), receiptOf('early'));
  assert.equal(await poller.drain(), 1);
  await late.query('COMMIT');
  late.release();
  assert.equal(await poller.drain(), 1);
  assert.equal((await manager.getReceipt('rec-late'))?.receiptId, 'rec-late');
});

test('a transaction that commits between the look and the delete keeps its row, though its number is lower', async () => {
  await using regions = await Regions.make();
  await using manager = await regions.open(new MultiRegionConfig('us-east-1'));
  const late = await pool.connect();
  await late.query('BEGIN');
  await writeReceipt(pgHandle(late), receiptOf('late'));
  await writeReceipt(pgHandle(pool), receiptOf('early'));
  const syncReceipt: OutboxTarget['syncReceipt'] = async (receipt, options) => {
    await late.query('COMMIT');
    return manager.syncReceipt(receipt, options);
  };
  assert.equal(await new OutboxPoller({ handle: pgHandle(pool), target: { syncReceipt } }).drain(), 2);
  late.release();
  assert.equal((await manager.getReceipt('rec-late'))?.receiptId, 'rec-late');
});

test('two transactions with one id: the second waits, and is the same row or a conflict', async () => {
  const first = await pool.connect();
  const second = await pool.connect();
  await first.query('BEGIN');
  await second.query('BEGIN');
  await writeReceipt(pgHandle(first), receiptOf('twice'));
  // Listened to before the commit: the refusal may come before the commit's own answer.
  const refused = assert.rejects(writeReceipt(pgHandle(second), receiptOf('twice', { ticks: 9 })), { code: 'RECEIPT_CONFLICT' });
  await first.query('COMMIT');
  await refused;
  await second.query('ROLLBACK');
  first.release();
  second.release();
  assert.equal((await outboxStatus(pgHandle(pool))).waiting, 1);
});

test('Kysely: the same in its transaction', async () => {
  const db = new Kysely<{ payment: { id: string } }>({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: postgres.url }) }) });
  await db.transaction().execute(async (trx) => {
    await trx.insertInto('payment').values({ id: 'k-1' }).execute();
    await writeReceipt(kyselyHandle(trx, CompiledQuery.raw, 'postgres'), receiptOf('kysely'));
  });
  const failing = db.transaction().execute(async (trx) => {
    await writeReceipt(kyselyHandle(trx, CompiledQuery.raw, 'postgres'), receiptOf('kysely-2'));
    throw new Error('rolled back');
  });
  await assert.rejects(failing, /rolled back/);
  assert.equal((await outboxStatus(kyselyHandle(db, CompiledQuery.raw, 'postgres'))).waiting, 1);
  await db.destroy();
});

test('Kysely that renames columns shows rows set aside all the same', async () => {
  await pool.query(`INSERT INTO receipt_sync_outbox (receipt_id, receipt, set_aside) VALUES ('x', 'y', 'why')`);
  const dialect = new PostgresDialect({ pool: new pg.Pool({ connectionString: postgres.url }) });
  const db = new Kysely<object>({ dialect, plugins: [new CamelCasePlugin()] });
  assert.deepEqual((await outboxStatus(kyselyHandle(db, CompiledQuery.raw, 'postgres'))).setAside, [{ receiptId: 'x', reason: 'why' }]);
  await db.destroy();
});

test('Drizzle: the same in its transaction, and parameters stay parameters', async () => {
  const { drizzle, sql } = await loadDrizzle();
  const db = drizzle(pool);
  await db.transaction(async (tx) => {
    await tx.execute(sql`INSERT INTO payment VALUES ('d-1')`);
    await writeReceipt(drizzleHandle(tx, sql), receiptOf('drizzle', { receiptId: "d'); DROP TABLE payment; --" }));
  });
  const status = await outboxStatus(drizzleHandle(db, sql));
  assert.equal(status.waiting, 1);
  assert.match(status.oldest ?? '', /^\d{4}-\d\d-\d\d /);
  assert.equal((await pool.query('SELECT * FROM payment')).rowCount, 1);
});

test('a connection that writes one transaction after the other finds its receipts in that order, beside nine others', async () => {
  await using regions = await Regions.make();
  await using manager = await regions.open(new MultiRegionConfig('us-east-1'));
  const poller = new OutboxPoller({ handle: pgHandle(pool), target: manager, idleMs: 1, batchMax: 50 });
  poller.start();
  const writing = Array.from({ length: 8 }, async (_, connection) => {
    const client = await pool.connect();
    for (let n = 0; n < 100; n += 1) {
      await client.query('BEGIN');
      await writeReceipt(pgHandle(client), receiptOf(0, { receiptId: `${connection}/${n}` }));
      await client.query('COMMIT');
    }
    client.release();
  });
  await Promise.all(writing);
  while ((await outboxStatus(pgHandle(pool))).waiting > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await poller.stop();
  const last = new Map<string, number>();
  let count = 0;
  for await (const { receipt } of manager.receipts()) {
    const [connection = '', n = ''] = receipt.receiptId.split('/');
    assert.equal(Number(n), (last.get(connection) ?? -1) + 1, receipt.receiptId);
    last.set(connection, Number(n));
    count += 1;
  }
  assert.equal(count, 800);
});
