import type { Policy } from '../tlog/policy.ts';
import { certifiesEntry, certifiesMore, isLastToCertify, type SignedText } from './endorsement.ts';

/** Texts that wait for newer ones to certify as much: beyond, the oldest is kept for ever. */
export const OLDER_MAX = 16;

/** The certified texts of one log that it takes to certify all that ever was (SPEC §4, §5). Never changed; a text that comes makes new ones. */
export interface CertifiedTexts<Text extends SignedText> {
  /** The largest. */
  readonly newest: Text | undefined;
  /** Each certifies what neither the newest nor those after it do, oldest first: until they do. Nearly always there is none. */
  readonly older: readonly Text[];
  /** Each was the last to certify something that lines then put out of reach, oldest first: kept for ever. */
  readonly kept: readonly Text[];
}

/** With a text whose signatures reach the threshold, or one of these that has got more of them. */
export function withCertified<Text extends SignedText>(policy: Policy, before: CertifiedTexts<Text>, text: Text): CertifiedTexts<Text> {
  const newest = before.newest !== undefined && text.size < before.newest.size ? before.newest : text;
  const others = new Set([...before.older, text, ...(before.newest === undefined ? [] : [before.newest])]);
  others.delete(newest);
  const waiting = [...others].sort((one, other) => one.size - other.size);
  const kept = keptBefore(policy, { newest, older: waiting, kept: before.kept }, newest.refused);
  const older = stillNeeded(policy, newest, { older: waiting, kept });
  const excess = older.slice(0, Math.max(0, older.length - OLDER_MAX));
  return { newest, older: older.slice(excess.length), kept: excess.length === 0 ? kept : [...kept, ...excess] };
}

/** What must be kept for ever once texts have these lines: the last texts that certify what none with them can. */
export function keptBefore<Text extends SignedText>(policy: Policy, texts: CertifiedTexts<Text>, lines: SignedText['refused']): readonly Text[] {
  let { kept } = texts;
  for (const text of [texts.newest, ...texts.older.toReversed()])
    if (text !== undefined && isLastToCertify(policy, text, { lines, others: kept })) kept = [...kept, text];
  return kept;
}

/** The text to prove this entry with: the newest that certifies it. */
export function textFor<Text extends SignedText>(policy: Policy, texts: CertifiedTexts<Text>, index: number): Text | undefined {
  return allTexts(texts).find((text) => certifiesEntry(policy, text, index));
}

/** All of them: the newest, those that wait, those that are kept, each the newest first. */
export function allTexts<Text extends SignedText>({ newest, older, kept }: CertifiedTexts<Text>): readonly Text[] {
  return [...(newest === undefined ? [] : [newest]), ...older.toReversed(), ...kept.toReversed()];
}

/** Has nothing changed? */
export function areSame<Text extends SignedText>(one: CertifiedTexts<Text>, other: CertifiedTexts<Text>): boolean {
  const isOlderSame = one.older.length === other.older.length && one.older.every((text, n) => text === other.older[n]);
  return one.newest === other.newest && isOlderSame && one.kept === other.kept;
}

/** Those that certify what no other one does. */
function stillNeeded<Text extends SignedText>(policy: Policy, newest: Text, { older, kept }: Pick<CertifiedTexts<Text>, 'older' | 'kept'>): readonly Text[] {
  const near = [newest];
  for (const text of older.toReversed()) if (certifiesMore(policy, text, { near, far: kept })) near.push(text);
  return near.slice(1).reverse();
}
