import { closeSync, constants, fdatasyncSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { sha256 } from '../../std/bytes.ts';

/** Two places of one sector each, written by turns: a torn write leaves the other. */
const SLOT_BYTES = 512;
const MAGIC = 'RSlock1\n';
/** Magic, store id, commit number, and the first 8 bytes of their SHA-256. */
const RECORD_BYTES = 8 + 32 + 8;

/** What the lock file says: which store has signed, and up to which of its commits. */
export interface LockRecord {
  readonly storeId: string;
  readonly commitNumber: number;
}

/**
 * The `lock` of SPEC §2.1: beside the data directory, where restoring a copy of that does not reach. It is fsynced before any
 * signature that rests on a commit, so a store that is behind it has forgotten what this region has signed.
 */
export class LockFile {
  readonly #fd: number;
  readonly #storeId: string;
  #next = 0;

  private constructor(fd: number, storeId: string) {
    this.#fd = fd;
    this.#storeId = storeId;
  }

  /** Where the lock of a data directory lies. */
  static pathOf(dataDir: string): string {
    return `${dataDir.replace(/\/+$/, '')}.lock`;
  }

  /** What is written there, or `undefined` if nothing is. A file that holds no whole record is one that says nothing good: `'damaged'`. */
  static read(path: string): LockRecord | 'damaged' | undefined {
    const bytes = Buffer.alloc(2 * SLOT_BYTES);
    try {
      const fd = openSync(path, 'r');
      readSync(fd, bytes, 0, bytes.length, 0);
      closeSync(fd);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
    const records = [0, SLOT_BYTES].map((at) => recordOf(bytes.subarray(at, at + SLOT_BYTES))).filter((record) => record !== undefined);
    return (
      records.reduce<LockRecord | undefined>((best, record) => (best === undefined || record.commitNumber > best.commitNumber ? record : best), undefined) ??
      'damaged'
    );
  }

  /** Opens it to be written, made and durable by its name if it was not there. */
  static open(path: string, storeId: string): LockFile {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    if (fstatSync(fd).size < 2 * SLOT_BYTES) {
      writeSync(fd, Buffer.alloc(2 * SLOT_BYTES), 0, 2 * SLOT_BYTES, 0);
      fsyncSync(fd);
      const directory = openSync(dirname(path), 'r');
      fsyncSync(directory);
      closeSync(directory);
    }
    return new LockFile(fd, storeId);
  }

  /** Durable when it returns; throws what the disk throws. */
  write(commitNumber: number): void {
    const slot = Buffer.alloc(SLOT_BYTES);
    slot.write(MAGIC, 0, 'latin1');
    slot.write(this.#storeId, 8, 'latin1');
    slot.writeBigUInt64BE(BigInt(commitNumber), 40);
    slot.set(sha256(slot.subarray(0, RECORD_BYTES)).subarray(0, 8), RECORD_BYTES);
    writeSync(this.#fd, slot, 0, SLOT_BYTES, this.#next * SLOT_BYTES);
    fdatasyncSync(this.#fd);
    this.#next = 1 - this.#next;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function recordOf(slot: Buffer): LockRecord | undefined {
  if (slot.toString('latin1', 0, 8) !== MAGIC) return undefined;
  if (!Buffer.from(sha256(slot.subarray(0, RECORD_BYTES)).subarray(0, 8)).equals(slot.subarray(RECORD_BYTES, RECORD_BYTES + 8))) return undefined;
  return { storeId: slot.toString('latin1', 8, 40), commitNumber: Number(slot.readBigUInt64BE(40)) };
}
