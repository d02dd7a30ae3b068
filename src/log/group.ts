import { assert } from '../std/assert.ts';
import { view } from '../std/buffer.ts';
import { concatBytes } from '../std/bytes.ts';
import { commitment, entryOfKind, RECEIPT_ENTRY_BYTES, SALT_BYTES, writeReceiptEntry } from './entry.ts';

/** One batch holds at most this many entries; C2SP mirrors take no more, and a group must fit one batch (SPEC §3.2). */
export const GROUP_ENTRIES_MAX = 8_192;
/** … and at most this many bytes of frame. */
export const GROUP_BYTES_MAX: number = 4 * 1024 * 1024;

/** What one receipt takes in a frame, beside its canonical bytes: two lengths, entry and salt. */
const ITEM_BYTES = 2 + RECEIPT_ENTRY_BYTES + 2 + SALT_BYTES;

/** One receipt about to be appended. */
export interface NewEntry {
  /** C of SPEC §1. */
  readonly canonical: Uint8Array;
  readonly digest: Uint8Array;
}

/** Bytes that a receipt takes in a group's frame. */
export function itemBytes(canonical: Uint8Array): number {
  return ITEM_BYTES + canonical.length;
}

/** Lays out entries as they will be stored and sent: `count × ( lp16 entry | lp16 C | salt[16] )` (SPEC §3.2). */
export function encodeGroup(entries: readonly NewEntry[], salts: Uint8Array, firstRecordedAt: bigint): Buffer {
  assert(salts.length === entries.length * SALT_BYTES, 'one salt an entry');
  const frame = Buffer.allocUnsafeSlow(entries.reduce((sum, entry) => sum + itemBytes(entry.canonical), 0));
  let at = 0;
  let recordedAt = firstRecordedAt;
  for (const [n, entry] of entries.entries()) {
    const salt = salts.subarray(n * SALT_BYTES, (n + 1) * SALT_BYTES);
    at = frame.writeUInt16BE(RECEIPT_ENTRY_BYTES, at);
    writeReceiptEntry(frame, at, { recordedAt, commitment: commitment(salt, entry.digest) });
    at = frame.writeUInt16BE(entry.canonical.length, at + RECEIPT_ENTRY_BYTES);
    frame.set(entry.canonical, at);
    frame.set(salt, at + entry.canonical.length);
    at += entry.canonical.length + SALT_BYTES;
    recordedAt += 1n;
  }
  return frame;
}

/** Entries of another kind as they will be stored and sent, in frames that each fit one batch. */
export function encodeOthers(
  kind: number,
  bodies: readonly Uint8Array[],
  firstRecordedAt: bigint,
): readonly { readonly count: number; readonly frame: Uint8Array }[] {
  const frames: { readonly count: number; readonly frame: Uint8Array }[] = [];
  let parts: Uint8Array[] = [];
  let [count, bytes] = [0, 0];
  const close = (): void => {
    if (count > 0) frames.push({ count, frame: concatBytes(parts) });
    [parts, count, bytes] = [[], 0, 0];
  };
  for (const [n, body] of bodies.entries()) {
    const entry = entryOfKind(kind, firstRecordedAt + BigInt(n), body);
    if (count === GROUP_ENTRIES_MAX || bytes + 4 + entry.length > GROUP_BYTES_MAX) close();
    parts.push(Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry, NO_RECEIPT);
    count += 1;
    bytes += 4 + entry.length;
  }
  close();
  return frames;
}
/** The `lp16` of a receipt that is not there. */
const NO_RECEIPT = new Uint8Array(2);

/** One entry of a frame; all three share the frame's memory. */
export interface GroupItem {
  readonly entry: Uint8Array;
  /** Empty where the entry carries no receipt (other kinds, or erased). */
  readonly canonical: Uint8Array;
  /** Empty where `canonical` is. */
  readonly salt: Uint8Array;
}

/** Does a frame from elsewhere add up to whole items? What it says in them is another question. */
export function isWholeFrame(frame: Uint8Array): boolean {
  const bytes = view(frame);
  let at = 0;
  while (at + 4 <= bytes.length) {
    at += 2 + bytes.readUInt16BE(at);
    if (at + 2 > bytes.length) return false;
    const canonical = bytes.readUInt16BE(at);
    at += 2 + canonical + (canonical > 0 ? SALT_BYTES : 0);
  }
  return at === bytes.length;
}

/** The items of a group as it says it is, or `undefined` where it is not: what a store gives back may have rotted. */
export function wholeItems({ frame, count }: { readonly frame: Uint8Array; readonly count: number }): readonly GroupItem[] | undefined {
  const items = isWholeFrame(frame) ? [...groupItems(frame)] : [];
  return items.length === count && count > 0 ? items : undefined;
}

/** One item of a group as it says it is: as `wholeItems`, without making the others. */
export function itemAt({ frame, count }: { readonly frame: Uint8Array; readonly count: number }, position: number): GroupItem | undefined {
  const bytes = view(frame);
  let at = 0;
  let found: GroupItem | undefined;
  for (let n = 0; n < count; n += 1) {
    const entryEnd = at + 2 + (at + 2 > bytes.length ? 0 : bytes.readUInt16BE(at));
    if (entryEnd + 2 > bytes.length) return undefined;
    const canonicalEnd = entryEnd + 2 + bytes.readUInt16BE(entryEnd);
    const saltEnd = canonicalEnd + (canonicalEnd > entryEnd + 2 ? SALT_BYTES : 0);
    if (n === position)
      found = { entry: bytes.subarray(at + 2, entryEnd), canonical: bytes.subarray(entryEnd + 2, canonicalEnd), salt: bytes.subarray(canonicalEnd, saltEnd) };
    at = saltEnd;
  }
  return at === bytes.length ? found : undefined;
}

/** Walks a frame. It was made here, or checked by `isWholeFrame`: one that does not add up is our bug. */
export function* groupItems(frame: Uint8Array): Generator<GroupItem> {
  const bytes = view(frame);
  let at = 0;
  while (at < bytes.length) {
    const entryEnd = at + 2 + bytes.readUInt16BE(at);
    const entry = bytes.subarray(at + 2, entryEnd);
    const canonicalEnd = entryEnd + 2 + bytes.readUInt16BE(entryEnd);
    const canonical = bytes.subarray(entryEnd + 2, canonicalEnd);
    const saltEnd = canonicalEnd + (canonical.length > 0 ? SALT_BYTES : 0);
    assert(saltEnd <= bytes.length, 'a frame ends with an item');
    yield { entry, canonical, salt: bytes.subarray(canonicalEnd, saltEnd) };
    at = saltEnd;
  }
}
