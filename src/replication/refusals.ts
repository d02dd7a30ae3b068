import type { RecoveredLog } from '../log/changes.ts';
import type { RefusedRange } from '../log/log-text.ts';
import { type IndexRange, inOrder, joinedLines, withRefused } from '../log/refused-lines.ts';
import { IndexRanges } from '../std/index-ranges.ts';

/** What is told of refusals from one moment on. */
export interface Naming {
  readonly news: readonly RefusedRange[];
  readonly lines: readonly RefusedRange[];
  /** Entries for which a region is out of the count from then on only because lines were joined. */
  readonly between: readonly RefusedRange[];
}

/** What remotes refuse of the own log: each entry that they have told of, and the lines that its texts have for it (SPEC §4). */
export class Refusals {
  readonly #linesMax: number;
  /** Regions of weight 0: what they refuse stays unsigned, and needs no lines. */
  readonly #observers: ReadonlySet<string>;
  readonly #refused = new Map<string, IndexRanges>();
  #lines: readonly RefusedRange[] = [];

  constructor(recovered: Pick<RecoveredLog, 'refused' | 'joined'>, options: { readonly linesMax: number; readonly observers: ReadonlySet<string> }) {
    this.#linesMax = options.linesMax;
    this.#observers = options.observers;
    const named = new Map<string, IndexRanges>();
    for (const { region, first, last } of recovered.refused) this.#of(region).add(first, last + 1);
    for (const { region, first, last } of [...recovered.refused, ...recovered.joined]) rangesOf(named, region).add(first, last + 1);
    const lines = [...named].flatMap(([region, ranges]) => (this.#observers.has(region) ? [] : rangesIn(region, ranges.ranges())));
    this.#lines = joinedLines(lines.sort(inOrder), this.#linesMax);
  }

  /** At most 64, joined where there would be more. */
  get lines(): readonly RefusedRange[] {
    return this.#lines;
  }

  /** How many entries somebody refuses. */
  get count(): number {
    let count = 0;
    for (const refused of this.#refused.values()) count += refused.count;
    return count;
  }

  /** By region, how many entries it refuses. */
  counts(): readonly (readonly [string, number])[] {
    return [...this.#refused].map(([region, { count }]) => [region, count]);
  }

  /** Has the region told that it refuses this entry? */
  refuses(region: string, index: number): boolean {
    return this.#refused.get(region)?.has(index) === true;
  }

  /** Is the region out of the count for this entry only because lines were joined? */
  isBetween(region: string, index: number): boolean {
    return this.#lines.some((line) => line.region === region && line.first <= index && index <= line.last) && !this.refuses(region, index);
  }

  /** All entries for which a region is out of the count only because lines were joined. */
  joined(): readonly RefusedRange[] {
    return this.#lines.flatMap(({ region, first, last }) => rangesIn(region, this.#of(region).missing(first, last + 1)));
  }

  /** What of these ranges, below `size`, it has not told before. */
  news(region: string, ranges: readonly IndexRange[], size: number): readonly RefusedRange[] {
    return ranges.flatMap(({ first, last }) => rangesIn(region, this.#of(region).missing(first, Math.min(last + 1, size))));
  }

  /** What texts say once these are told too. `isSettled`: does nobody need that region for these entries any more? */
  with(news: readonly RefusedRange[], isSettled: (between: RefusedRange) => boolean): Naming {
    const named = news.filter(({ region }) => !this.#observers.has(region));
    if (named.length === 0) return { news, lines: this.#lines, between: [] };
    const apart = named.reduce(withRefused, this.#lines);
    const lines = joinedLines(apart, this.#linesMax, isSettled);
    return { news, lines, between: lines === apart ? [] : lines.flatMap((line) => this.#between(line, news)) };
  }

  /** It is durable: from now on it is told. */
  apply({ news, lines }: Naming): void {
    this.#lines = lines;
    for (const { region, first, last } of news) this.#of(region).add(first, last + 1);
  }

  /** What regions refuse of these entries, each by itself. */
  within({ first, last }: IndexRange): readonly RefusedRange[] {
    return [...this.#refused].flatMap(([region, refused]) => {
      const between = refused.missing(first, last + 1);
      const starts = [first, ...between.map(([, end]) => end)];
      const ranges = starts.map((start, n) => [start, between[n]?.[0] ?? last + 1] as const);
      return rangesIn(
        region,
        ranges.filter(([start, end]) => start < end),
      );
    });
  }

  /** What of a line is newly between refused entries. */
  #between({ region, first, last }: RefusedRange, news: readonly RefusedRange[]): readonly RefusedRange[] {
    const named = new IndexRanges();
    for (const range of [...this.#lines, ...news, ...this.within({ first, last })]) if (range.region === region) named.add(range.first, range.last + 1);
    return rangesIn(region, named.missing(first, last + 1));
  }

  #of(region: string): IndexRanges {
    return rangesOf(this.#refused, region);
  }
}

function rangesOf(all: Map<string, IndexRanges>, region: string): IndexRanges {
  const known = all.get(region) ?? new IndexRanges();
  all.set(region, known);
  return known;
}

function rangesIn(region: string, pairs: readonly (readonly [number, number])[]): readonly RefusedRange[] {
  return pairs.map(([start, end]) => ({ region, first: start, last: end - 1 }));
}
