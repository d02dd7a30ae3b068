import { InvalidEvidenceError } from '../errors.ts';
import { view } from '../std/buffer.ts';
import { concatBytes, numbersIn, utf8Bytes } from '../std/bytes.ts';
import { HASH_BYTES, leafHash } from '../tlog/hash.ts';
import type { BatchItem } from './decide-batch.ts';
import { GROUP_BYTES_MAX, GROUP_ENTRIES_MAX, type GroupItem, groupItems, isWholeFrame } from './group.ts';
import { readItem } from './stored-item.ts';

/** `POST {endpoint}/receipt-sync` of the mirror protocol (SPEC §3.2). */
export const BATCH_MEDIA_TYPE = 'application/x-receipt-sync-batch';
/** What a 409 carries: the mirror's own size in decimal (C2SP tlog-witness has the same type). */
export const SIZE_MEDIA_TYPE = 'text/x.tlog.size';

const MAGIC = 'RSB1';
/** A checkpoint with the lines of 100 regions, and 64 refused ones. */
const NOTE_BYTES_MAX = 64 * 1024;
/** A whole batch: notes, numbers, frame. */
export const BATCH_BYTES_MAX: number = GROUP_BYTES_MAX + 2 * NOTE_BYTES_MAX + 64;

/** A batch as it is sent. */
export interface Batch {
  /** The origin's signed checkpoint, a note. */
  readonly checkpoint: Uint8Array;
  /** The latest certified one, or empty. */
  readonly certified: Uint8Array;
  readonly start: number;
  readonly count: number;
  /** `count × ( lp16 entry | lp16 C | salt[16] if C is not empty )`. */
  readonly frame: Uint8Array;
}

/** `"RSB1" | u32 len, checkpoint | u32 len, certified | u64 start | u32 count | frame` (SPEC §3.2). */
export function encodeBatch({ checkpoint, certified, start, count, frame }: Batch): Uint8Array {
  const numbers = new Uint8Array(12);
  numbersIn(numbers).setBigUint64(0, BigInt(start));
  numbersIn(numbers).setUint32(8, count);
  return concatBytes([utf8Bytes(MAGIC), length(checkpoint), checkpoint, length(certified), certified, numbers, frame]);
}

/** How many bytes there must be before the checkpoint can be read, or that it can be: what comes first is checked first (SPEC §3.2 a). */
export function checkpointOf(bytes: Uint8Array): { readonly kind: 'more' } | { readonly kind: 'checkpoint'; readonly note: Uint8Array } {
  const whole = view(bytes);
  if (whole.length >= 4 && whole.toString('latin1', 0, 4) !== MAGIC) throw bad(`does not begin with ${MAGIC}`);
  if (whole.length < 8) return { kind: 'more' };
  const end = 8 + whole.readUInt32BE(4);
  if (end > 8 + NOTE_BYTES_MAX) throw bad('has a checkpoint of more than 64 KiB');
  return whole.length < end ? { kind: 'more' } : { kind: 'checkpoint', note: whole.subarray(8, end) };
}

/** Reads a batch strictly; throws InvalidEvidenceError. What its entries say is not looked at. */
export function parseBatch(bytes: Uint8Array): Batch {
  const whole = view(bytes);
  const head = checkpointOf(whole);
  if (head.kind === 'more') throw bad('ends within its checkpoint');
  const certifiedAt = 8 + head.note.length + 4;
  if (whole.length < certifiedAt) throw bad('ends before its second checkpoint');
  const certifiedEnd = certifiedAt + whole.readUInt32BE(certifiedAt - 4);
  if (certifiedEnd - certifiedAt > NOTE_BYTES_MAX || whole.length < certifiedEnd + 12) throw bad('ends before its entries');
  const start = Number(whole.readBigUInt64BE(certifiedEnd));
  const count = whole.readUInt32BE(certifiedEnd + 8);
  const frame = whole.subarray(certifiedEnd + 12);
  if (!Number.isSafeInteger(start + count)) throw bad('begins beyond 2^53');
  if (count > GROUP_ENTRIES_MAX || frame.length > GROUP_BYTES_MAX) throw bad(`holds more than ${GROUP_ENTRIES_MAX} entries or 4 MiB`);
  return { checkpoint: head.note, certified: whole.subarray(certifiedAt, certifiedEnd), start, count, frame };
}

/** A frame's entries, each checked by itself: C → D → commitment (SPEC §3.2 c). */
export interface CheckedFrame {
  readonly items: readonly BatchItem[];
  readonly leaves: Uint8Array;
}

/** Checks what can be checked of the entries without knowing the log. Throws InvalidEvidenceError naming the first that is wrong. */
export function checkFrame({ frame, count, start }: Pick<Batch, 'frame' | 'count' | 'start'>): CheckedFrame {
  if (!isWholeFrame(frame)) throw bad('holds a frame that does not add up');
  const items: BatchItem[] = [];
  const leaves = new Uint8Array(count * HASH_BYTES);
  let offset = 0;
  for (const item of groupItems(frame)) {
    const { entry, canonical, salt } = item;
    if (items.length === count) throw bad('holds more entries than it says');
    const receipt = receiptOf(item, start + items.length);
    leaves.set(leafHash(entry), items.length * HASH_BYTES);
    items.push({ entry, receipt, offset });
    offset += 4 + entry.length + canonical.length + salt.length;
  }
  if (items.length !== count) throw bad('holds fewer entries than it says');
  return { items, leaves };
}

function receiptOf(item: GroupItem, index: number): BatchItem['receipt'] {
  const read = readItem(item);
  if (read.kind === 'unsound') throw bad(`has at ${index} ${read.problem}`);
  return read.kind === 'bare' ? undefined : { id: read.id, digest: read.digest };
}

function length(bytes: Uint8Array): Uint8Array {
  const prefix = new Uint8Array(4);
  numbersIn(prefix).setUint32(0, bytes.length);
  return prefix;
}

function bad(problem: string): InvalidEvidenceError {
  return new InvalidEvidenceError('batch', problem);
}
