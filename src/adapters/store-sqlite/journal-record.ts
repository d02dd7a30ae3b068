import { createHmac, type KeyObject } from 'node:crypto';
import { view } from '../../std/buffer.ts';
import { equalBytes, sha256, toHex } from '../../std/bytes.ts';

/** Records begin at pages of their own: a write that a power cut tears never touches one that was acknowledged. */
export const PAGE_BYTES = 4_096;
const MAGIC = { commit: 'RSjc', start: 'RSjs' } as const;
/** Magic, length of the body, store id, commit number, chain before. */
const HEAD_BYTES = 4 + 4 + 16 + 8 + 32;
const CHAIN_BYTES = 32;
/** Of a store that has no commit yet. */
export const NO_CHAIN: Uint8Array = new Uint8Array(CHAIN_BYTES);

/** A commit, and the MAC over it and all before it: two histories never share one. */
export interface ChainedCommit {
  readonly number: number;
  readonly chain: Uint8Array;
}

/** 32 bytes; a KeyObject costs a third of them. */
export type MacKey = Uint8Array | KeyObject;

/** One record of a journal. A `start` says where the store stood; a `commit` holds what was committed. */
export interface JournalRecord extends ChainedCommit {
  readonly kind: 'start' | 'commit';
  /** 32 hex digits. */
  readonly storeId: string;
  readonly previous: Uint8Array;
  readonly body: Uint8Array;
  /** Where it begins in the file. */
  readonly at: number;
}

/** A record as it is written, whole pages. */
export interface RecordBytes {
  readonly bytes: Uint8Array;
  readonly chain: Uint8Array;
}

/**
 * `magic | u32 length | store id[16] | u64 number | chain before[32] | body | HMAC-SHA-256 of all that[32]`; the MAC is the chain of a
 * commit. Keyed, because bodies hold what strangers wrote: where an old record is overwritten in part, its rest must not pass for one.
 */
export function encodeRecord(key: MacKey, record: Omit<JournalRecord, 'at' | 'chain'>): RecordBytes {
  const { kind, storeId, number, previous, body } = record;
  const end = HEAD_BYTES + body.length;
  const bytes = Buffer.alloc(Math.ceil((end + CHAIN_BYTES) / PAGE_BYTES) * PAGE_BYTES);
  bytes.write(MAGIC[kind], 0, 'latin1');
  bytes.writeUInt32BE(body.length, 4);
  bytes.write(storeId, 8, 'hex');
  bytes.writeBigUInt64BE(BigInt(number), 24);
  bytes.set(previous, 32);
  bytes.set(body, HEAD_BYTES);
  const mac = macOf(key, bytes.subarray(0, end));
  bytes.set(mac, end);
  return { bytes, chain: kind === 'start' ? previous : mac };
}

function macOf(key: MacKey, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}

/** Every whole record of a piece of a journal that begins at `at`, in the order they lie there; what is torn or overwritten in part is none. */
export function recordsOf(key: Uint8Array, piece: Uint8Array, at = 0): readonly JournalRecord[] {
  const whole = view(piece);
  const records: JournalRecord[] = [];
  for (let from = 0; from + HEAD_BYTES + CHAIN_BYTES <= whole.length; from += PAGE_BYTES) {
    const magic = whole.toString('latin1', from, from + 4);
    const kind = magic === MAGIC.commit ? 'commit' : magic === MAGIC.start ? 'start' : undefined;
    const end = from + HEAD_BYTES + whole.readUInt32BE(from + 4);
    if (kind === undefined || end + CHAIN_BYTES > whole.length) continue;
    const mac = macOf(key, whole.subarray(from, end));
    if (!equalBytes(mac, whole.subarray(end, end + CHAIN_BYTES))) continue;
    const previous = Uint8Array.from(whole.subarray(from + 32, from + 64));
    const storeId = toHex(whole.subarray(from + 8, from + 24));
    const number = Number(whole.readBigUInt64BE(from + 24));
    const body = Uint8Array.from(whole.subarray(from + HEAD_BYTES, end));
    records.push({ kind, storeId, number, previous, body, chain: kind === 'start' ? previous : mac, at: at + from });
    from = Math.floor((end + CHAIN_BYTES - 1) / PAGE_BYTES) * PAGE_BYTES;
  }
  return records;
}

/** What a store is to make of a journal that was found. */
export type Standing =
  /** These commits, in order, are what it has not got: none in most cases. */
  | { readonly kind: 'behind'; readonly missing: readonly JournalRecord[]; readonly newest: number | undefined }
  /** It remembers less than was signed, or something else (SPEC §2.1). */
  | { readonly kind: 'forgot'; readonly why: string };

/** Compares a store with its journal. `name`: what an operator is shown of it. */
export function standingOf(found: readonly JournalRecord[], store: ChainedCommit & { readonly name: string }): Standing {
  const { number, chain, name } = store;
  const records = found.toSorted((a, b) => a.number - b.number);
  const last = records.at(-1);
  if (last === undefined) return { kind: 'forgot', why: `${name} is damaged` };
  const here = records.find((record) => record.number === number);
  if (here !== undefined && !equalBytes(here.chain, chain))
    return { kind: 'forgot', why: `${name} and this store have different histories at commit ${number}` };
  const missing = records.filter((record) => record.number > number);
  const isWhole = missing.every((record, n) => record.kind === 'commit' && record.number === number + 1 + n && follows(record, missing[n - 1]?.chain ?? chain));
  if (!isWhole) return { kind: 'forgot', why: `${name} knows of commit ${last.number}, this store ends with ${number}: it is an older copy` };
  return { kind: 'behind', missing, newest: last.at };
}

function follows(record: JournalRecord, chain: Uint8Array): boolean {
  return equalBytes(record.previous, chain);
}

/** Whose journal this claims to be, for a message: its key alone can tell. */
export function claimedStore(file: Uint8Array): string | undefined {
  const whole = view(file);
  const isRecord = whole.length >= HEAD_BYTES && [MAGIC.commit, MAGIC.start].some((magic) => whole.toString('latin1', 0, 4) === magic);
  return isRecord ? toHex(whole.subarray(8, 24)) : undefined;
}

/** The lock file of stores before there was a journal: two sectors, written by turns, each with the number of a commit. */
export function oldLockOf(file: Uint8Array): { readonly storeId: string; readonly number: number } | undefined {
  const whole = view(file);
  const records = [0, 512].flatMap((at) => {
    const slot = whole.subarray(at, at + 56);
    if (slot.length < 56 || slot.toString('latin1', 0, 8) !== 'RSlock1\n') return [];
    if (!equalBytes(sha256(slot.subarray(0, 48)).subarray(0, 8), slot.subarray(48, 56))) return [];
    return [{ storeId: slot.toString('latin1', 8, 40), number: Number(slot.readBigUInt64BE(40)) }];
  });
  return records.sort((a, b) => b.number - a.number)[0];
}
