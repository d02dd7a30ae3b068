import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openSqliteStore } from '../../src/adapters/store-sqlite/store.ts';
import { frameLeaves } from '../../src/log/growth.ts';
import { NO_CHANGES, OWN_LOG, RECEIVED_LOG, type Recovered } from '../../src/ports/log-store.ts';
import { toHex } from '../../src/std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { receiptOf, sealed } from '../receipts.ts';
import { groupOf } from './contract.ts';

/** Format 1, as versions without mirrors wrote it. */
const FORMAT_1 = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE log (log INTEGER PRIMARY KEY, size INTEGER NOT NULL, last_recorded_at TEXT NOT NULL);
  CREATE TABLE entry_group (seq INTEGER PRIMARY KEY, log INTEGER NOT NULL, start INTEGER NOT NULL, count INTEGER NOT NULL, frame BLOB NOT NULL);
  CREATE UNIQUE INDEX entry_group_place ON entry_group (log, start);
  CREATE TABLE receipt (id TEXT NOT NULL, log INTEGER NOT NULL, idx INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (id, log)) WITHOUT ROWID;
  CREATE TABLE remote_offset (region TEXT PRIMARY KEY, idx INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE parked (region TEXT NOT NULL, idx INTEGER NOT NULL, status INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
    at_ms INTEGER NOT NULL, PRIMARY KEY (region, idx)) WITHOUT ROWID;
  CREATE TABLE probe (filler BLOB NOT NULL);
  PRAGMA application_id = ${0x52_53_73_71}; PRAGMA user_version = 1;
`;

test('a store of format 1 is brought up once, with a tree over all that it holds, and may be given its cluster’s name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-format-1-'));
  const database = new DatabaseSync(join(folder, 'receipts.db'));
  database.exec(FORMAT_1);
  for (const [key, value] of [
    ['store_id', 'ab'.repeat(16)],
    ['region', 'here'],
    ['cluster', ''],
  ] as const)
    database.prepare('INSERT INTO meta VALUES (?, ?)').run(key, value);
  const groups = [
    groupOf(
      OWN_LOG,
      0,
      Array.from({ length: 200 }, (_, n) => receiptOf(n)),
    ),
    groupOf(RECEIVED_LOG, 0, [receiptOf('plain')]),
    groupOf(
      OWN_LOG,
      200,
      Array.from({ length: 400 }, (_, n) => receiptOf(200 + n)),
    ),
  ];
  for (const [n, { log, start, count, frame }] of groups.entries())
    database.prepare('INSERT INTO entry_group VALUES (?, ?, ?, ?, ?)').run(n + 1, log, start, count, frame);
  database.exec(`INSERT INTO log VALUES (1, 600, '1000599'), (2, 1, '1000000')`);
  database.close();
  try {
    for (const cluster of ['d.example.com', 'd.example.com']) {
      const store = await openSqliteStore({ dataDir: folder, region: 'here', cluster });
      const { logs, storeId } = await store.recover();
      const leaves = groups.filter(({ log }) => log === OWN_LOG).map(({ frame, count }) => frameLeaves(frame, count));
      const expected = append(EMPTY_EDGE, Buffer.concat(leaves));
      assert.equal(storeId, 'ab'.repeat(16));
      assert.deepEqual([logs.get(OWN_LOG)?.size, logs.get(RECEIVED_LOG)?.size, logs.get(RECEIVED_LOG)?.edge], [600, 1, undefined]);
      assert.equal(toHex(rootOf(logs.get(OWN_LOG)?.edge ?? EMPTY_EDGE)), toHex(rootOf(expected.edge)));
      assert.equal(toHex((await store.tile(OWN_LOG, 0, 1)) ?? new Uint8Array()), toHex(expected.tiles[1]?.hashes ?? new Uint8Array()));
      assert.equal(await store.tile(OWN_LOG, 0, 2), undefined);
      await store.commit(NO_CHANGES);
      await store.close();
    }
    await assert.rejects(openSqliteStore({ dataDir: folder, region: 'here', cluster: 'other' }), { code: 'INVALID_CONFIG' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** As if it had been written before format 3. */
function backToFormat2(folder: string): void {
  const database = new DatabaseSync(join(folder, 'receipts.db'));
  for (const table of ['alarm', 'refused_entry', 'receipt_again', 'kept_text', 'joined_range']) database.exec(`DROP TABLE ${table}`);
  database.exec('ALTER TABLE log DROP COLUMN others; PRAGMA user_version = 2');
  database.close();
}

test('a store of format 2 is brought up once, with all that it holds, and keeps alarms from then on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-format-2-'));
  try {
    const store = await openSqliteStore({ dataDir: folder, region: 'here' });
    await store.commit({ ...NO_CHANGES, groups: [groupOf(RECEIVED_LOG, 0, [receiptOf(1)])] });
    await store.close();
    backToFormat2(folder);
    for (const id of [1, 2]) {
      const again = await openSqliteStore({ dataDir: folder, region: 'here' });
      const { alarms, logs } = await again.recover();
      assert.deepEqual([alarms.length, logs.get(RECEIVED_LOG)?.size], [id - 1, 1]);
      const alarm = {
        id,
        alarm: 'conflict',
        region: 'west',
        subject: '',
        message: '',
        notes: [],
        evidence: undefined,
        raisedAtMs: 0,
        acknowledged: undefined,
      } as const;
      await again.commit({ ...NO_CHANGES, alarms: [alarm] });
      await again.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a store opens where a tile has rotted, for its entries lead to its root, and not where nothing does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-rotten-'));
  try {
    const store = await openSqliteStore({ dataDir: folder, region: 'here' });
    const group = groupOf(
      OWN_LOG,
      0,
      Array.from({ length: 300 }, (_, n) => receiptOf(n)),
    );
    const grown = append(EMPTY_EDGE, frameLeaves(group.frame, 300));
    await store.commit({ ...NO_CHANGES, groups: [group], trees: [{ log: OWN_LOG, size: 300, root: rootOf(grown.edge), tiles: grown.tiles }] });
    await store.close();
    const changed = async (sql: string): Promise<Recovered> => {
      const database = new DatabaseSync(join(folder, 'receipts.db'));
      database.exec(sql);
      database.close();
      const again = await openSqliteStore({ dataDir: folder, region: 'here' });
      try {
        return await again.recover();
      } finally {
        await again.close();
      }
    };
    const { edge } = (await changed('UPDATE tile SET hashes = zeroblob(8192)')).logs.get(OWN_LOG) ?? {};
    assert.equal(toHex(rootOf(edge ?? EMPTY_EDGE)), toHex(rootOf(grown.edge)));
    await assert.rejects(changed("UPDATE log SET last_recorded_at = '7' WHERE log = 1"), /time of the last entry/);
    await changed(`UPDATE log SET last_recorded_at = '${1_000_000 + 299}' WHERE log = 1`);
    await assert.rejects(changed('UPDATE log SET root = zeroblob(32) WHERE log = 1'), /do not lead to its stored root/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a store of format 2 learns by id what it refuses', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-format-2-'));
  try {
    const first = await openSqliteStore({ dataDir: folder, region: 'here' });
    await first.commit({ ...NO_CHANGES, mirrored: [{ log: 3, origin: 'd/west/log/1' }] });
    await first.commit({ ...NO_CHANGES, groups: [groupOf(OWN_LOG, 0, [receiptOf(1)])] });
    const mirrored = { ...groupOf(3, 0, [receiptOf(2), receiptOf(1, { ticks: 9 })]), refused: [1] };
    await first.commit({ ...NO_CHANGES, groups: [mirrored], refusals: [{ log: 3, region: 'here', first: 1, last: 1 }] });
    await first.close();
    backToFormat2(folder);
    const store = await openSqliteStore({ dataDir: folder, region: 'here' });
    const stored = await store.get('rec-1');
    assert.deepEqual(
      stored?.refused.map(({ log, index, digest }) => [log, index, toHex(digest)]),
      [[3, 1, toHex(sealed(receiptOf(1, { ticks: 9 })).digest)]],
    );
    const { logs } = await store.recover();
    assert.deepEqual([logs.get(3)?.others, logs.get(3)?.kept, logs.get(OWN_LOG)?.joined], [0, [], []]);
    await store.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
