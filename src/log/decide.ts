import type { Receipt } from '../receipt/receipt.ts';
import { equalBytes } from '../std/bytes.ts';
import { type Changes, type KnownReceipt, type LogNumber, NO_CHANGES, OWN_LOG, type Place, RECEIVED_LOG } from './changes.ts';
import { type BatchAnswer, type BatchJob, decideBatch } from './decide-batch.ts';
import { nextRecordedAt, SALT_BYTES } from './entry.ts';
import { encodeGroup, type NewEntry } from './group.ts';
import { frameLeaves, growTree } from './growth.ts';
import { type Heads, headOf } from './heads.ts';
import { Turn } from './turn.ts';

/** A receipt that somebody brought: the own application, or a remote by the plain protocol. */
export interface ReceiptJob extends NewEntry {
  readonly from: 'application' | 'peer';
  readonly receiptId: string;
  readonly receipt: Receipt;
}

/** What a turn is about: receipts, and batches of logs that are mirrored. */
export type Job = ReceiptJob | BatchJob;

/** What the region says to one receipt, once the turn is durable. */
export type ReceiptAnswer =
  /** New in this log. */
  | { readonly kind: 'appended'; readonly index: number }
  /** The same content was known: for an application in the own log, for a remote anywhere. */
  | { readonly kind: 'known'; readonly index: number }
  /** Another content came first (SPEC §4). Nothing is stored. */
  | { readonly kind: 'conflict'; readonly held: Uint8Array };

export type JobAnswer = ReceiptAnswer | BatchAnswer;

/** What a turn writes and answers. */
export interface Decision {
  readonly changes: Changes;
  readonly heads: Heads;
  /** One per job, in order. */
  readonly answers: readonly JobAnswer[];
}

/** What a decision rests on beside the jobs. */
export interface DecisionInput {
  /** Our own name: what the texts of others must call us where we refuse something. */
  readonly region: string;
  readonly heads: Heads;
  /** What the store knows of the jobs' ids; ids it does not know are absent. */
  readonly known: ReadonlyMap<string, KnownReceipt>;
  readonly nowMs: number;
  /** At least 16 random bytes per receipt job. */
  readonly salts: Uint8Array;
}

/**
 * Decides one turn: which receipts are new, which are repeats, which are refused because another content was first. Jobs are
 * taken in order, so "first" means the same inside a group as between groups, whatever logs they go to (SPEC §4, DESIGN §5 "One writer").
 */
export function decide(jobs: readonly Job[], input: DecisionInput): Decision {
  const turn = new Turn(input.region, input.heads, input.known);
  const appended = new Map<LogNumber, NewEntry[]>();
  const answers = jobs.map((job): JobAnswer => (job.from === 'origin' ? decideBatch(job, turn) : decideReceipt(job, turn, appended)));
  layOut(appended, turn, input);
  return { answers, heads: turn.heads, changes: { ...NO_CHANGES, ...turn.written() } };
}

function decideReceipt(job: ReceiptJob, turn: Turn, appended: Map<LogNumber, NewEntry[]>): ReceiptAnswer {
  const before = turn.known.get(job.receiptId);
  if (before !== undefined && !equalBytes(before.digest, job.digest)) return { kind: 'conflict', held: before.digest };
  const log = job.from === 'application' ? OWN_LOG : RECEIVED_LOG;
  const place = before?.places.find((held) => job.from === 'peer' || held.log === OWN_LOG);
  if (place !== undefined) return { kind: 'known', index: place.index };
  const index = headOf(turn.heads, log).size + append(appended, log, job);
  turn.known.set(job.receiptId, { digest: job.digest, places: [...(before?.places ?? []), { log, index } satisfies Place] });
  return { kind: 'appended', index };
}

/** Adds the entry to its log's group and says how many were there before. */
function append(appended: Map<LogNumber, NewEntry[]>, log: LogNumber, entry: NewEntry): number {
  const group = appended.get(log);
  if (group === undefined) {
    appended.set(log, [entry]);
    return 0;
  }
  return group.push(entry) - 1;
}

/** The turn's own receipts: one group a log, each after what was there. */
function layOut(appended: ReadonlyMap<LogNumber, readonly NewEntry[]>, turn: Turn, input: DecisionInput): void {
  let salted = 0;
  for (const [log, entries] of appended) {
    const head = headOf(turn.heads, log);
    const firstRecordedAt = nextRecordedAt(head.lastRecordedAt, input.nowMs);
    const salts = input.salts.subarray(salted, salted + entries.length * SALT_BYTES);
    salted += salts.length;
    const frame = encodeGroup(entries, salts, firstRecordedAt);
    turn.groups.push({ log, start: head.size, count: entries.length, frame, digests: joinDigests(entries), refused: [] });
    const grown = head.edge === undefined ? undefined : growTree(log, head.edge, frameLeaves(frame, entries.length));
    if (grown !== undefined) turn.trees.push(grown.growth);
    const lastRecordedAt = firstRecordedAt + BigInt(entries.length - 1);
    turn.heads.set(log, { ...head, size: head.size + entries.length, lastRecordedAt, edge: grown?.edge });
  }
}

/** In memory of its own, so that handing it to another thread copies no more than it. */
function joinDigests(entries: readonly NewEntry[]): Uint8Array {
  const digests = new Uint8Array(entries.length * 32);
  for (const [n, entry] of entries.entries()) digests.set(entry.digest, n * 32);
  return digests;
}
