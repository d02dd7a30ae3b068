import type { Receipt } from '../receipt/receipt.ts';
import { equalBytes } from '../std/bytes.ts';
import { type KnownReceipt, type LogNumber, type NewGroup, OWN_LOG, type Place, RECEIVED_LOG } from './changes.ts';
import { nextRecordedAt, SALT_BYTES } from './entry.ts';
import { encodeGroup, type NewEntry } from './group.ts';

/** A receipt that somebody brought: the own application, or a remote by the plain protocol. */
export interface ReceiptJob extends NewEntry {
  readonly from: 'application' | 'peer';
  readonly receiptId: string;
  readonly receipt: Receipt;
}

/** How far a log has come. */
export interface LogHead {
  readonly size: number;
  /** `recorded_at` of the last entry, 0n where empty. */
  readonly lastRecordedAt: bigint;
}

export type Heads = ReadonlyMap<LogNumber, LogHead>;

/** What the region says to one job, once the turn is durable. */
export type JobAnswer =
  /** New in this log. */
  | { readonly kind: 'appended'; readonly index: number }
  /** The same content was known: for an application in the own log, for a remote anywhere. */
  | { readonly kind: 'known'; readonly index: number }
  /** Another content came first (SPEC §4). Nothing is stored. */
  | { readonly kind: 'conflict'; readonly held: Uint8Array };

/** What a turn writes and answers. */
export interface Decision {
  readonly groups: readonly NewGroup[];
  readonly heads: Heads;
  /** One per job, in order. */
  readonly answers: readonly JobAnswer[];
}

/** What a decision rests on beside the jobs. */
export interface DecisionInput {
  readonly heads: Heads;
  /** What the store knows of the jobs' ids; ids it does not know are absent. */
  readonly known: ReadonlyMap<string, KnownReceipt>;
  readonly nowMs: number;
  /** At least 16 random bytes per job. */
  readonly salts: Uint8Array;
}

const EMPTY: LogHead = { size: 0, lastRecordedAt: 0n };

/**
 * Decides one turn: which receipts are new, which are repeats, which are refused because another content was first. Jobs are
 * taken in order, so "first" means the same inside a group as between groups (SPEC §4, DESIGN §5 "One writer").
 */
export function decide(jobs: readonly ReceiptJob[], input: DecisionInput): Decision {
  const known = new Map(input.known);
  const appended = new Map<LogNumber, NewEntry[]>();
  const answers = jobs.map((job): JobAnswer => {
    const before = known.get(job.receiptId);
    if (before !== undefined && !equalBytes(before.digest, job.digest)) return { kind: 'conflict', held: before.digest };
    const log = job.from === 'application' ? OWN_LOG : RECEIVED_LOG;
    const place = before?.places.find((held) => job.from === 'peer' || held.log === OWN_LOG);
    if (place !== undefined) return { kind: 'known', index: place.index };
    const index = (input.heads.get(log) ?? EMPTY).size + append(appended, log, job);
    known.set(job.receiptId, { digest: job.digest, places: [...(before?.places ?? []), { log, index } satisfies Place] });
    return { kind: 'appended', index };
  });
  return { answers, ...layOut(appended, input) };
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

function layOut(appended: ReadonlyMap<LogNumber, readonly NewEntry[]>, input: DecisionInput): Pick<Decision, 'groups' | 'heads'> {
  const heads = new Map(input.heads);
  const groups: NewGroup[] = [];
  let salted = 0;
  for (const [log, entries] of appended) {
    const { size, lastRecordedAt } = heads.get(log) ?? EMPTY;
    const firstRecordedAt = nextRecordedAt(lastRecordedAt, input.nowMs);
    const salts = input.salts.subarray(salted, salted + entries.length * SALT_BYTES);
    salted += salts.length;
    groups.push({
      log,
      start: size,
      count: entries.length,
      frame: encodeGroup(entries, salts, firstRecordedAt),
      digests: joinDigests(entries),
    });
    heads.set(log, { size: size + entries.length, lastRecordedAt: firstRecordedAt + BigInt(entries.length - 1) });
  }
  return { groups, heads };
}

/** In memory of its own, so that handing it to another thread copies no more than it. */
function joinDigests(entries: readonly NewEntry[]): Uint8Array {
  const digests = Buffer.allocUnsafeSlow(entries.length * 32);
  for (const [n, entry] of entries.entries()) digests.set(entry.digest, n * 32);
  return digests;
}
