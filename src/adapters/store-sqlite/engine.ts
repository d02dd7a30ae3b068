import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { StoreFailedError } from '../../errors.ts';
import { TEXTS_KEPT } from '../../log/changes.ts';
import { recordedAt } from '../../log/entry.ts';
import { groupItems } from '../../log/group.ts';
import { type Changes, type LogNumber, type NewGroup, OWN_LOG, RECEIVED_LOG, type Recovered } from '../../ports/log-store.ts';
import { receiptIdOf } from '../../receipt/canonical.ts';
import { assert } from '../../std/assert.ts';
import type { LockFile } from './lock-file.ts';
import { openDirectory, type StoreIdentity } from './open.ts';
import { recoverCosigned, recoverLogs, recoverOffsets, recoverParked } from './recovery.ts';
import { resultCode, SQLITE_FULL } from './result-codes.ts';
import { COMMIT_NUMBER } from './schema.ts';
import { startSigning } from './start-signing.ts';

/** A probe writes this much, durably, and takes it back: enough that a full disk can't miss it. */
const PROBE_BYTES = 256 * 1024;
/** WAL pages after which its content is moved into the database: about 4 MiB, a few ms at a time. */
const CHECKPOINT_PAGES = 1_000;

/** The store's writing half, in the worker: synchronous, one caller. Reads are in `reader.ts`. */
export class Engine {
  readonly database: DatabaseSync;
  readonly #lock: DatabaseSync;
  readonly #identity: { readonly storeId: string; readonly starts: number; readonly forgot: string | undefined };
  /** Kept where this region signs and remembers all that it has signed. */
  readonly #lockFile: LockFile | undefined;
  readonly #statements: ReturnType<typeof prepare>;
  #sizes = new Map<LogNumber, number>();
  #nextSeq: number;
  #commitNumber: number;
  #pagesSinceCheckpoint = 0;
  readonly #slots = new Map<LogNumber, number>();
  /** Why nothing is written any more. */
  #poison: StoreFailedError | undefined;

  constructor(identity: StoreIdentity) {
    const { database, lock } = openDirectory(identity);
    this.database = database;
    this.#lock = lock;
    this.#statements = prepare(database);
    this.#nextSeq = Number(database.prepare('SELECT coalesce(max(seq), 0) + 1 AS seq FROM entry_group').get()?.['seq']);
    this.#commitNumber = Number(database.prepare('SELECT size FROM log WHERE log = ?').get(COMMIT_NUMBER)?.['size']);
    const started = startSigning(database, { ...identity, commitNumber: this.#commitNumber });
    this.#identity = started;
    this.#lockFile = started.lockFile;
  }

  recover(): Recovered {
    const { database } = this;
    const logs = recoverLogs(database);
    this.#sizes = new Map([...logs].map(([log, { size }]) => [log, size]));
    return {
      storeId: this.#identity.storeId,
      starts: this.#identity.starts,
      forgot: this.#identity.forgot,
      logs,
      offsets: recoverOffsets(database),
      parked: recoverParked(database),
      cosigned: recoverCosigned(database),
    };
  }

  /** Throws if no write is taken any more. */
  checkWritable(): void {
    if (this.#poison !== undefined) throw this.#poison;
  }

  /** One transaction; returns once its fsync has, and the lock file's. */
  commit(changes: Changes): void {
    const sizes = new Map(this.#sizes);
    const commitNumber = this.#commitNumber + 1;
    this.#transact(() => {
      for (const { log, origin } of changes.mirrored) this.#statements.mirrored.run(log, origin);
      for (const group of changes.groups) this.#append(group, sizes);
      this.#keepEvidence(changes);
      this.#statements.commitNumber.run(commitNumber);
      for (const { region, offset } of changes.offsets) this.#statements.offset.run(region, offset);
      for (const { region, index, status, code, message, atMs } of changes.parked) this.#statements.park.run(region, index, status, code, message, atMs);
    });
    this.#sizes = sizes;
    this.#commitNumber = commitNumber;
    this.#lockUpTo(commitNumber);
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
    this.#lockFile?.close();
    this.#lock.close();
  }

  /** Trees, and what was signed, refused and certified. */
  #keepEvidence(changes: Changes): void {
    const { tile, root, text, refusal, note, cosigned } = this.#statements;
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
    for (const { log, size, note: kept } of changes.notes) note.run(log, size, kept);
    for (const { region, size, note: kept } of changes.cosigned) cosigned.run(region, size, kept);
    for (const reason of changes.forgot) this.#statements.forgot.run(reason);
  }

  #nextSlot(log: LogNumber): number {
    const slot = this.#slots.get(log) ?? Number(this.database.prepare('SELECT count(*) AS n FROM cosigned_text WHERE log = ?').get(log)?.['n']);
    this.#slots.set(log, slot + 1);
    return slot % TEXTS_KEPT;
  }

  /** SPEC §2.1: before any signature that rests on this commit. The disk's refusal is that of the commit. */
  #lockUpTo(commitNumber: number): void {
    try {
      this.#lockFile?.write(commitNumber);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #append(group: NewGroup, sizes: Map<LogNumber, number>): void {
    const { log, start, count, frame, digests } = group;
    assert(start === (sizes.get(log) ?? 0), 'a group starts at the size of its log');
    assert(digests.length === 32 * count, 'one digest an entry');
    const refused = new Set(group.refused);
    const index = log === OWN_LOG || log === RECEIVED_LOG ? this.#statements.receipt : this.#statements.mirroredReceipt;
    let n = 0;
    let last = 0n;
    for (const { entry, canonical } of groupItems(frame)) {
      last = recordedAt(entry);
      if (canonical.length > 0 && !refused.has(n)) index.run(receiptIdOf(canonical), log, start + n, digests.subarray(32 * n, 32 * n + 32));
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

type StatementName =
  | 'group'
  | 'receipt'
  | 'mirroredReceipt'
  | 'log'
  | 'mirrored'
  | 'root'
  | 'tile'
  | 'text'
  | 'refusal'
  | 'note'
  | 'cosigned'
  | 'forgot'
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
      'INSERT INTO log (log, size, last_recorded_at) VALUES (?, ?, ?) ON CONFLICT (log) DO UPDATE SET size = excluded.size, last_recorded_at = excluded.last_recorded_at',
    ),
    // An origin may put one id into its log twice, with the same content: the first place is the receipt's.
    mirroredReceipt: database.prepare('INSERT INTO receipt (id, log, idx, digest) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    mirrored: database.prepare("INSERT INTO log (log, size, last_recorded_at, origin) VALUES (?, 0, '0', ?)"),
    root: database.prepare('UPDATE log SET root = ? WHERE log = ?'),
    tile: database.prepare('INSERT INTO tile (log, level, idx, hashes) VALUES (?, ?, ?, ?)'),
    text: database.prepare('INSERT OR REPLACE INTO cosigned_text (log, slot, size, hash, at_s, note) VALUES (?, ?, ?, ?, ?, ?)'),
    refusal: database.prepare('INSERT INTO refusal VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    note: database.prepare(
      'INSERT INTO certified VALUES (?, ?, ?) ON CONFLICT (log) DO UPDATE SET size = excluded.size, note = excluded.note WHERE excluded.size >= size',
    ),
    cosigned: database.prepare('INSERT OR REPLACE INTO remote_cosigned VALUES (?, ?, ?)'),
    forgot: database.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('forgot', ?)"),
    commitNumber: database.prepare(`UPDATE log SET size = ? WHERE log = ${COMMIT_NUMBER}`),
    offset: database.prepare('INSERT INTO remote_offset VALUES (?, ?) ON CONFLICT (region) DO UPDATE SET idx = excluded.idx'),
    park: database.prepare('INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    probe: database.prepare('INSERT INTO probe VALUES (zeroblob(?))'),
    unprobe: database.prepare('DELETE FROM probe'),
  };
}
