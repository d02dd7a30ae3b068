import { createSecretKey, type KeyObject } from 'node:crypto';
import { closeSync, constants, fdatasyncSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { assert } from '../../std/assert.ts';
import { type ChainedCommit, encodeRecord, type JournalRecord, PAGE_BYTES, type RecordBytes, recordsOf } from './journal-record.ts';

/** Two halves, written by turns: one is not touched while the other may be needed. A turn's changes, some 5 MiB at the most, fit one. */
const HALF_BYTES: number = 8 * 1024 * 1024;
/** The file grows in such steps: a write within what was written before needs no new metadata, and its fdatasync half the time. */
const STEP_BYTES: number = 256 * 1024;

/**
 * What makes a commit durable: its changes, written here and fsynced before SQLite's own commit, which needs no fsync then
 * (docs/decisions/0011). Where a region signs, the file lies beside the data directory and is the `lock` of SPEC §2.1 too: a store
 * that is behind it is brought up from it, and one that can't be has forgotten what this region signed.
 */
export class Journal {
  readonly #fd: number;
  readonly #storeId: string;
  readonly #key: KeyObject;
  #half: 0 | 1;
  /** Where the next record goes, from the start of its half. */
  #at = 0;
  #fileBytes: number;
  #chain: Uint8Array;

  private constructor(fd: number, begun: { readonly storeId: string; readonly key: Uint8Array; readonly half: 0 | 1; readonly chain: Uint8Array }) {
    this.#fd = fd;
    this.#storeId = begun.storeId;
    this.#key = createSecretKey(begun.key);
    this.#half = begun.half;
    this.#chain = begun.chain;
    this.#fileBytes = fstatSync(fd).size;
  }

  /** Goes on after commit `number`, all of which is safe in the database. `newest`: where the last record lies, which is left as it is. */
  static open(path: string, from: ChainedCommit & { readonly storeId: string; readonly key: Uint8Array; readonly newest: number | undefined }): Journal {
    const { storeId, key, number, chain, newest } = from;
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    const journal = new Journal(fd, { storeId, key, chain, half: newest !== undefined && newest < HALF_BYTES ? 1 : 0 });
    journal.write(encodeRecord(key, { kind: 'start', storeId, number, previous: chain, body: new Uint8Array() }));
    journal.advance();
    fsyncSync(fd);
    syncDirectory(dirname(path));
    return journal;
  }

  /** Every whole record of a journal, or of what lies in its place; `undefined` where nothing does. One half in memory at a time. */
  static read(path: string, key: Uint8Array): readonly JournalRecord[] | undefined {
    const fd = openIfThere(path);
    if (fd === undefined) return undefined;
    try {
      return [0, HALF_BYTES].flatMap((at) => {
        const piece = Buffer.alloc(Math.min(HALF_BYTES, Math.max(0, fstatSync(fd).size - at)));
        return recordsOf(key, piece.subarray(0, readSync(fd, piece, 0, piece.length, at)), at);
      });
    } finally {
      closeSync(fd);
    }
  }

  /** The next commit's record. */
  record(number: number, body: Uint8Array): RecordBytes {
    return encodeRecord(this.#key, { kind: 'commit', storeId: this.#storeId, number, previous: this.#chain, body });
  }

  /** Is there room for it in this half? If not, all that was committed must be safe in the database before `turn`. */
  hasRoom({ bytes }: RecordBytes): boolean {
    assert(bytes.length <= HALF_BYTES, 'a turn fits one half of the journal');
    return this.#at + bytes.length <= HALF_BYTES;
  }

  /** Goes on at the start of the other half. */
  turn(): void {
    this.#half = this.#half === 0 ? 1 : 0;
    this.#at = 0;
  }

  #pending: RecordBytes | undefined;

  /** Durable when it returns; throws what the disk throws. Nothing counts before `advance`. */
  write(record: RecordBytes): void {
    const at = this.#half * HALF_BYTES + this.#at;
    // A disk that is too full to grow on has nothing of the record, and may have no room for taking it back either.
    this.#growTo(at + record.bytes.length);
    this.#pending = record;
    writeWhole(this.#fd, record.bytes, at);
    fdatasyncSync(this.#fd);
  }

  /** The record that was written stands. */
  advance(): void {
    assert(this.#pending !== undefined, 'a record was written');
    this.#at += this.#pending.bytes.length;
    this.#chain = this.#pending.chain;
    this.#pending = undefined;
  }

  /** What was written is not to be: durable when it returns. Without a record that waits it does nothing. */
  withdraw(): void {
    if (this.#pending === undefined) return;
    writeWhole(this.#fd, new Uint8Array(PAGE_BYTES), this.#half * HALF_BYTES + this.#at);
    fdatasyncSync(this.#fd);
    this.#pending = undefined;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #growTo(end: number): void {
    if (end <= this.#fileBytes) return;
    // The second half begins where it begins, whatever of the first was ever written.
    const from = Math.max(this.#fileBytes, this.#half * HALF_BYTES);
    const to = Math.ceil(end / STEP_BYTES) * STEP_BYTES;
    writeWhole(this.#fd, new Uint8Array(to - from), from);
    this.#fileBytes = to;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function writeWhole(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
