import { isNamed, type RefusedRange } from '../log/log-text.ts';
import type { IndexRange } from '../log/refused-lines.ts';
import { isQuorum, type Policy } from '../tlog/policy.ts';

/** A text of a log, and who has signed it: what it certifies differs from entry to entry where it has lines (SPEC §4). */
export interface SignedText {
  readonly size: number;
  readonly refused: readonly RefusedRange[];
  /** By region; more may come. */
  readonly signers: { readonly size: number; has(region: string): boolean; keys(): Iterable<string> };
}

/** Regions that stand for this entry with this text: they have signed it, and it does not name them for the entry. */
export function endorsers(text: SignedText, index: number): ReadonlySet<string> {
  if (index >= text.size) return new Set();
  return new Set([...text.signers.keys()].filter((region) => !isNamed(text, region, index)));
}

/** Does the text certify this entry? */
export function certifiesEntry(policy: Policy, text: SignedText, index: number): boolean {
  return isQuorum(policy.quorum, endorsers(text, index));
}

/** Can texts with these lines certify this entry, if everybody else signs them? */
export function isInReach(policy: Policy, lines: readonly RefusedRange[], index: number): boolean {
  return canReach(policy, (region) => isNamed({ refused: lines }, region, index));
}

/** Is there a quorum without those that are out? */
export function canReach(policy: Policy, isOut: (region: string) => boolean): boolean {
  return isQuorum(policy.quorum, new Set([...policy.witnesses.keys()].filter((region) => !isOut(region))));
}

/** Does `text` certify something that none of the others does? `near`: texts that a quorum has signed and that nearly always do; the `far` ones may be many. */
export function certifiesMore(
  policy: Policy,
  text: SignedText,
  { near, far }: { readonly near: readonly SignedText[]; readonly far: readonly SignedText[] },
): boolean {
  if (near.some((other) => isWithin(text, other))) return false;
  const all = edges([text.refused, ...near.map(reach)], { from: 0, to: text.size });
  return all.some((from, n) => {
    if (!certifiesEntry(policy, text, from) || near.some((other) => certifiesEntry(policy, other, from))) return false;
    return !isCertified(policy, { from, to: all[n + 1] ?? text.size }, far);
  });
}

/** Does the other one certify all that this does, seen without a look at the entries: it names nobody, or has these lines, and those have signed it, or more. */
function isWithin(text: SignedText, other: SignedText): boolean {
  if (other.size < text.size) return false;
  return other.refused.length === 0 || (other.refused === text.refused && [...text.signers.keys()].every((region) => other.signers.has(region)));
}

/** Does `text` certify something that no text with these lines can, and that none of the `others` does? Then it is kept for ever. */
export function isLastToCertify(
  policy: Policy,
  text: SignedText,
  { lines, others }: { readonly lines: readonly RefusedRange[]; readonly others: readonly SignedText[] },
): boolean {
  if (lines.length === 0 || lines === text.refused) return false;
  const all = edges([lines, text.refused], { from: 0, to: text.size });
  // Nearly always there is no such stretch, and the others, of which there may be many, need no look.
  return all.some(
    (from, n) => !isInReach(policy, lines, from) && certifiesEntry(policy, text, from) && !isCertified(policy, { from, to: all[n + 1] ?? text.size }, others),
  );
}

/** Is every entry of the span certified by one of these texts? */
export function isCertified(policy: Policy, span: { readonly from: number; readonly to: number }, texts: readonly SignedText[]): boolean {
  const all = edges(texts.map(reach), span);
  return all.every((index) => texts.some((text) => certifiesEntry(policy, text, index)));
}

/** What is known of a log's refusals: the lines of its texts, and what stands behind them. */
export interface LogRefusals {
  readonly lines: readonly RefusedRange[];
  /** What regions really refuse of the span. */
  readonly refused: readonly IndexRange[];
  readonly refuses: (region: string, index: number) => boolean;
}

/** Entries of a span that are out of reach only because lines were joined, and that none of the texts certifies. */
export function outOfReach(
  policy: Policy,
  span: { readonly from: number; readonly to: number },
  { lines, refused, refuses, texts }: LogRefusals & { readonly texts: readonly SignedText[] },
): readonly IndexRange[] {
  const all = edges([lines, refused, ...texts.map(reach)], span);
  const ranges: IndexRange[] = [];
  for (const [n, first] of all.entries()) {
    if (isInReach(policy, lines, first) || !canReach(policy, (region) => refuses(region, first))) continue;
    if (texts.some((text) => certifiesEntry(policy, text, first))) continue;
    ranges.push({ first, last: (all[n + 1] ?? span.to) - 1 });
  }
  return ranges;
}

/** Where what a text certifies may change. */
function reach({ refused, size }: SignedText): readonly IndexRange[] {
  return [...refused, { first: 0, last: size - 1 }];
}

/** Where something may change from one entry of the span to the next: within each stretch that begins at one of these all entries are alike. */
function edges(lists: readonly (readonly IndexRange[])[], { from, to }: { readonly from: number; readonly to: number }): readonly number[] {
  if (from >= to) return [];
  const within = lists.flatMap((ranges) => ranges.flatMap(({ first, last }) => [first, last + 1])).filter((index) => index > from && index < to);
  return [...new Set([from, ...within])].sort((a, b) => a - b);
}
