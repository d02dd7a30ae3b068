import { assert } from '../std/assert.ts';
import { equalBytes } from '../std/bytes.ts';
import { rootOf } from '../tlog/edge.ts';
import { HASH_BYTES } from '../tlog/hash.ts';
import { type KnownReceipt, type LogNumber, OWN_LOG, type Place, RECEIVED_LOG, TEXTS_KEPT } from './changes.ts';
import { entryKind, KIND_RECEIPT, recordedAt } from './entry.ts';
import { type GrownTree, growTree } from './growth.ts';
import { headOf, type LogHead } from './heads.ts';
import type { LogText } from './log-text.ts';
import { REFUSED_ANSWER_LINES_MAX } from './mirror-answer.ts';
import { type IndexRange, unnamed } from './refused-lines.ts';
import type { Turn } from './turn.ts';

/** One entry of a batch, checked by itself: content, salt and commitment belong together (SPEC §3.2 c). */
export interface BatchItem {
  readonly entry: Uint8Array;
  /** `undefined` where the entry came without its receipt, or is of another kind. */
  readonly receipt: { readonly id: string; readonly digest: Uint8Array } | undefined;
  /** Where the item begins in the frame. */
  readonly offset: number;
}

/** A batch of a log that this region mirrors, its signature and commitments checked (SPEC §3.2 a, c). */
export interface BatchJob {
  readonly from: 'origin';
  readonly log: LogNumber;
  readonly start: number;
  readonly items: readonly BatchItem[];
  readonly frame: Uint8Array;
  /** Of all items, `count × 32` bytes. */
  readonly leaves: Uint8Array;
  /** What the origin has signed; its size is `start` plus the number of items. */
  readonly text: LogText;
  /** SHA-256 of the signed text in hex. */
  readonly textHash: string;
  /** The text with the origin's signature. */
  readonly note: string;
  /** What the cosignature will say, chosen before anything is written; unix s. */
  readonly atS: number;
}

/** What the mirror answers, once the turn is durable (SPEC §3.2). */
export type BatchAnswer =
  /** Sign this text with this time. */
  | { readonly kind: 'cosigned'; readonly atS: number }
  /** Every entry below the text's size that this region refuses and the text does not name. */
  | { readonly kind: 'refuses'; readonly ranges: readonly IndexRange[] }
  /** The batch does not begin or end where this region can use it: 409 with the own size. */
  | { readonly kind: 'behind'; readonly size: number }
  /** The entries do not lead to the signed root, or another root is known at that size: 422. */
  | { readonly kind: 'differs'; readonly isFork: boolean };

/** Decides one batch within a turn: SPEC §3.2 (b), (d), (e), and which of its entries this region refuses (§4). */
export function decideBatch(job: BatchJob, turn: Turn): BatchAnswer {
  const head = headOf(turn.heads, job.log);
  const { size } = job.text;
  if (job.start > head.size) return { kind: 'behind', size: head.size };
  if (size > head.size) return grow(job, turn, head);
  const before = head.texts.find(({ hash }) => hash === job.textHash);
  if (before !== undefined) return { kind: 'cosigned', atS: before.atS };
  if (size < head.size || head.edge === undefined) return { kind: 'behind', size: head.size };
  if (!equalBytes(rootOf(head.edge), job.text.root)) return { kind: 'differs', isFork: true };
  return sign(job, turn, head);
}

/** Appends what is new of it. What overlaps is in the tree already, and the root says whether it is the same. */
function grow(job: BatchJob, turn: Turn, head: LogHead): BatchAnswer {
  const { log, text } = job;
  const overlap = head.size - job.start;
  const items = job.items.slice(overlap);
  const leaves = job.leaves.subarray(overlap * HASH_BYTES);
  if (head.edge === undefined || items[0] === undefined) return { kind: 'behind', size: head.size };
  const grown = growTree(log, head.edge, leaves);
  if (!equalBytes(grown.growth.root, text.root)) return { kind: 'differs', isFork: false };
  // Memory of its own: handing it to another thread copies no more than it.
  appendChecked(turn, { log, frame: Uint8Array.from(job.frame.subarray(items[0].offset)), items }, grown);
  return sign(job, turn, headOf(turn.heads, log));
}

/** Appends entries that were checked, whatever root they lead to; what another content came first for is refused (SPEC §4). */
export function appendChecked(
  turn: Turn,
  { log, frame, items }: { readonly log: LogNumber; readonly frame: Uint8Array; readonly items: readonly BatchItem[] },
  grown: GrownTree | undefined,
): void {
  const head = headOf(turn.heads, log);
  const { size: start } = head;
  const { refused, again, others } = sorted(items, { log, start }, turn);
  turn.groups.push({ log, start, count: items.length, frame, digests: digestsOf(items), refused, again });
  if (grown !== undefined) turn.trees.push(grown.growth);
  for (const n of refused) turn.refusals.push({ log, region: turn.region, first: start + n, last: start + n });
  const last = items.at(-1);
  turn.heads.set(log, {
    ...head,
    size: start + items.length,
    edge: grown?.edge,
    lastRecordedAt: last === undefined ? head.lastRecordedAt : recordedAt(last.entry),
    refused: refused.length === 0 ? head.refused : head.refused.concat(refused.map((n) => start + n)),
    others: head.others + others,
  });
}

/** The text is one to sign, unless it keeps silent about something that this region refuses: never both, never neither. */
function sign(job: BatchJob, turn: Turn, head: LogHead): BatchAnswer {
  const { log, text, textHash: hash, atS, note } = job;
  const ranges = unnamed(head.refused, { region: turn.region, size: text.size, named: text.refused, countMax: REFUSED_ANSWER_LINES_MAX });
  if (ranges.length > 0) return { kind: 'refuses', ranges };
  const signed = { log, size: text.size, hash, atS, note };
  turn.texts.push(signed);
  turn.heads.set(log, { ...head, texts: [...head.texts, signed].slice(-TEXTS_KEPT) });
  return { kind: 'cosigned', atS };
}

/** The items of a batch that are not simply new, by place. */
interface Sorted {
  /** The id is known with another content, or a receipt's entry came without its receipt. */
  readonly refused: readonly number[];
  /** This log holds the receipt already. */
  readonly again: readonly number[];
  /** How many have no receipt. */
  readonly others: number;
}

function sorted(items: readonly BatchItem[], at: { readonly log: LogNumber; readonly start: number }, turn: Turn): Sorted {
  const refused: number[] = [];
  const again: number[] = [];
  let others = 0;
  for (const [n, { entry, receipt }] of items.entries()) {
    if (receipt === undefined) {
      others += 1;
      if (entryKind(entry) === KIND_RECEIPT) refused.push(n);
      continue;
    }
    const place: Place = { log: at.log, index: at.start + n };
    const before = turn.known.get(receipt.id);
    if (before === undefined) turn.known.set(receipt.id, { digest: receipt.digest, places: [place] });
    else if (equalBytes(before.digest, receipt.digest)) {
      if (before.places.some(({ log }) => log === at.log)) again.push(n);
      turn.known.set(receipt.id, { digest: receipt.digest, places: [...before.places, place] });
    } else {
      refused.push(n);
      turn.conflicts.push({ ...place, receiptId: receipt.id, held: before.digest, offered: receipt.digest, first: evidentPlace(before) });
    }
  }
  return { refused, again, others };
}

/** The place of a first content that others can look up: best in the own log, else in a mirrored one. */
function evidentPlace({ places }: KnownReceipt): Place {
  const place = places.find(({ log }) => log === OWN_LOG) ?? places.find(({ log }) => log !== RECEIVED_LOG) ?? places[0];
  assert(place !== undefined, 'what is known stands somewhere');
  return place;
}

function digestsOf(items: readonly BatchItem[]): Uint8Array {
  const digests = new Uint8Array(items.length * 32);
  for (const [n, { receipt }] of items.entries()) if (receipt !== undefined) digests.set(receipt.digest, n * 32);
  return digests;
}
