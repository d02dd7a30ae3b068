import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { StoreFailedError } from '../../errors.ts';
import { recordedAt } from '../../log/entry.ts';
import { groupItems } from '../../log/group.ts';
import type { Changes, LogNumber, NewGroup, ParkedReceipt, Recovered } from '../../ports/log-store.ts';
import { receiptIdOf } from '../../receipt/canonical.ts';
import { assert } from '../../std/assert.ts';
import { openDirectory, type StoreIdentity } from './open.ts';
import { resultCode, SQLITE_FULL } from './result-codes.ts';

/** A probe writes this much, durably, and takes it back: enough that a full disk can't miss it. */
const PROBE_BYTES = 256 * 1024;
/** WAL pages after which its content is moved into the database: about 4 MiB, a few ms at a time. */
const CHECKPOINT_PAGES = 1_000;

/** The store's writing half, in the worker: synchronous, one caller. Reads are in `reader.ts`. */
export class Engine {
  readonly database: DatabaseSync;
  readonly #lock: DatabaseSync;
  readonly #statements: ReturnType<typeof prepare>;
  #sizes = new Map<LogNumber, number>();
  #nextSeq: number;
  #pagesSinceCheckpoint = 0;
  /** Why nothing is written any more. */
  #poison: StoreFailedError | undefined;

  constructor(identity: StoreIdentity) {
    const { database, lock } = openDirectory(identity);
    this.database = database;
    this.#lock = lock;
    this.#statements = prepare(database);
    this.#nextSeq = Number(database.prepare('SELECT coalesce(max(seq), 0) + 1 AS seq FROM entry_group').get()?.['seq']);
  }

  recover(): Recovered {
    const { database } = this;
    const logs = database.prepare('SELECT log, size, last_recorded_at FROM log').all();
    const ends = new Map(
      database
        .prepare('SELECT log, max(start + count) AS size FROM entry_group GROUP BY log')
        .all()
        .map((row) => [Number(row['log']), Number(row['size'])]),
    );
    for (const row of logs) {
      const log = Number(row['log']);
      if (ends.get(log) !== Number(row['size']))
        throw new StoreFailedError(`Log ${log} has ${row['size']} entries by its size and ${ends.get(log)} by its groups`, { untilRestart: true });
      this.#sizes.set(log, Number(row['size']));
    }
    return {
      storeId: String(database.prepare("SELECT value FROM meta WHERE key = 'store_id'").get()?.['value']),
      sizes: new Map(this.#sizes),
      lastRecordedAt: new Map(logs.map((row) => [Number(row['log']), BigInt(String(row['last_recorded_at']))])),
      offsets: database
        .prepare('SELECT region, idx FROM remote_offset')
        .all()
        .map((row) => ({ region: String(row['region']), offset: Number(row['idx']) })),
      parked: database.prepare('SELECT region, idx, status, code, message, at_ms FROM parked').all().map(parkedOf),
    };
  }

  /** Throws if no write is taken any more. */
  checkWritable(): void {
    if (this.#poison !== undefined) throw this.#poison;
  }

  /** One transaction; returns once its fsync has. */
  commit(changes: Changes): void {
    const sizes = new Map(this.#sizes);
    this.#transact(() => {
      for (const group of changes.groups) this.#append(group, sizes);
      for (const { region, offset } of changes.offsets) this.#statements.offset.run(region, offset);
      for (const { region, index, status, code, message, atMs } of changes.parked) this.#statements.park.run(region, index, status, code, message, atMs);
    });
    this.#sizes = sizes;
  }

  /** Proves that a write can be made durable now. */
  probe(): void {
    this.#transact(() => this.#statements.probe.run(PROBE_BYTES));
    this.#transact(() => this.#statements.unprobe.run());
  }

  /** Moves the WAL into the database now and then. After the commit has been answered: the WAL alone keeps what it holds. */
  checkpointIfDue(): void {
    if (this.#pagesSinceCheckpoint < CHECKPOINT_PAGES || this.#poison !== undefined) return;
    this.#pagesSinceCheckpoint = 0;
    this.#checkpoint('PASSIVE');
  }

  close(): void {
    if (this.#poison === undefined) this.#checkpoint('TRUNCATE');
    this.database.close();
    this.#lock.close();
  }

  #append(group: NewGroup, sizes: Map<LogNumber, number>): void {
    const { log, start, count, frame, digests } = group;
    assert(start === (sizes.get(log) ?? 0), 'a group starts at the size of its log');
    assert(digests.length === 32 * count, 'one digest an entry');
    let n = 0;
    let last = 0n;
    for (const { entry, canonical } of groupItems(frame)) {
      last = recordedAt(entry);
      this.#statements.receipt.run(receiptIdOf(canonical), log, start + n, digests.subarray(32 * n, 32 * n + 32));
      n += 1;
    }
    assert(n === count, 'a group has as many items as it says');
    this.#statements.group.run(this.#nextSeq, log, start, count, frame);
    this.#statements.log.run(log, start + count, String(last));
    this.#nextSeq += 1;
    sizes.set(log, start + count);
    this.#pagesSinceCheckpoint += Math.ceil(frame.length / 4_096) + 4;
  }

  /**
   * BEGIN … COMMIT with our reading of what a failure means. A full disk is seen before anything is durable (the write is refused,
   * no fsync is asked for), so the transaction is rolled back and a later one may succeed. After anything else, a failed fsync above
   * all, nobody knows what is on the disk: no write before the next start (DESIGN law 1), where the failed commit may turn up.
   */
  #transact(write: () => void): void {
    this.checkWritable();
    const seq = this.#nextSeq;
    try {
      this.database.exec('BEGIN IMMEDIATE');
      write();
      this.database.exec('COMMIT');
    } catch (error) {
      this.#nextSeq = seq;
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): StoreFailedError {
    const isFull = (resultCode(error) & 0xff) === SQLITE_FULL;
    if (isFull && this.#rollBack()) return new StoreFailedError('The disk is full: nothing was stored', { cause: error, untilRestart: false });
    this.#poison = new StoreFailedError(`The store failed, no write is taken before a restart: ${String(error)}`, { cause: error, untilRestart: true });
    this.#rollBack();
    return this.#poison;
  }

  #rollBack(): boolean {
    try {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      return true;
    } catch {
      // The transaction can't even be undone: the caller takes the store out of service.
      return false;
    }
  }

  #checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    try {
      this.database.exec(`PRAGMA wal_checkpoint(${mode})`);
    } catch (error) {
      if ((resultCode(error) & 0xff) !== SQLITE_FULL) this.#failure(error);
    }
  }
}

function prepare(database: DatabaseSync): Readonly<Record<'group' | 'receipt' | 'log' | 'offset' | 'park' | 'probe' | 'unprobe', StatementSync>> {
  return {
    group: database.prepare('INSERT INTO entry_group (seq, log, start, count, frame) VALUES (?, ?, ?, ?, ?)'),
    receipt: database.prepare('INSERT INTO receipt (id, log, idx, digest) VALUES (?, ?, ?, ?)'),
    log: database.prepare(
      'INSERT INTO log VALUES (?, ?, ?) ON CONFLICT (log) DO UPDATE SET size = excluded.size, last_recorded_at = excluded.last_recorded_at',
    ),
    offset: database.prepare('INSERT INTO remote_offset VALUES (?, ?) ON CONFLICT (region) DO UPDATE SET idx = excluded.idx'),
    park: database.prepare('INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    probe: database.prepare('INSERT INTO probe VALUES (zeroblob(?))'),
    unprobe: database.prepare('DELETE FROM probe'),
  };
}

function parkedOf(row: Readonly<Record<string, unknown>>): ParkedReceipt {
  return {
    region: String(row['region']),
    index: Number(row['idx']),
    status: Number(row['status']),
    code: row['code'] === 'CONFLICT' ? 'CONFLICT' : 'REFUSED',
    message: String(row['message']),
    atMs: Number(row['at_ms']),
  };
}
