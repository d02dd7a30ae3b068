import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash, randomInt } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeRecord, recordsOf, standingOf } from '../../src/adapters/store-sqlite/journal-record.ts';
import { openSqliteStore } from '../../src/adapters/store-sqlite/store.ts';
import { encodeGroup } from '../../src/log/group.ts';
import { NO_CHANGES, OWN_LOG } from '../../src/ports/log-store.ts';
import { receiptOf, sealed } from '../receipts.ts';
import { changesOf, groupOf, type Store } from './contract.ts';
import { journalKey, recordsIn } from './journal-of.ts';

/** A folder for stores, and what lies beside them. */
async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-journal-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function open(dataDir: string, signs: boolean): Promise<Store> {
  return openSqliteStore({ dataDir, region: 'here', signs });
}

/** What a power cut would leave: the files of a store that is open, its journal durable, of SQLite's own log whatever was written back. */
function cut(dataDir: string, to: string, walBytes: (written: number) => number): void {
  cpSync(dataDir, to, { recursive: true });
  const wal = join(to, 'receipts.db-wal');
  truncateSync(wal, walBytes(statSync(wal).size));
  try {
    cpSync(`${dataDir}.lock`, `${to}.lock`);
  } catch {
    // A store without keys keeps its journal inside.
  }
}

async function append(store: Store, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) await store.commit(changesOf(groupOf(OWN_LOG, n, [receiptOf(n)])));
}

async function holds(store: Store, count: number): Promise<void> {
  assert.equal((await store.recover()).logs.get(OWN_LOG)?.size, count);
  for (let n = 0; n < count; n += 7) assert.deepEqual((await store.get(`rec-${n}`))?.receipt, receiptOf(n));
}

for (const signs of [true, false]) {
  const keys = signs ? 'with keys' : 'without keys';
  test(`${keys}: whatever a power cut leaves of SQLite’s log, every commit is there, and the store goes on`, (context) =>
    inFolder(async (folder) => {
      const store = await open(join(folder, 'data'), signs);
      await append(store, 0, 40);
      for (const [n, keep] of [() => 0, (size: number) => size, ...Array.from({ length: 8 }, () => (size: number) => randomInt(size))].entries()) {
        const copy = join(folder, `cut-${n}`);
        let kept = 0;
        cut(join(folder, 'data'), copy, (size) => {
          kept = keep(size);
          return kept;
        });
        const again = await open(copy, signs);
        context.diagnostic(`${kept} bytes of SQLite’s log were left`);
        assert.equal((await again.recover()).forgot, undefined);
        await holds(again, 40);
        await append(again, 40, 45);
        await again.close();
      }
      await store.close();
    }));
}

test('a copy that the journal does not reach any more has forgotten; one that it reaches is brought up', () =>
  inFolder(async (folder) => {
    const data = join(folder, 'data');
    const store = await open(data, true);
    await append(store, 0, 5);
    const kept = join(folder, 'kept');
    cut(data, kept, (size) => size);
    const older = join(folder, 'older');
    cpSync(kept, older, { recursive: true });
    await append(store, 5, 10);
    cpSync(`${data}.lock`, `${older}.lock`);
    const lock = readFileSync(`${older}.lock`);
    const brought = await open(older, true);
    assert.equal((await brought.recover()).forgot, undefined);
    await holds(brought, 10);
    await brought.close();

    // Of the five commits that a copy lacks, one is not in the journal any more.
    const short = join(folder, 'short');
    cpSync(kept, short, { recursive: true });
    const gap = recordsOf(journalKey(kept), lock).find(({ number }) => number === 8);
    assert.ok(gap !== undefined);
    lock.fill(0, gap.at, gap.at + 4);
    writeFileSync(`${short}.lock`, lock);
    const forgot = await open(short, true);
    assert.match((await forgot.recover()).forgot ?? '', /knows of commit 10, this store ends with 5: it is an older copy/);
    await assert.rejects(append(forgot, 5, 6), { code: 'STORE_FAILED' });
    await forgot.close();
    assert.deepEqual(readFileSync(`${short}.lock`), lock);
    await store.close();
  }));

test('a record that is torn, or of another history, is none to go on from', () =>
  inFolder(async (folder) => {
    const data = join(folder, 'data');
    const store = await open(data, true);
    await append(store, 0, 6);
    const { storeId } = await store.recover();
    await store.close();
    const file = readFileSync(`${data}.lock`);
    const key = journalKey(data);
    const records = recordsOf(key, file);
    assert.deepEqual(
      records.map(({ kind, number }) => [kind, number]),
      [['start', 0], ...[1, 2, 3, 4, 5, 6].map((number) => ['commit', number])],
    );
    const at = (number: number) => ({
      number,
      chain: records.find((record) => record.number === number)?.chain ?? new Uint8Array(32),
      storeId,
      name: 'the lock',
    });
    const standing = (store: ReturnType<typeof at>, bytes: Uint8Array = file) => standingOf(recordsOf(key, bytes), store);
    const behind = standing(at(4));
    assert.ok(behind.kind === 'behind');
    assert.deepEqual(
      behind.missing.map(({ number }) => number),
      [5, 6],
    );
    assert.equal(standing(at(6)).kind, 'behind');
    const damaged = (number: number, by: (bytes: Buffer, from: number) => void): Buffer => {
      const bytes = Buffer.from(file);
      by(bytes, records.find((record) => record.number === number)?.at ?? 0);
      return bytes;
    };
    const flip = (bytes: Buffer, from: number): void => {
      bytes[from + 70] = (bytes[from + 70] ?? 0) ^ 1;
    };
    // The last one torn was never acknowledged; any before it was.
    assert.equal(standing(at(5), damaged(6, flip)).kind, 'behind');
    const gap = standing(at(4), damaged(5, flip));
    assert.match(gap.kind === 'forgot' ? gap.why : '', /knows of commit 6, this store ends with 4: it is an older copy/);
    const other = standing({ ...at(4), chain: new Uint8Array(32).fill(7) });
    assert.match(other.kind === 'forgot' ? other.why : '', /different histories at commit 4/);
    assert.equal(standing(at(4), Buffer.alloc(8_192, 7)).kind, 'forgot');
  }));

test('what a receipt says is never taken for a record, wherever it lies in the file', () =>
  inFolder(async (folder) => {
    const data = join(folder, 'data');
    const store = await open(data, true);
    await append(store, 0, 3);
    const { storeId } = await store.recover();
    await store.close();
    // Whoever knows the store's id can write all of a record but its key.
    const forged = encodeRecord(new Uint8Array(32), { kind: 'commit', storeId, number: 99, previous: new Uint8Array(32), body: new Uint8Array() });
    const lock = readFileSync(`${data}.lock`);
    const free = recordsIn(`${data}.lock`, data).at(-1)?.at ?? 0;
    lock.set(forged.bytes, free + 4_096);
    writeFileSync(`${data}.lock`, lock);
    const again = await open(data, true);
    assert.equal((await again.recover()).forgot, undefined);
    await again.close();
  }));

test('more than the journal holds goes through it, by turns of its halves, and a power cut at any time loses nothing', () =>
  inFolder(async (folder) => {
    const data = join(folder, 'data');
    const store = await open(data, true);
    const filler = new Uint8Array(512).fill(3);
    let size = 0;
    for (let turn = 0; turn < 24; turn += 1) {
      const entries = Array.from({ length: 1_500 }, (_, n) => sealed(receiptOf(size + n, { hash: filler })));
      const frame = encodeGroup(entries, new Uint8Array(16 * entries.length), BigInt(1 + size));
      const group = {
        log: OWN_LOG,
        start: size,
        count: entries.length,
        frame,
        digests: Buffer.concat(entries.map(({ digest }) => digest)),
        refused: [],
        again: [],
      };
      await store.commit({ ...NO_CHANGES, groups: [group] });
      size += entries.length;
      if (turn % 6 !== 5) continue;
      const copy = join(folder, `cut-${turn}`);
      cut(data, copy, (written) => randomInt(written));
      const again = await open(copy, true);
      assert.equal((await again.recover()).logs.get(OWN_LOG)?.size, size);
      assert.deepEqual((await again.get(`rec-${size - 1}`))?.receipt, receiptOf(size - 1, { hash: filler }));
      await again.close();
      rmSync(copy, { recursive: true });
    }
    assert.ok(statSync(`${data}.lock`).size <= 16 * 1024 * 1024);
    await store.close();
  }));

test('a region that gets keys goes on from the journal that it kept without them, and the reverse', () =>
  inFolder(async (folder) => {
    const data = join(folder, 'data');
    const store = await open(data, false);
    await append(store, 0, 10);
    const copy = join(folder, 'copy');
    cut(data, copy, () => 0);
    await store.close();
    const signing = await open(copy, true);
    await holds(signing, 10);
    await append(signing, 10, 20);
    const plain = join(folder, 'plain');
    cut(copy, plain, () => 0);
    await signing.close();
    const again = await open(plain, false);
    await holds(again, 20);
    await again.close();
  }));

test('the lock file of a store from before there was a journal is understood', () =>
  inFolder(async (folder) => {
    const data = join(folder, 'data');
    const store = await open(data, true);
    await append(store, 0, 3);
    const { storeId } = await store.recover();
    await store.close();
    const old = (number: number): Buffer => {
      const file = Buffer.alloc(1_024);
      const write = (at: number, commit: number): void => {
        file.write('RSlock1\n', at, 'latin1');
        file.write(storeId, at + 8, 'latin1');
        file.writeBigUInt64BE(BigInt(commit), at + 40);
        file.set(hash('sha256', file.subarray(at, at + 48), 'buffer').subarray(0, 8), at + 48);
      };
      write(0, number - 1);
      write(512, number);
      return file;
    };
    writeFileSync(`${data}.lock`, old(4));
    const forgotten = await open(data, true);
    assert.match((await forgotten.recover()).forgot ?? '', /knows of commit 4, this store ends with 3/);
    await forgotten.close();
    writeFileSync(`${data}.lock`, old(3));
    const good = await open(data, true);
    assert.equal((await good.recover()).forgot, undefined);
    await append(good, 3, 4);
    await good.close();
    const after = await open(data, true);
    await holds(after, 4);
    await after.close();
  }));

test('that a region has forgotten is known after a power cut that left it only in the journal', () =>
  inFolder(async (folder) => {
    const data = join(folder, 'data');
    const store = await open(data, true);
    await append(store, 0, 3);
    await store.commit({ ...NO_CHANGES, forgot: ['a remote holds more'] });
    const copy = join(folder, 'copy');
    cut(data, copy, () => 0);
    await store.close();
    const again = await open(copy, true);
    assert.equal((await again.recover()).forgot, 'a remote holds more');
    await assert.rejects(append(again, 3, 4), { code: 'STORE_FAILED' });
    await again.close();
  }));

test('a disk that is full just where the journal must grow: nothing is stored, and with room it goes on by itself', async (context) => {
  if (process.getuid?.() !== 0) return context.skip('mounting a tmpfs takes root');
  await inFolder(async (folder) => {
    const small = join(folder, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small]);
    const store = await open(join(small, 'data'), true);
    try {
      const lock = join(small, 'data.lock');
      let size = 0;
      // Until the next record needs the next step.
      for (; statSync(lock).size < 2 * 256 * 1024; size += 1) await append(store, size, size + 1);
      for (let n = 1; n < 64; n += 1, size += 1) await append(store, size, size + 1);
      const { bavail, bsize } = statfsSync(small);
      writeFileSync(join(small, 'filler'), Buffer.alloc(bavail * bsize));
      await assert.rejects(append(store, size, size + 1), { code: 'STORE_FAILED', untilRestart: false });
      rmSync(join(small, 'filler'));
      await append(store, size, size + 5);
      await holds(store, size + 5);
    } finally {
      await store.close();
      execFileSync('umount', [small]);
    }
  });
});
