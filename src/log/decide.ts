import type { Receipt } from '../receipt/receipt.ts';
import { equalBytes } from '../std/bytes.ts';
import { type Changes, type KnownReceipt, type LogNumber, NO_CHANGES, OWN_LOG, type Place, RECEIVED_LOG } from './changes.ts';
import { conflictBody, type EntryPlace } from './conflict.ts';
import { type BatchAnswer, type BatchJob, decideBatch } from './decide-batch.ts';
import { KIND_CONFLICT, nextRecordedAt, SALT_BYTES } from './entry.ts';
import { encodeGroup, encodeOthers, type NewEntry } from './group.ts';
import { frameLeaves, growTree } from './growth.ts';
import { type Heads, headOf } from './heads.ts';
import { type Conflict, Turn } from './turn.ts';

/** A receipt that somebody brought: the own application, or a remote by the plain protocol. */
export interface ReceiptJob extends NewEntry {
  readonly from: 'application' | 'peer';
  readonly receiptId: string;
  readonly receipt: Receipt;
}

/**
 * An own receipt that joined lines have put out of reach of its quorum: appended once more, with a new salt (SPEC §4). `index`: where it
 * stands; where the log has it at a later place it has been done.
 */
export interface AgainJob extends Omit<ReceiptJob, 'from'> {
  readonly from: 'again';
  readonly index: number;
}

/** What a turn is about: receipts, and batches of logs that are mirrored. */
export type Job = ReceiptJob | AgainJob | BatchJob;

/** What the region says to one receipt, once the turn is durable. */
export type ReceiptAnswer =
  /** New in this log. */
  | { readonly kind: 'appended'; readonly index: number }
  /** The same content was known: for an application in the own log, for a remote anywhere. */
  | { readonly kind: 'known'; readonly index: number }
  /** The own application brought what a log of others holds, and this region holds a certificate of that (SPEC §4 "Duplicate"). */
  | { readonly kind: 'certified'; readonly place: Place }
  /** Another content came first (SPEC §4). Nothing is stored. */
  | { readonly kind: 'conflict'; readonly held: Uint8Array };

export type JobAnswer = ReceiptAnswer | BatchAnswer;

/** What a turn writes and answers. */
export interface Decision {
  readonly changes: Changes;
  readonly heads: Heads;
  /** One per job, in order. */
  readonly answers: readonly JobAnswer[];
  /** What mirrored logs have brought that is refused; each has an entry of evidence in the own log (SPEC §4). */
  readonly conflicts: readonly Conflict[];
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
  /** The origin lines of the own log and of those that are mirrored. */
  readonly origins: ReadonlyMap<LogNumber, string>;
  /** Does this region hold a certificate of an entry in a mirrored log? */
  readonly isCertified: (place: Place) => boolean;
}

/**
 * Decides one turn: which receipts are new, which are repeats, which are refused because another content was first. Jobs are
 * taken in order, so "first" means the same inside a group as between groups, whatever logs they go to (SPEC §4, DESIGN §5 "One writer").
 */
export function decide(jobs: readonly Job[], input: DecisionInput): Decision {
  const turn = new Turn(input.region, input.heads, input.known);
  const appended: Appended = new Map();
  const deciding: Deciding = { appended, isCertified: input.isCertified };
  const answers = jobs.map((job): JobAnswer => {
    if (job.from === 'origin') return decideBatch(job, turn);
    return job.from === 'again' ? decideAgain(job, turn, appended) : decideReceipt(job, turn, deciding);
  });
  layOut(appended, turn, input);
  layOutEvidence(turn, input);
  return { answers, heads: turn.heads, conflicts: turn.conflicts, changes: { ...NO_CHANGES, ...turn.written() } };
}

/** By log, the receipts of its group in this turn, and which of them it has already. */
type Appended = Map<LogNumber, { readonly entries: NewEntry[]; readonly again: number[] }>;

interface Deciding {
  readonly appended: Appended;
  readonly isCertified: (place: Place) => boolean;
}

function decideReceipt(job: ReceiptJob, turn: Turn, { appended, isCertified }: Deciding): ReceiptAnswer {
  const before = turn.known.get(job.receiptId);
  if (before !== undefined && !equalBytes(before.digest, job.digest)) return { kind: 'conflict', held: before.digest };
  const log = job.from === 'application' ? OWN_LOG : RECEIVED_LOG;
  const place = before?.places.findLast((held) => job.from === 'peer' || held.log === OWN_LOG);
  if (place !== undefined) return { kind: 'known', index: place.index };
  const certified = before?.places.find(isCertified);
  if (certified !== undefined) return { kind: 'certified', place: certified };
  const index = headOf(turn.heads, log).size + append(appended, log, job);
  turn.known.set(job.receiptId, { digest: job.digest, places: [...(before?.places ?? []), { log, index } satisfies Place] });
  return { kind: 'appended', index };
}

function decideAgain(job: AgainJob, turn: Turn, appended: Appended): ReceiptAnswer {
  const before = turn.known.get(job.receiptId);
  const place = before?.places.findLast(({ log }) => log === OWN_LOG);
  if (before === undefined || place === undefined || !equalBytes(before.digest, job.digest)) return { kind: 'known', index: job.index };
  if (place.index !== job.index) return { kind: 'known', index: place.index };
  const position = append(appended, OWN_LOG, job);
  appended.get(OWN_LOG)?.again.push(position);
  const index = headOf(turn.heads, OWN_LOG).size + position;
  turn.known.set(job.receiptId, { digest: job.digest, places: [...before.places, { log: OWN_LOG, index }] });
  return { kind: 'appended', index };
}

/** Adds the entry to its log's group and says how many were there before. */
function append(appended: Appended, log: LogNumber, entry: NewEntry): number {
  const group = appended.get(log);
  if (group !== undefined) return group.entries.push(entry) - 1;
  appended.set(log, { entries: [entry], again: [] });
  return 0;
}

/** The turn's own receipts: one group a log, each after what was there. */
function layOut(appended: Appended, turn: Turn, input: DecisionInput): void {
  let salted = 0;
  for (const [log, { entries, again }] of appended) {
    const firstRecordedAt = nextRecordedAt(headOf(turn.heads, log).lastRecordedAt, input.nowMs);
    const salts = input.salts.subarray(salted, salted + entries.length * SALT_BYTES);
    salted += salts.length;
    const frame = encodeGroup(entries, salts, firstRecordedAt);
    grow(turn, log, { frame, count: entries.length, firstRecordedAt, digests: joinDigests(entries), again, others: 0 });
  }
}

/** For each entry of others that is refused, one in the own log that says so (SPEC §4). */
function layOutEvidence(turn: Turn, input: DecisionInput): void {
  if (turn.conflicts.length === 0) return;
  const placeOf = ({ log, index }: Place): EntryPlace => ({ origin: input.origins.get(log) ?? '', index });
  const bodies = turn.conflicts.map((conflict) => conflictBody({ refused: placeOf(conflict), first: placeOf(conflict.first) }));
  let firstRecordedAt = nextRecordedAt(headOf(turn.heads, OWN_LOG).lastRecordedAt, input.nowMs);
  for (const { frame, count } of encodeOthers(KIND_CONFLICT, bodies, firstRecordedAt)) {
    grow(turn, OWN_LOG, { frame, count, firstRecordedAt, digests: new Uint8Array(count * 32), again: [], others: count });
    firstRecordedAt += BigInt(count);
  }
}

interface NewEntries {
  readonly frame: Uint8Array;
  readonly count: number;
  readonly firstRecordedAt: bigint;
  readonly digests: Uint8Array;
  readonly again: readonly number[];
  readonly others: number;
}

function grow(turn: Turn, log: LogNumber, { frame, count, firstRecordedAt, digests, again, others }: NewEntries): void {
  const head = headOf(turn.heads, log);
  turn.groups.push({ log, start: head.size, count, frame, digests, refused: [], again });
  const grown = head.edge === undefined ? undefined : growTree(log, head.edge, frameLeaves(frame, count));
  if (grown !== undefined) turn.trees.push(grown.growth);
  const lastRecordedAt = firstRecordedAt + BigInt(count - 1);
  turn.heads.set(log, { ...head, size: head.size + count, lastRecordedAt, edge: grown?.edge, others: head.others + others });
}

/** In memory of its own, so that handing it to another thread copies no more than it. */
function joinDigests(entries: readonly NewEntry[]): Uint8Array {
  const digests = new Uint8Array(entries.length * 32);
  for (const [n, entry] of entries.entries()) digests.set(entry.digest, n * 32);
  return digests;
}
