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

/** A commit, and the hash over it and all before it: two histories never share one. */
export interface ChainedCommit {
  readonly number: number;
  readonly chain: Uint8Array;
}

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

/** `magic | u32 length | store id[16] | u64 number | chain before[32] | body | SHA-256 of all that[32]`; that hash is the chain of a commit. */
export function encodeRecord(record: Omit<JournalRecord, 'at' | 'chain'>): RecordBytes {
  const { kind, storeId, number, previous, body } = record;
  const end = HEAD_BYTES + body.length;
  const bytes = Buffer.alloc(Math.ceil((end + CHAIN_BYTES) / PAGE_BYTES) * PAGE_BYTES);
  bytes.write(MAGIC[kind], 0, 'latin1');
  bytes.writeUInt32BE(body.length, 4);
  bytes.write(storeId, 8, 'hex');
  bytes.writeBigUInt64BE(BigInt(number), 24);
  bytes.set(previous, 32);
  bytes.set(body, HEAD_BYTES);
  const hash = sha256(bytes.subarray(0, end));
  bytes.set(hash, end);
  return { bytes, chain: kind === 'start' ? previous : hash };
}

/** Every whole record of a journal, in the order of commits; what is torn or overwritten in part is none. */
export function recordsOf(file: Uint8Array): readonly JournalRecord[] {
  const whole = view(file);
  const records: JournalRecord[] = [];
  for (let at = 0; at + HEAD_BYTES + CHAIN_BYTES <= whole.length; at += PAGE_BYTES) {
    const magic = whole.toString('latin1', at, at + 4);
    const kind = magic === MAGIC.commit ? 'commit' : magic === MAGIC.start ? 'start' : undefined;
    const end = at + HEAD_BYTES + whole.readUInt32BE(at + 4);
    if (kind === undefined || end + CHAIN_BYTES > whole.length) continue;
    const hash = sha256(whole.subarray(at, end));
    if (!equalBytes(hash, whole.subarray(end, end + CHAIN_BYTES))) continue;
    const previous = whole.subarray(at + 32, at + 64);
    records.push({
      kind,
      storeId: toHex(whole.subarray(at + 8, at + 24)),
      number: Number(whole.readBigUInt64BE(at + 24)),
      previous,
      body: whole.subarray(at + HEAD_BYTES, end),
      chain: kind === 'start' ? previous : hash,
      at,
    });
  }
  return records.sort((a, b) => a.number - b.number);
}

/** What a store is to make of a journal that was found. */
export type Standing =
  /** These commits, in order, are what it has not got: none in most cases. */
  | { readonly kind: 'behind'; readonly missing: readonly JournalRecord[]; readonly newest: number | undefined }
  /** It remembers less than was signed, or something else (SPEC §2.1). */
  | { readonly kind: 'forgot'; readonly why: string };

/** Compares a store with its journal. `name`: what an operator is shown of it. */
export function standingOf(records: readonly JournalRecord[], store: ChainedCommit & { readonly storeId: string; readonly name: string }): Standing {
  const { storeId, number, chain, name } = store;
  const foreign = records.find((record) => record.storeId !== storeId);
  const last = records.at(-1);
  if (last === undefined) return { kind: 'forgot', why: `${name} is damaged` };
  if (foreign !== undefined) return { kind: 'forgot', why: `${name} names another store, ${foreign.storeId}, not this one, ${storeId}` };
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
