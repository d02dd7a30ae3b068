import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { deserialize, serialize } from 'node:v8';
import { StoreFailedError } from '../../errors.ts';
import { ALARMS_KEPT, type AlarmRecord } from '../../log/alarm.ts';
import { TEXTS_KEPT } from '../../log/changes.ts';
import { recordedAt } from '../../log/entry.ts';
import { groupItems } from '../../log/group.ts';
import { type Changes, type LogNumber, type NewGroup, NO_CHANGES, type Recovered } from '../../ports/log-store.ts';
import { receiptIdOf } from '../../receipt/canonical.ts';
import { assert } from '../../std/assert.ts';
import { parkedReceipts, remoteCosigned, remoteOffsets } from './claims.ts';
import { type ChainedCommit, NO_CHAIN } from './journal-record.ts';
import { openDirectory, type StoreIdentity } from './open.ts';
import { RareRows } from './rare-rows.ts';
import { bytesOf } from './reader.ts';
import { recoverAlarms, recoverLogs } from './recovery.ts';
import { resultCode, SQLITE_FULL } from './result-codes.ts';
import { COMMIT_NUMBER } from './schema.ts';
import { type StartedStore, startJournal } from './start-journal.ts';

/** A probe writes this much, durably, and takes it back: enough that a full disk can't miss it. */
const PROBE_BYTES = 256 * 1024;
/** WAL pages after which its content is moved into the database: about 4 MiB, a few ms at a time. */
const CHECKPOINT_PAGES = 1_000;

/** The store's writing half, in the worker: synchronous, one caller. Reads are in `reader.ts`. */
export class Engine {
  readonly database: DatabaseSync;
  readonly rare: RareRows;
  readonly #lock: DatabaseSync;
  readonly #started: StartedStore;
  readonly #statements: ReturnType<typeof prepare>;
  #sizes: Map<LogNumber, number>;
  #nextSeq: number;
  #last: ChainedCommit;
  #pagesSinceCheckpoint = 0;
  #slots = new Map<LogNumber, number>();
  /** Why nothing is written any more. */
  #poison: StoreFailedError | undefined;

  constructor(identity: StoreIdentity) {
    const { database, lock } = openDirectory(identity);
    this.database = database;
    this.#lock = lock;
    this.#statements = prepare(database);
    this.rare = new RareRows(database);
    this.#nextSeq = Number(database.prepare('SELECT coalesce(max(seq), 0) + 1 AS seq FROM entry_group').get()?.['seq']);
    this.#last = lastCommit(database);
    this.#sizes = sizesOf(database);
    this.#started = startJournal(database, {
      ...identity,
      last: () => this.#last,
      replay: ({ number, chain, body }) => this.#transact(() => this.#apply({ ...NO_CHANGES, ...deserialize(body) }, { number, chain })),
      makeDurable: () => this.#checkpoint('TRUNCATE'),
    });
  }

  recover(): Recovered {
    const { database } = this;
    const { storeId, starts, forgot } = this.#started;
    return {
      storeId,
      starts,
      forgot,
      logs: recoverLogs(database),
      offsets: remoteOffsets(database),
      parked: parkedReceipts(database),
      cosigned: remoteCosigned(database),
      alarms: recoverAlarms(database),
    };
  }

  /** Throws if no write is taken any more. */
  checkWritable(): void {
    if (this.#poison !== undefined) throw this.#poison;
  }

  /** One transaction; returns once it is durable. `serialized`: the changes, as the journal keeps them. */
  commit(changes: Changes, serialized: Uint8Array = serialize(changes)): void {
    this.checkWritable();
    const { journal } = this.#started;
    if (journal === undefined) throw new StoreFailedError('This store takes no writes: it has forgotten what was signed', { untilRestart: true });
    const record = journal.record(this.#last.number + 1, serialized);
    if (!journal.hasRoom(record)) {
      this.#checkpoint('PASSIVE');
      journal.turn();
    }
    this.#transact(() => {
      this.#apply(changes, { number: this.#last.number + 1, chain: record.chain });
      // Durable here, and not before: SQLite's own commit waits for no disk (docs/decisions/0011).
      journal.write(record);
    });
    journal.advance();
  }

  /** Proves that a write can be made durable now. */
  probe(): void {
    this.#transact(() => this.#statements.probe.run(PROBE_BYTES));
    this.#transact(() => this.#statements.unprobe.run());
    this.#checkpoint('PASSIVE');
  }

  /** Moves the WAL into the database now and then. After the commit has been answered: the WAL alone keeps what it holds. */
  checkpointIfDue(): void {
    if (this.#pagesSinceCheckpoint < CHECKPOINT_PAGES || this.#poison !== undefined) return;
    this.#pagesSinceCheckpoint = 0;
    this.#tryCheckpoint('PASSIVE');
  }

  close(): void {
    if (this.#poison === undefined) this.#tryCheckpoint('TRUNCATE');
    this.database.close();
    this.#started.journal?.close();
    this.#lock.close();
  }

  /** Everything of a turn, within its transaction. */
  #apply(changes: Changes, commit: ChainedCommit): void {
    for (const { log, origin } of changes.mirrored) this.#statements.mirrored.run(log, origin);
    for (const group of changes.groups) this.#append(group);
    this.#keepEvidence(changes);
    this.#statements.commitNumber.run(commit.number, commit.chain);
    for (const { region, offset } of changes.offsets) this.#statements.offset.run(region, offset);
    for (const { region, index, status, code, message, atMs } of changes.parked) this.#statements.park.run(region, index, status, code, message, atMs);
    this.#last = commit;
  }

  /** Trees, and what was signed, refused and certified. */
  #keepEvidence(changes: Changes): void {
    const { tile, root, text, refusal, joined, note, kept, cosigned } = this.#statements;
    for (const { log, root: hash, tiles } of changes.trees) {
      root.run(hash, log);
      for (const { level, index, hashes } of tiles) {
        tile.run(log, level, index, hashes);
        this.#pagesSinceCheckpoint += 3;
      }
    }
    // A size comes again only with another text, and then soon: 64 places by turns keep the newest 64.
    for (const { log, size, hash, atS, note: signed } of changes.texts) text.run(log, this.#nextSlot(log), size, hash, atS, signed);
    for (const { log, region, first, last } of changes.refusals) refusal.run(log, region, first, last);
    for (const { region, first, last } of changes.joined) joined.run(region, first, last);
    for (const { log, size, note: signed } of changes.notes) note.run(log, size, signed);
    for (const { log, slot, size, note: signed } of changes.kept) kept.run(log, slot, size, signed);
    for (const { region, size, note: signed } of changes.cosigned) cosigned.run(region, size, signed);
    for (const reason of changes.forgot) this.#statements.forgot.run(reason);
    for (const alarm of changes.alarms) this.#keepAlarm(alarm);
  }

  #keepAlarm({ id, alarm, region, subject, message, notes, evidence, raisedAtMs, acknowledged }: AlarmRecord): void {
    const word = [acknowledged?.atMs ?? null, acknowledged?.reason ?? null] as const;
    this.#statements.alarm.run(id, alarm, region, subject, message, JSON.stringify(notes), evidence ?? null, raisedAtMs, ...word);
    this.#statements.forgetAlarms.run(ALARMS_KEPT);
  }

  #nextSlot(log: LogNumber): number {
    const slot = this.#slots.get(log) ?? nextFreeSlot(this.database, log);
    this.#slots.set(log, slot + 1);
    return slot % TEXTS_KEPT;
  }

  #append(group: NewGroup): void {
    const { log, start, count, frame, digests } = group;
    assert(start === (this.#sizes.get(log) ?? 0), 'a group starts at the size of its log');
    assert(digests.length === 32 * count, 'one digest an entry');
    const refused = new Set(group.refused);
    const again = new Set(group.again);
    const isRare = refused.size + again.size > 0;
    const { receipt: index } = this.#statements;
    let n = 0;
    let others = 0;
    let last = 0n;
    for (const { entry, canonical } of groupItems(frame)) {
      last = recordedAt(entry);
      const digest = digests.subarray(32 * n, 32 * n + 32);
      if (canonical.length === 0) others += 1;
      else if (!isRare) index.run(receiptIdOf(canonical), log, start + n, digest);
      else if (refused.has(n)) this.rare.addRefused(receiptIdOf(canonical), log, { index: start + n, digest });
      else if (again.has(n)) this.rare.addPlace(receiptIdOf(canonical), { log, index: start + n });
      else index.run(receiptIdOf(canonical), log, start + n, digest);
      n += 1;
    }
    assert(n === count, 'a group has as many items as it says');
    this.#statements.group.run(this.#nextSeq, log, start, count, frame);
    this.#statements.log.run(log, start + count, String(last), others);
    this.#nextSeq += 1;
    this.#sizes.set(log, start + count);
    this.#pagesSinceCheckpoint += Math.ceil(frame.length / 4_096) + 4;
  }

  /**
   * BEGIN … COMMIT with our reading of what a failure means. A full disk is seen before anything counts, so the transaction is rolled
   * back, its record in the journal withdrawn, and a later one may succeed. After anything else, a failed fsync above all, nobody
   * knows what is on the disk: no write before the next start (DESIGN law 1), where the failed commit may turn up.
   */
  #transact(write: () => void): void {
    this.checkWritable();
    const before = { seq: this.#nextSeq, last: this.#last, sizes: new Map(this.#sizes), slots: new Map(this.#slots) };
    try {
      this.database.exec('BEGIN IMMEDIATE');
      write();
      this.database.exec('COMMIT');
    } catch (error) {
      this.#nextSeq = before.seq;
      this.#last = before.last;
      this.#sizes = before.sizes;
      this.#slots = before.slots;
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): StoreFailedError {
    if (isFull(error) && this.#rollBack()) return new StoreFailedError('The disk is full: nothing was stored', { cause: error, untilRestart: false });
    this.#poison = new StoreFailedError(`The store failed, no write is taken before a restart: ${String(error)}`, { cause: error, untilRestart: true });
    this.#rollBack();
    return this.#poison;
  }

  #rollBack(): boolean {
    try {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      this.#started?.journal?.withdraw();
      return true;
    } catch {
      // The transaction can't even be undone: the caller takes the store out of service.
      return false;
    }
  }

  /** Everything that was committed is in the database, fsynced, when it returns. */
  #checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    try {
      const done = this.database.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
      assert(done?.['busy'] === 0 && done['log'] === done['checkpointed'], 'nobody else reads: a checkpoint is whole');
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** A full disk keeps the WAL as it is: nothing is lost by it. Any other failure is seen by the next write. */
  #tryCheckpoint(mode: 'PASSIVE' | 'TRUNCATE'): void {
    try {
      this.#checkpoint(mode);
    } catch (error) {
      if (!(error instanceof StoreFailedError)) throw error;
    }
  }
}

/** SQLite's word for it, or the kernel's about the journal. An fsync that says so is a failed fsync all the same. */
function isFull(error: unknown): boolean {
  if ((resultCode(error) & 0xff) === SQLITE_FULL) return true;
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC' && 'syscall' in error && error.syscall === 'write';
}

function lastCommit(database: DatabaseSync): ChainedCommit {
  const row = database.prepare('SELECT size, root FROM log WHERE log = ?').get(COMMIT_NUMBER);
  return { number: Number(row?.['size']), chain: row?.['root'] instanceof Uint8Array ? bytesOf(row['root']) : NO_CHAIN };
}

function sizesOf(database: DatabaseSync): Map<LogNumber, number> {
  const rows = database.prepare('SELECT log, size FROM log WHERE log <> ?').all(COMMIT_NUMBER);
  return new Map(rows.map((row) => [Number(row['log']), Number(row['size'])]));
}

/** After the newest text: the place of the oldest, or one that was never used. */
function nextFreeSlot(database: DatabaseSync, log: LogNumber): number {
  const newest = database.prepare('SELECT slot FROM cosigned_text WHERE log = ? ORDER BY size DESC, at_s DESC, slot DESC LIMIT 1').get(log);
  return newest === undefined ? 0 : Number(newest['slot']) + 1;
}

type StatementName =
  | 'group'
  | 'receipt'
  | 'log'
  | 'mirrored'
  | 'root'
  | 'tile'
  | 'text'
  | 'refusal'
  | 'joined'
  | 'note'
  | 'kept'
  | 'cosigned'
  | 'forgot'
  | 'alarm'
  | 'forgetAlarms'
  | 'commitNumber'
  | 'offset'
  | 'park'
  | 'probe'
  | 'unprobe';

function prepare(database: DatabaseSync): Readonly<Record<StatementName, StatementSync>> {
  return {
    group: database.prepare('INSERT INTO entry_group (seq, log, start, count, frame) VALUES (?, ?, ?, ?, ?)'),
    receipt: database.prepare('INSERT INTO receipt (id, log, idx, digest) VALUES (?, ?, ?, ?)'),
    log: database.prepare(
      `INSERT INTO log (log, size, last_recorded_at, others) VALUES (?, ?, ?, ?) ON CONFLICT (log)
        DO UPDATE SET size = excluded.size, last_recorded_at = excluded.last_recorded_at, others = others + excluded.others`,
    ),
    mirrored: database.prepare("INSERT INTO log (log, size, last_recorded_at, origin) VALUES (?, 0, '0', ?)"),
    root: database.prepare('UPDATE log SET root = ? WHERE log = ?'),
    tile: database.prepare('INSERT INTO tile (log, level, idx, hashes) VALUES (?, ?, ?, ?)'),
    text: database.prepare('INSERT OR REPLACE INTO cosigned_text (log, slot, size, hash, at_s, note) VALUES (?, ?, ?, ?, ?, ?)'),
    refusal: database.prepare('INSERT INTO refusal VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)'),
    joined: database.prepare('INSERT INTO joined_range VALUES (?, ?, ?)'),
    note: database.prepare(
      'INSERT INTO certified VALUES (?, ?, ?) ON CONFLICT (log) DO UPDATE SET size = excluded.size, note = excluded.note WHERE excluded.size >= size',
    ),
    kept: database.prepare('INSERT OR REPLACE INTO kept_text VALUES (?, ?, ?, ?)'),
    cosigned: database.prepare('INSERT OR REPLACE INTO remote_cosigned VALUES (?, ?, ?)'),
    forgot: database.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('forgot', ?)"),
    alarm: database.prepare('INSERT OR REPLACE INTO alarm VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    forgetAlarms: database.prepare('DELETE FROM alarm WHERE acknowledged_at_ms IS NOT NULL AND id <= (SELECT max(id) FROM alarm) - ?'),
    commitNumber: database.prepare(`UPDATE log SET size = ?, root = ? WHERE log = ${COMMIT_NUMBER}`),
    offset: database.prepare('INSERT INTO remote_offset VALUES (?, ?) ON CONFLICT (region) DO UPDATE SET idx = excluded.idx'),
    park: database.prepare('INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    probe: database.prepare('INSERT INTO probe VALUES (zeroblob(?))'),
    unprobe: database.prepare('DELETE FROM probe'),
  };
}
