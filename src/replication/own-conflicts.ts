import { OWN_LOG } from '../log/changes.ts';
import { wholeItems } from '../log/group.ts';
import type { RefusedRange } from '../log/log-text.ts';
import type { IndexRange } from '../log/refused-lines.ts';
import { readItem } from '../log/stored-item.ts';
import type { Conflict } from '../log/turn.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogNumber, LogStore } from '../ports/log-store.ts';
import type { Observer } from '../ports/observer.ts';
import { allTexts, keptBefore } from '../quorum/certified.ts';
import { outOfReach } from '../quorum/endorsement.ts';
import { toHex } from '../std/bytes.ts';
import { IndexRanges } from '../std/index-ranges.ts';
import type { Policy } from '../tlog/policy.ts';
import { Again } from './again.ts';
import { type Alarms, PLAIN_ALARM } from './alarms.ts';
import { type CertifiedText, certifiedChanges } from './certify.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Committer } from './commit.ts';
import { REFUSED_ENTRY } from './mirror-calls.ts';
import type { RefusedRanges } from './mirror-link-options.ts';
import type { Rotten } from './rotten.ts';

/** Events of one answer: as many as it has lines (`log/mirror-answer.ts`). Of a line that spans more than a group the first ones are told. */
const REFUSED_SAID_MAX = 1_024;

/** Entries of the own log that a region is out of the count for, though it does not refuse them. */
export interface Between {
  readonly ranges: readonly RefusedRange[];
  /** Those among them that will get another place. */
  readonly moves: (index: number) => boolean;
}

export interface OwnConflictsOptions {
  readonly policy: Policy;
  readonly checkpoints: Checkpoints;
  readonly committer: Pick<Committer, 'ownSize' | 'record' | 'submit'>;
  readonly store: Pick<LogStore, 'entries'>;
  readonly clock: Clock;
  readonly rotten: Pick<Rotten, 'tell'>;
  readonly observe: Observer;
  readonly alarms: Pick<Alarms, 'raise'>;
  readonly isForgotten: () => boolean;
  /** Texts have other lines than before. */
  readonly onNews: () => void;
  /** Lines were joined: told again and again. */
  readonly onBetween: (between: Between) => void;
  /** An own receipt was appended again. */
  readonly onMoved: (moved: { readonly from: number; readonly to: number; readonly receiptId: string }) => void;
}

/**
 * What remotes refuse of the own log (SPEC §4): made durable, then named by all texts. Receipts that joined lines leave without a
 * quorum are appended again, and texts that are the last to certify something are kept.
 */
export class OwnConflicts {
  readonly #options: OwnConflictsOptions;
  readonly #again: Again;
  /** Entries that lines have taken a region out of the count for since they were last looked at: some may have to be appended again. */
  readonly #between = new IndexRanges();
  /** The size of what was certified at the last tick. */
  #ripe = 0;
  /** Behind the last entry that was appended again. */
  #roundEnd = 0;
  /** One refusal is made durable and named after the other: each rests on the lines before it. */
  #naming: Promise<unknown> = Promise.resolve();
  /** Of each text kept for ever, how many signatures are durable with it. */
  #saved: readonly number[];

  constructor(options: OwnConflictsOptions) {
    this.#options = options;
    this.#again = new Again({
      ...options,
      onMoved: (moved) => {
        this.#roundEnd = Math.max(this.#roundEnd, moved.to + 1);
        options.onMoved(moved);
      },
    });
    this.#saved = signaturesOf(options.checkpoints.proving.kept);
    // What was out of reach when this region went down, and perhaps not appended again by then.
    for (const { first, last } of options.checkpoints.refusals.lines) this.#between.add(first, last + 1);
  }

  /** False where that could not be made durable: then the remote has to be asked again. */
  refuse(region: string, told: RefusedRanges): Promise<boolean> {
    const named = this.#naming.then(() => this.#name(region, told));
    this.#naming = named;
    return named;
  }

  /** Is this region out of the count for an own entry that it does not refuse, and that stays where it is? */
  isOut(region: string, index: number): boolean {
    return this.#options.checkpoints.refusals.isBetween(region, index) && !this.#moves(index);
  }

  /** Once a second. */
  tick(): void {
    this.#appendAgain();
    this.#sayBetween();
    const { kept } = this.#options.checkpoints.proving;
    if (this.#firstUnsaved(kept) < kept.length) this.#naming = this.#naming.then(() => this.#saveKept());
  }

  stop(): void {
    this.#again.stop();
  }

  /** Durable first: a text of ours names what a remote refuses only when it always will. */
  async #name(region: string, told: RefusedRanges): Promise<boolean> {
    const { committer, checkpoints, policy, isForgotten, onNews } = this.#options;
    const { refusals, proving } = checkpoints;
    const news = refusals.news(region, told, committer.ownSize);
    if (news.length === 0) return true;
    const naming = refusals.with(news, (between) => checkpoints.isSettled(between));
    const { between } = naming;
    const kept = keptBefore(policy, proving, naming.lines);
    const changes = certifiedChanges(OWN_LOG, { ...proving, kept }, this.#firstUnsaved(kept));
    const rows = news.map((range) => ({ log: OWN_LOG, ...range }));
    const saved = signaturesOf(kept);
    if (!(await committer.record({ refusals: rows, joined: between, ...changes })) || isForgotten()) return false;
    this.#saved = saved;
    checkpoints.refuse(naming, kept);
    for (const { first, last } of [...between, ...news]) this.#between.add(first, last + 1);
    this.#sayBetween();
    onNews();
    void this.#sayRefused(region, news);
    return true;
  }

  /**
   * Whoever waits for a region that is out of the count waits in vain, unless the receipt gets another place: all are told again, as what
   * would get one may get none once more regions refuse it or others have certified it (seed 710003).
   */
  #sayBetween(): void {
    const ranges = this.#options.checkpoints.refusals.joined();
    if (ranges.length > 0) this.#options.onBetween({ ranges, moves: (index) => this.#moves(index) });
  }

  /** Its refusal of each receipt, by id, also where nobody waits for it. */
  async #sayRefused(region: string, news: readonly RefusedRange[]): Promise<void> {
    const { observe, store, alarms } = this.#options;
    const { code, message } = REFUSED_ENTRY;
    const [first] = news;
    const alarmed = `${region} refuses entry ${first?.first} of our log: it holds another content under its id`;
    void alarms.raise({ ...PLAIN_ALARM, alarm: 'conflict', region, message: alarmed });
    for (const range of news.slice(0, REFUSED_SAID_MAX)) {
      const groups = await store.entries(OWN_LOG, range.first, 0).catch(() => []);
      for (const group of groups)
        for (const [n, item] of (wholeItems(group) ?? []).slice(0, range.last + 1 - group.start).entries()) {
          const read = group.start + n < range.first ? undefined : readItem(item);
          if (read?.kind === 'receipt') observe({ kind: 'refused', receiptId: read.id, region, code, message });
        }
    }
  }

  /** Texts that became the last to certify something after their time, or were signed by more. In turn with what is named: both count the places. */
  async #saveKept(): Promise<void> {
    const { proving } = this.#options.checkpoints;
    const saved = signaturesOf(proving.kept);
    const changes = certifiedChanges(OWN_LOG, proving, this.#firstUnsaved(proving.kept));
    if (await this.#options.committer.record(changes)) this.#saved = saved;
  }

  /** The place of the first one that is not durable as it is now. */
  #firstUnsaved(kept: readonly CertifiedText[]): number {
    const first = kept.findIndex(({ signers }, n) => signers.size !== this.#saved[n]);
    return first === -1 ? kept.length : first;
  }

  /**
   * Own entries that nothing can certify any more for no refusal of theirs get another place: those below what was certified a while ago.
   * As long as no quorum signs a new place would be no better than the old one, and who signs last must have had the time to.
   */
  #appendAgain(): void {
    const { checkpoints, policy } = this.#options;
    const size = this.#ripe;
    this.#ripe = checkpoints.proving.newest?.size ?? 0;
    if (this.#between.count > 0 && this.#again.isDone && size >= this.#roundEnd) {
      const out = this.#between.ranges().flatMap(([from, end]) => {
        const to = Math.min(end, size);
        if (from >= to) return [];
        const refused = checkpoints.refusals.within({ first: from, last: to - 1 });
        return outOfReach(policy, { from, to }, { ...this.#refusals(), refused });
      });
      this.#between.remove(0, size);
      const [now, later] = this.#firstRound(out);
      for (const { first, last } of later) this.#between.add(first, last + 1);
      this.#again.add(now);
    }
    this.#again.go();
  }

  /**
   * Those that the same regions refuse as the first one, and the rest. Appended together they put nobody but each other's refusers out
   * of the count; with others between them each refusal would join lines over those, round after round (seed 633825865).
   */
  #firstRound(out: readonly IndexRange[]): readonly [readonly IndexRange[], readonly IndexRange[]] {
    const { refusals } = this.#options.checkpoints;
    const alike = out.flatMap((range) => uniform(range, refusals.within(range)));
    const refusersOf = ({ first }: IndexRange): string =>
      refusals
        .counts()
        .flatMap(([region]) => (refusals.refuses(region, first) ? [region] : []))
        .sort()
        .join(' ');
    const key = alike[0] === undefined ? '' : refusersOf(alike[0]);
    return [alike.filter((range) => refusersOf(range) === key), alike.filter((range) => refusersOf(range) !== key)];
  }

  /** Is this entry one of those, sooner or later? */
  #moves(index: number): boolean {
    return outOfReach(this.#options.policy, { from: index, to: index + 1 }, { ...this.#refusals(), refused: [] }).length > 0;
  }

  #refusals(): Omit<Parameters<typeof outOfReach>[2], 'refused'> {
    const { refusals, proving } = this.#options.checkpoints;
    return { lines: refusals.lines, refuses: (region, index) => refusals.refuses(region, index), texts: allTexts(proving) };
  }
}

/** Each is an id with two contents: here the second one is refused. */
export function sayConflicts(
  conflicts: readonly Conflict[],
  to: { readonly observe: Observer; readonly alarms: Alarms; readonly originOf: (log: LogNumber) => string | undefined },
): void {
  const alarmed = new Set<string>();
  for (const { receiptId, held, offered, log, index } of conflicts) {
    const region = to.originOf(log) ?? '';
    to.observe({ kind: 'conflict', receiptId, digest: toHex(held), offeredDigest: toHex(offered), from: 'mirror', region, index });
    // One alarm stands at a time, whatever else comes; the listing by state has all of them.
    if (alarmed.has(region)) continue;
    alarmed.add(region);
    const message = `The log of ${region} holds another content under an id that is known here, at entry ${index}: it is refused`;
    void to.alarms.raise({ ...PLAIN_ALARM, alarm: 'conflict', region, message });
  }
}

function signaturesOf(kept: readonly CertifiedText[]): readonly number[] {
  return kept.map(({ signers }) => signers.size);
}

/** A range in pieces of which each is refused as a whole or not at all. */
function uniform({ first, last }: IndexRange, refused: readonly IndexRange[]): readonly IndexRange[] {
  const cuts = [...new Set([first, ...refused.flatMap((range) => [range.first, range.last + 1])])].filter((cut) => cut >= first && cut <= last);
  const starts = cuts.sort((a, b) => a - b);
  return starts.map((start, n) => ({ first: start, last: (starts[n + 1] ?? last + 1) - 1 }));
}
