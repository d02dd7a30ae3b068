import { type Edge, EMPTY_EDGE } from '../tlog/edge.ts';
import { type CosignedText, type LogNumber, RECEIVED_LOG, type RecoveredLog } from './changes.ts';
import type { RefusedRange } from './log-text.ts';
import { REFUSED_TOLD_MAX } from './mirror-answer.ts';

/** How far a log has come: what the next turn rests on. Never changed; a turn that was made durable has new ones. */
export interface LogHead {
  readonly size: number;
  /** `recorded_at` of the last entry, 0n where empty. */
  readonly lastRecordedAt: bigint;
  /** `undefined`: a log without a tree, which nobody mirrors. */
  readonly edge: Edge | undefined;
  /** The newest texts that were cosigned, oldest first. */
  readonly texts: readonly CosignedText[];
  /** Of a mirrored log: what this region refuses. Of the own one: what remotes do. Sorted by region, then by first; disjoint. */
  readonly refused: readonly RefusedRange[];
}

export type Heads = ReadonlyMap<LogNumber, LogHead>;

/** Of a log that has no entry yet. */
export function emptyHead(log: LogNumber): LogHead {
  return { size: 0, lastRecordedAt: 0n, edge: log === RECEIVED_LOG ? undefined : EMPTY_EDGE, texts: [], refused: [] };
}

/** Where a log stands. */
export function headOf(heads: Heads, log: LogNumber): LogHead {
  return heads.get(log) ?? emptyHead(log);
}

/** The heads with which a region starts. */
export function recoveredHeads(logs: ReadonlyMap<LogNumber, RecoveredLog>): Heads {
  return new Map([...logs].map(([log, { size, lastRecordedAt, edge, texts, refused }]) => [log, { size, lastRecordedAt, edge, texts, refused }]));
}

/** The ranges with one more, joined where they touch (SPEC §4). */
export function withRefused(refused: readonly RefusedRange[], added: RefusedRange): readonly RefusedRange[] {
  return withAllRefused(refused, [added]);
}

/** The same with many, in one go: an origin can make every second entry of every batch one that is refused. */
export function withAllRefused(refused: readonly RefusedRange[], added: readonly RefusedRange[]): readonly RefusedRange[] {
  if (added.length === 0) return refused;
  const joined: RefusedRange[] = [];
  for (const range of [...refused, ...added].sort(byPlace)) {
    const before = joined.at(-1);
    if (before === undefined || before.region !== range.region || range.first > before.last + 1) joined.push(range);
    else if (range.last > before.last) joined[joined.length - 1] = { ...before, last: range.last };
  }
  return joined;
}

function byPlace(a: RefusedRange, b: RefusedRange): number {
  if (a.region === b.region) return a.first - b.first;
  return a.region < b.region ? -1 : 1;
}

/** Can a mirror refuse these of a text, by SPEC §3.2: in order, apart, within it, and none that it names already? */
export function areUnnamed(
  ranges: readonly Pick<RefusedRange, 'first' | 'last'>[],
  { region, size, named }: { readonly region: string; readonly size: number; readonly named: readonly RefusedRange[] },
): boolean {
  return ranges.every(
    ({ first, last }, n) =>
      last < size && first > (ranges[n - 1]?.last ?? -1) && !named.some((cover) => cover.region === region && cover.first <= first && last <= cover.last),
  );
}

/** Of what `region` refuses below `size`, what `named` does not name: as much as one answer tells, lowest first. */
export function unnamed(
  refused: readonly RefusedRange[],
  against: { readonly region: string; readonly size: number; readonly named: readonly RefusedRange[] },
): readonly RefusedRange[] {
  const { region, size, named } = against;
  const covered = named.filter((range) => range.region === region);
  const found: RefusedRange[] = [];
  for (const range of refused) {
    if (found.length === REFUSED_TOLD_MAX) break;
    if (range.region !== region || range.first >= size) continue;
    const last = Math.min(range.last, size - 1);
    if (!covered.some((cover) => cover.first <= range.first && last <= cover.last)) found.push({ ...range, last });
  }
  return found;
}
