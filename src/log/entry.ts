import { assert } from '../std/assert.ts';
import { numbersIn, sha256, utf8Bytes } from '../std/bytes.ts';

/** Entry of kind 1: `01 | 01 | u64 recorded_at | commitment[32]` (SPEC §2). */
export const RECEIPT_ENTRY_BYTES = 42;
/** Per receipt, random, stored beside it and never in the log, so that the log can't be guessed back. */
export const SALT_BYTES = 16;

/** The first byte of every entry. */
const ENTRY_VERSION = 1;
/** Entries that stand for a receipt; what other kinds say is not needed to hash them (SPEC §2). */
export const KIND_RECEIPT = 1;
/** Entries that say that two others have one id and different contents (SPEC §4). */
export const KIND_CONFLICT = 5;
/** Version, kind and time, without which nothing is an entry. */
export const ENTRY_BYTES_MIN = 10;
/** Other kinds carry a body of at most 16 KiB. */
export const ENTRY_BYTES_MAX: number = ENTRY_BYTES_MIN + 16 * 1024;
const COMMITMENT_OFFSET = 10;
const COMMITMENT_TAG = utf8Bytes('RSc1');
/** `recorded_at` counts 1/65,536 of a millisecond, so that a log can hold that many entries per ms in strict order. */
const TICKS_PER_MS = 65_536n;

/** In the year 4199: a clock that is ahead of it stands still there, for what is left of 64 bits to be more than any log has entries (beyond seed 5129). */
const WALL_MS_MAX = 2 ** 46;

/** `SHA-256("RSc1" | salt[16] | D)`: binds the entry to the receipt's digest without showing it (SPEC §2). */
export function commitment(salt: Uint8Array, digest: Uint8Array): Uint8Array {
  assert(salt.length === SALT_BYTES && digest.length === 32, 'a salt has 16 bytes, a digest 32');
  COMMITTED.set(salt, COMMITMENT_TAG.length);
  COMMITTED.set(digest, COMMITMENT_TAG.length + SALT_BYTES);
  return sha256(COMMITTED);
}
/** Scratch of `commitment`, which is synchronous: one allocation for all calls. */
const COMMITTED = new Uint8Array(COMMITMENT_TAG.length + SALT_BYTES + 32);
COMMITTED.set(COMMITMENT_TAG);

/** Writes a kind-1 entry of 42 bytes into `target` at `offset`. */
export function writeReceiptEntry(target: Uint8Array, offset: number, entry: { readonly recordedAt: bigint; readonly commitment: Uint8Array }): void {
  target[offset] = ENTRY_VERSION;
  target[offset + 1] = KIND_RECEIPT;
  numbersIn(target).setBigUint64(offset + 2, entry.recordedAt);
  target.set(entry.commitment, offset + COMMITMENT_OFFSET);
}

/** An entry of another kind: `01 | kind | u64 recorded_at | body`, the body at most 16 KiB (SPEC §2). */
export function entryOfKind(kind: number, at: bigint, body: Uint8Array): Uint8Array {
  const entry = new Uint8Array(ENTRY_BYTES_MIN + body.length);
  entry[0] = ENTRY_VERSION;
  entry[1] = kind;
  numbersIn(entry).setBigUint64(2, at);
  entry.set(body, ENTRY_BYTES_MIN);
  return entry;
}

/** What an entry of another kind says; shares its memory. */
export function entryBody(entry: Uint8Array): Uint8Array {
  return entry.subarray(ENTRY_BYTES_MIN);
}

/** Is this an entry, of whatever kind? */
export function isEntry(entry: Uint8Array): boolean {
  if (entry[0] !== ENTRY_VERSION || entry.length < ENTRY_BYTES_MIN || entry.length > ENTRY_BYTES_MAX) return false;
  return entry[1] !== KIND_RECEIPT || entry.length === RECEIPT_ENTRY_BYTES;
}

/** Of an entry that is one. */
export function entryKind(entry: Uint8Array): number {
  return entry[1] ?? 0;
}

/** The commitment of a kind-1 entry; shares its memory. */
export function entryCommitment(entry: Uint8Array): Uint8Array {
  return entry.subarray(COMMITMENT_OFFSET, RECEIPT_ENTRY_BYTES);
}

/** The origin's claim of when it recorded the entry, in 1/65,536 ms since 1970. Every kind has it at the same place. */
export function recordedAt(entry: Uint8Array): bigint {
  return numbersIn(entry).getBigUint64(2);
}

/** The `recorded_at` that follows `last` at wall time `nowMs`: strictly increasing even where the clock is not, and wherever it once was. */
export function nextRecordedAt(last: bigint, nowMs: number): bigint {
  const now = BigInt(Math.min(Math.max(0, Math.floor(nowMs)), WALL_MS_MAX)) * TICKS_PER_MS;
  return now > last ? now : last + 1n;
}

/** The least `recorded_at` of a unix ms. */
export function recordedFrom(unixMs: number): bigint {
  return BigInt(Math.max(0, Math.ceil(unixMs))) * TICKS_PER_MS;
}

/** Unix ms of a `recorded_at`. */
export function recordedAtMs(at: bigint): number {
  return Number(at >> 16n);
}
