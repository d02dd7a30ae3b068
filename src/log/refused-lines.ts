import { byBytes } from '../std/bytes.ts';
import { REFUSED_LINES_MAX, type RefusedRange } from './log-text.ts';

/** Entries `first` to `last` of one region, both included. */
export type IndexRange = Omit<RefusedRange, 'region'>;

/** The lines with one more range, joined where they touch; sorted as a text wants them (SPEC §4). */
export function withRefused(lines: readonly RefusedRange[], added: RefusedRange): readonly RefusedRange[] {
  const { region } = added;
  let [first, last] = [added.first, added.last];
  const apart = lines.filter((range) => {
    if (range.region !== region || range.last + 1 < first || range.first > last + 1) return true;
    [first, last] = [Math.min(first, range.first), Math.max(last, range.last)];
    return false;
  });
  const before = apart.filter((range) => inOrder(range, { region, first, last }) < 0);
  return [...before, { region, first, last }, ...apart.slice(before.length)];
}

/** The ranges as a text could have them, whatever their order and however they overlap: joined where they touch. */
export function unionOf(ranges: readonly RefusedRange[]): readonly RefusedRange[] {
  const joined: RefusedRange[] = [];
  for (const range of ranges.toSorted(inOrder)) {
    const before = joined.at(-1);
    if (before === undefined || before.region !== range.region || range.first > before.last + 1) joined.push(range);
    else if (range.last > before.last) joined[joined.length - 1] = { ...before, last: range.last };
  }
  return joined;
}

/**
 * At most `max` lines that name all of these: ranges of one region are joined, and the region is then out of the count for what lies
 * between too (SPEC §4). Where `isSettled` says that nobody needs it for that any more, all such ranges are joined at once: many refusals
 * pass until lines are joined again, and one text is kept for all of it. If that is not enough, the nearest ranges are. More regions
 * than `max` can't be had: each keeps one line.
 */
export function joinedLines(
  lines: readonly RefusedRange[],
  max: number = REFUSED_LINES_MAX,
  isSettled: (between: RefusedRange) => boolean = () => false,
): readonly RefusedRange[] {
  if (lines.length <= max) return lines;
  const apart = closed(lines, (gaps) => gaps.filter(isSettled));
  return closed(apart, (gaps) => gaps.sort((a, b) => a.last - a.first - (b.last - b.first)).slice(0, Math.max(0, apart.length - max)));
}

/** The lines, joined over some of the gaps between those of one region; joining two leaves the other gaps as they are. */
function closed(lines: readonly RefusedRange[], choose: (gaps: RefusedRange[]) => readonly RefusedRange[]): readonly RefusedRange[] {
  const gaps = new Map<number, RefusedRange>();
  for (const [n, { region, first }] of lines.entries()) {
    const before = lines[n - 1];
    if (before?.region === region) gaps.set(n, { region, first: before.last + 1, last: first - 1 });
  }
  const chosen = new Set(choose([...gaps.values()]));
  const joined: RefusedRange[] = [];
  for (const [n, line] of lines.entries()) {
    const [before, gap] = [joined.at(-1), gaps.get(n)];
    if (before !== undefined && gap !== undefined && chosen.has(gap)) joined[joined.length - 1] = { ...before, last: line.last };
    else joined.push(line);
  }
  return joined;
}

/** What of a text's lines lies below `size`: a line speaks of entries that the text has. */
export function linesBelow(lines: readonly RefusedRange[], size: number): readonly RefusedRange[] {
  if (lines.every(({ last }) => last < size)) return lines;
  return lines.filter(({ first }) => first < size).map((range) => ({ ...range, last: Math.min(range.last, size - 1) }));
}

/** Of what `region` refuses (indexes, ascending) below `size`, what `named` does not name: as ranges, lowest first, at most `countMax`. */
export function unnamed(
  refused: readonly number[],
  against: { readonly region: string; readonly size: number; readonly named: readonly RefusedRange[]; readonly countMax: number },
): readonly IndexRange[] {
  const { region, size, countMax } = against;
  const named = against.named.filter((range) => range.region === region);
  const below = countBelow(refused, size);
  // Nearly always everything is named, and that is seen without looking at each.
  const covered = named.reduce((sum, { first, last }) => sum + countBelow(refused, Math.min(last + 1, size)) - countBelow(refused, Math.min(first, size)), 0);
  if (covered === below) return [];
  const ranges: IndexRange[] = [];
  for (const index of refused.slice(0, below)) {
    if (named.some(({ first, last }) => first <= index && index <= last)) continue;
    const before = ranges.at(-1);
    if (before?.last === index - 1) ranges[ranges.length - 1] = { first: before.first, last: index };
    else if (ranges.length === countMax) break;
    else ranges.push({ first: index, last: index });
  }
  return ranges;
}

/** Can a mirror refuse these of a text, by SPEC §3.2: in order, apart, within it, and none that it names already? */
export function areUnnamed(
  ranges: readonly IndexRange[],
  { region, size, named }: { readonly region: string; readonly size: number; readonly named: readonly RefusedRange[] },
): boolean {
  return ranges.every(
    ({ first, last }, n) =>
      last < size && first > (ranges[n - 1]?.last ?? -1) && !named.some((cover) => cover.region === region && cover.first <= first && last <= cover.last),
  );
}

/** By region, in byte order, then by first. */
export function inOrder(a: RefusedRange, b: RefusedRange): number {
  return byBytes(a.region, b.region) || a.first - b.first;
}

/** How many of the ascending numbers are < `limit`. */
function countBelow(numbers: readonly number[], limit: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
