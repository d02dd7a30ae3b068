import { ReceiptSyncError } from '../errors.ts';
import { commitment, entryCommitment, entryKind, isEntry, KIND_RECEIPT, recordedAt, recordedAtMs } from '../log/entry.ts';
import { isNamed } from '../log/log-text.ts';
import { canonicalBytes, receiptDigest } from '../receipt/canonical.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { equalBytes } from '../std/bytes.ts';
import { rfc3339 } from '../std/time.ts';
import { leafHash } from '../tlog/hash.ts';
import { isQuorum, type Policy, parsePolicy } from '../tlog/policy.ts';
import { LeafRange } from '../tlog/range.ts';
import { cosigners } from './certificate.ts';
import { logSigner } from './log-signature.ts';
import { parseRangeEntry, type RangeHeader, readRangeHeader } from './range-format.ts';

/** What is looked at, in this order. */
export const RANGE_CHECKS = ['policy', 'form', 'log', 'cosignatures', 'quorum', 'entries', 'inclusion', 'bounds'] as const;
export type RangeCheckName = (typeof RANGE_CHECKS)[number];

/** One step, reported by itself. */
export interface RangeCheck {
  readonly name: RangeCheckName;
  readonly ok: boolean;
  readonly detail: string;
}

/** What offline verification says: `valid` means that these are all entries of this log in this time. */
export interface RangeReport {
  readonly valid: boolean;
  /** All steps, in order; one that could not be looked at because of another is not ok. */
  readonly checks: readonly RangeCheck[];
  /** The origin line, and the time as RFC 3339; `null` where the form is wrong. */
  readonly log: string | null;
  readonly since: string | null;
  readonly until: string | null;
  /** Receipts in the range. */
  readonly receipts: number;
  /** Entries in the range whose receipt is not in the file: of other kinds, without one where it was exported, or taken away. */
  readonly without: number;
  /** Those of them that the checkpoint does not certify: it names regions that refuse them, and the others are too few. */
  readonly uncertified: number;
}

/** A file to be verified, and whom to believe. */
export interface RangeInput {
  /** The lines of the file, without their ends: read once, kept by nobody. */
  readonly lines: AsyncIterable<string>;
  readonly policy: string | Uint8Array;
  /** Told of every receipt in the range, in order, before it is known whether the whole verifies. */
  readonly onReceipt?: ((receipt: Receipt, recordedAt: bigint) => void) | undefined;
}

/**
 * Verifies that a file holds all entries of one log in a span of time: entries in a row lead to a root that a quorum has signed, their times rise, and the
 * ones at both ends lie outside of the span or are the log's own ends. Memory is bounded whatever the size. Never throws for what is read; rejects
 * with what `lines` rejects with.
 */
export async function checkRange(input: RangeInput): Promise<RangeReport> {
  const steps = new Steps();
  const policy = steps.take(
    'policy',
    () => parsePolicy(input.policy),
    ({ logs, witnesses }) => `${logs.length} logs, ${witnesses.size} regions`,
  );
  const lines = input.lines[Symbol.asyncIterator]();
  const header = await steps.takeAsync(
    'form',
    () => readRangeHeader(lines),
    ({ first, end, log }) => `entries ${first} to ${end - 1} of ${log.size}`,
  );
  if (header === undefined) return steps.report(undefined);
  const signers = policy === undefined ? undefined : checkSigners(policy, header, steps);
  const walk = new EntryWalk(header, (index) => isCertified(policy, header, signers, index), input.onReceipt);
  const isWhole = await steps.takeAsync(
    'entries',
    () => walk.all(lines),
    () => walk.summary,
  );
  if (isWhole === true) {
    steps.take(
      'inclusion',
      () => checkInclusion(header, walk),
      (hashes) => `${hashes} hashes beside them lead to the signed root`,
    );
    steps.take(
      'bounds',
      () => walk.checkBounds(),
      (detail) => detail,
    );
  }
  return steps.report({ header, walk });
}

function checkSigners(policy: Policy, { note, log }: RangeHeader, steps: Steps): ReadonlySet<string> | undefined {
  steps.take(
    'log',
    () => logSigner(policy, note, log),
    () => log.origin,
  );
  const signers = steps.take(
    'cosignatures',
    () => cosigners(policy, note.text, note.signatures),
    (names) => [...names].join(', '),
  );
  if (signers === undefined) return undefined;
  steps.take(
    'quorum',
    () => isEnough(policy, signers),
    () => [...signers].join(', '),
  );
  return signers;
}

function isEnough(policy: Policy, signers: ReadonlySet<string>): true {
  if (!isQuorum(policy.quorum, signers)) throw invalid(`Not enough: ${[...signers].join(', ') || 'no region'}`);
  return true;
}

/** SPEC §4: whom a line names does not count for that entry. */
function isCertified(policy: Policy | undefined, { log }: RangeHeader, signers: ReadonlySet<string> | undefined, index: number): boolean {
  if (policy === undefined || signers === undefined) return false;
  return isQuorum(policy.quorum, log.refused.length === 0 ? signers : new Set([...signers].filter((region) => !isNamed(log, region, index))));
}

function checkInclusion({ log, beside }: RangeHeader, { range }: EntryWalk): number {
  const root = range.root(log.size, beside);
  if (root === undefined) throw invalid('The hashes beside the entries are not those of their place');
  if (!equalBytes(root, log.root)) throw invalid('The entries do not lead to the signed root');
  return beside.length;
}

/** Reads the entries one by one, and keeps what the checks after them need. */
class EntryWalk {
  readonly range: LeafRange;
  readonly #header: RangeHeader;
  readonly #isCertified: (index: number) => boolean;
  readonly #onReceipt: RangeInput['onReceipt'];
  receipts = 0;
  uncertified = 0;
  #inside = 0;
  #before = 0;
  #after = 0;
  #last = -1n;

  constructor(header: RangeHeader, isCertifiedAt: (index: number) => boolean, onReceipt: RangeInput['onReceipt']) {
    this.range = new LeafRange(header.first);
    this.#header = header;
    this.#isCertified = isCertifiedAt;
    this.#onReceipt = onReceipt;
  }

  get without(): number {
    return this.#inside - this.receipts;
  }

  get summary(): string {
    const { without } = this;
    const refused = this.uncertified === 0 ? '' : `, ${this.uncertified} of them refused by regions that the quorum needs`;
    return `${this.receipts} receipts in the range${without === 0 ? '' : `, ${without} entries without one`}${refused}`;
  }

  async all(lines: AsyncIterator<string>): Promise<true> {
    const { first, end } = this.#header;
    for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
      if (this.range.end === end) throw invalid('There are more entries than the range says');
      this.#entry(next.value, this.range.end);
    }
    if (this.range.end !== end) throw invalid(`There are ${this.range.end - first} entries, not ${end - first}`);
    return true;
  }

  /** Nothing between the ends was left out; nothing beyond them is in the span. */
  checkBounds(): string {
    const { since, until, first, end, log } = this.#header;
    if (this.#before > 1 || this.#after > 1) throw invalid('More than one entry beside the span is there');
    if (this.#before === 0 && first > 0) throw invalid('The entry before the first one is not there');
    // Where the log that was signed ends nothing can be said of what is later than its last entry.
    if (this.#after === 0 && (end < log.size || until > this.#last + 1n)) throw invalid('No entry is there that is later than the span');
    const left = this.#before === 0 ? "from the log's beginning" : 'after an earlier entry';
    const right = this.#after === 0 ? "to the certified log's end" : 'to a later entry';
    return `${since} to ${until}: ${left} ${right}`;
  }

  #entry(line: string, index: number): void {
    const { since, until } = this.#header;
    const { entry, held } = parseRangeEntry(line);
    if (!isEntry(entry)) throw invalid(`Entry ${index} is none`);
    const at = recordedAt(entry);
    if (at <= this.#last) throw invalid(`Entry ${index} is not later than the one before it`);
    this.#last = at;
    if (at < since) this.#before += 1;
    else if (at >= until) this.#after += 1;
    else this.#inside += 1;
    this.range.add(leafHash(entry));
    if (held !== undefined) this.#receipt({ index, at, entry }, held);
  }

  #receipt(
    { index, at, entry }: { readonly index: number; readonly at: bigint; readonly entry: Uint8Array },
    { receipt, salt }: { readonly receipt: Receipt; readonly salt: Uint8Array },
  ): void {
    const digest = receiptDigest(canonicalBytes(receipt));
    if (entryKind(entry) !== KIND_RECEIPT || !equalBytes(entryCommitment(entry), commitment(salt, digest)))
      throw invalid(`Entry ${index} does not commit to its receipt`);
    if (at < this.#header.since || at >= this.#header.until) throw invalid(`Entry ${index} is outside of the range, and has a receipt`);
    this.receipts += 1;
    if (!this.#isCertified(index)) this.uncertified += 1;
    this.#onReceipt?.(receipt, at);
  }
}

/** The steps as they are taken: whatever is thrown, what it was thrown about is not verified. */
class Steps {
  readonly #checks = new Map<RangeCheckName, RangeCheck>();

  take<T>(name: RangeCheckName, look: () => T, detail: (found: T) => string): T | undefined {
    try {
      const found = look();
      this.#checks.set(name, { name, ok: true, detail: detail(found) });
      return found;
    } catch (error) {
      return this.#failed(name, error);
    }
  }

  async takeAsync<T>(name: RangeCheckName, look: () => Promise<T>, detail: (found: T) => string): Promise<T | undefined> {
    try {
      const found = await look();
      this.#checks.set(name, { name, ok: true, detail: detail(found) });
      return found;
    } catch (error) {
      return this.#failed(name, error);
    }
  }

  report(read: { readonly header: RangeHeader; readonly walk: EntryWalk } | undefined): RangeReport {
    const checks = RANGE_CHECKS.map((name) => this.#checks.get(name) ?? { name, ok: false, detail: 'not looked at: a step before it failed' });
    return {
      valid: checks.every(({ ok }) => ok),
      checks,
      log: read?.header.log.origin ?? null,
      since: read === undefined ? null : rfc3339(recordedAtMs(read.header.since)),
      until: read === undefined ? null : rfc3339(recordedAtMs(read.header.until)),
      receipts: read?.walk.receipts ?? 0,
      without: read?.walk.without ?? 0,
      uncertified: read?.walk.uncertified ?? 0,
    };
  }

  /** What is handed in may be anything; a file that can't be read any further is for whoever reads it. */
  #failed(name: RangeCheckName, error: unknown): undefined {
    if (!(error instanceof ReceiptSyncError) && !(error instanceof TypeError)) throw error;
    this.#checks.set(name, { name, ok: false, detail: error.message });
    return undefined;
  }
}

function invalid(problem: string): ReceiptSyncError {
  return new ReceiptSyncError('INVALID_EVIDENCE', problem);
}
