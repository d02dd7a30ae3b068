import type { Policy } from '../tlog/policy.ts';
import { certifiesAsMuch, certifiesEntry, isLastToCertify, type SignedText } from './endorsement.ts';

/** The certified texts of one log that it takes to certify all that ever was (SPEC §4, §5). Never changed; a text that comes makes new ones. */
export interface CertifiedTexts<Text extends SignedText> {
  /** The largest. */
  readonly newest: Text | undefined;
  /** The largest that certifies all that those before it did: nearly always the newest. */
  readonly full: Text | undefined;
  /** Each was the last to certify something that lines then put out of reach, oldest first: kept for ever. */
  readonly kept: readonly Text[];
}

/** With a text whose signatures reach the threshold, or one of these that has got more of them. */
export function withCertified<Text extends SignedText>(policy: Policy, before: CertifiedTexts<Text>, text: Text): CertifiedTexts<Text> {
  const { newest, full } = before;
  if (newest !== undefined && text.size < newest.size) return withLate(policy, before, text);
  const kept = keptBefore(policy, before, text.refused);
  return { newest: text, full: full === undefined || certifiesAsMuch(policy, text, full) ? text : full, kept };
}

/**
 * The same for a mirror. `lines`: those of the log now, as its origin has just signed them. A text that certifies what none with them can
 * is kept when it is told, also where another one does as well: its origin may need it for more in time, and tells it only once.
 */
export function withTold<Text extends SignedText>(
  policy: Policy,
  before: CertifiedTexts<Text>,
  { text, lines }: { readonly text: Text; readonly lines: SignedText['refused'] },
): CertifiedTexts<Text> {
  const isLast = isLastToCertify(policy, text, { lines, others: [] });
  return withCertified(policy, isLast ? { ...before, kept: [...before.kept, text] } : before, text);
}

/** What must be kept for ever once texts have these lines: the last texts that certify what none with them can. */
export function keptBefore<Text extends SignedText>(policy: Policy, texts: CertifiedTexts<Text>, lines: SignedText['refused']): readonly Text[] {
  if (lines.length === 0) return texts.kept;
  let { kept } = texts;
  for (const text of [texts.newest, texts.full]) if (text !== undefined && isLastToCertify(policy, text, { lines, others: kept })) kept = [...kept, text];
  return kept;
}

/** The text to prove this entry with: the newest that certifies it. */
export function textFor<Text extends SignedText>(policy: Policy, { newest, full, kept }: CertifiedTexts<Text>, index: number): Text | undefined {
  if (newest !== undefined && certifiesEntry(policy, newest, index)) return newest;
  return [full, ...kept.toReversed()].find((text) => text !== undefined && certifiesEntry(policy, text, index));
}

/** A text that is smaller than the newest: it may certify what that does not. */
function withLate<Text extends SignedText>(policy: Policy, before: CertifiedTexts<Text>, text: Text): CertifiedTexts<Text> {
  const { newest, full } = before;
  const isFuller = full !== undefined && full !== newest && text !== full && certifiesAsMuch(policy, text, full);
  const others = [...before.kept, ...(newest === undefined ? [] : [newest])];
  const isLast = newest !== undefined && isLastToCertify(policy, text, { lines: newest.refused, others });
  return { newest, full: isFuller ? text : full, kept: isLast ? [...before.kept, text] : before.kept };
}
