/** The three regions, shown as A, B and C. Each is the origin of one log and mirrors the two others. */
export type Region = 0 | 1 | 2;
/** All of them. */
export const REGIONS: readonly Region[] = [0, 1, 2];

/** Something of each region. */
export type Three<T> = readonly [T, T, T];

/**
 * A log is the string of its entries, one letter each: `1` and `2` are the two contents under the one id that everything is about, `f` is
 * a receipt of another id. The string stands for the tree and its root too: two logs with the same root are the same log.
 */
export type Log = string;

/** A content of the id, or `''`: none was seen yet. */
export type Content = '' | '1' | '2';

/** One region's copy of one log, its own included. All but `answered` and `said` is on its disk. */
export interface Copy {
  readonly log: Log;
  /** Indices of entries that this region refuses, one digit each. */
  readonly refused: string;
  /** Texts that a turn has decided to cosign. */
  readonly texts: readonly string[];
  /** Those whose cosignature has left this region at least once: what the world may know. */
  readonly answered: readonly string[];
  /** Indices that have left in a `refused` answer: what the origin may know. */
  readonly said: string;
}

/** What one region holds. */
export interface RegionState {
  /** The first content seen under the id, from anywhere (SPEC §4). */
  readonly first: Content;
  /** Has a plain acknowledgement of it left this region? It counts for a quorum and for no certificate (SPEC §3.1). */
  readonly acknowledged: boolean;
  readonly copies: Three<Copy>;
  /** Only where a planted simplification has memory that a restart loses: logs about which it has looked up that nothing was known. */
  readonly looked: string;
}

/** What an honest origin knows and has signed with its log key. */
export interface Origin {
  /** Lines that its texts from now on have, as `B0`: B refuses entry 0. Durable before any text has them. */
  readonly named: readonly string[];
  /**
   * Every text it ever signed. They are the network: each may reach each region at any time, any number of times and in any order, or
   * never. So losses, repeats and reordering need no step of their own, and no bound.
   */
  readonly signed: readonly string[];
}

/** The whole world. */
export interface State {
  readonly regions: Three<RegionState>;
  readonly origins: Three<Origin>;
}

const NO_COPY: Copy = { log: '', refused: '', texts: [], answered: [], said: '' };
const NEW_REGION: RegionState = { first: '', acknowledged: false, copies: [NO_COPY, NO_COPY, NO_COPY], looked: '' };
const NEW_ORIGIN: Origin = { named: [], signed: [] };

/** Nobody has anything. */
export const EMPTY: State = { regions: [NEW_REGION, NEW_REGION, NEW_REGION], origins: [NEW_ORIGIN, NEW_ORIGIN, NEW_ORIGIN] };

/** How a region is shown, and named in a line. */
export function letterOf(region: Region): string {
  return 'ABC'.charAt(region);
}

/** The same three with one of them changed. */
export function withAt<T>(three: Three<T>, at: Region, value: T): Three<T> {
  return [at === 0 ? value : three[0], at === 1 ? value : three[1], at === 2 ? value : three[2]];
}

/** The region with its copy of one log changed; the very same region where nothing of it is another. */
export function withCopy(region: RegionState, log: Region, copy: Copy): RegionState {
  const was = region.copies[log];
  const isSame = was.log === copy.log && was.refused === copy.refused && was.said === copy.said && was.texts === copy.texts && was.answered === copy.answered;
  return isSame ? region : { ...region, copies: withAt(region.copies, log, copy) };
}

/** A sorted set with one more; the very same set where it is in already. */
export function withOne(set: readonly string[], one: string): readonly string[] {
  return set.includes(one) ? set : [...set, one].sort();
}

/** The digits of both, each once, sorted. */
export function withDigits(digits: string, more: string): string {
  return [...new Set([...digits, ...more])].sort().join('');
}

/** A region as one string, equal for equal ones only. */
export function regionKey({ first, acknowledged, copies, looked }: RegionState): string {
  let key = `${first}${acknowledged ? '+' : ''}${looked}`;
  for (const { log, refused, texts, answered, said } of copies) key += `;${log},${refused},${said},${texts.join()}>${answered.join()}`;
  return key;
}

/** The same of an origin. */
export function originKey({ named, signed }: Origin): string {
  return `${named.join()}>${signed.join()}`;
}
