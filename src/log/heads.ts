import { type Edge, EMPTY_EDGE } from '../tlog/edge.ts';
import { type CosignedText, type LogNumber, RECEIVED_LOG, type RecoveredLog } from './changes.ts';
import type { RefusedRange } from './log-text.ts';

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
  const { region } = added;
  let [first, last] = [added.first, added.last];
  const apart = refused.filter((range) => {
    if (range.region !== region || range.last + 1 < first || range.first > last + 1) return true;
    [first, last] = [Math.min(first, range.first), Math.max(last, range.last)];
    return false;
  });
  const before = apart.filter((range) => range.region < region || (range.region === region && range.first < first));
  return [...before, { region, first, last }, ...apart.slice(before.length)];
}

/** Of what `region` refuses below `size`, what `named` does not name. */
export function unnamed(
  refused: readonly RefusedRange[],
  against: { readonly region: string; readonly size: number; readonly named: readonly RefusedRange[] },
): readonly RefusedRange[] {
  const { region, size, named } = against;
  const covered = named.filter((range) => range.region === region);
  return refused
    .filter((range) => range.region === region && range.first < size)
    .map((range) => ({ ...range, last: Math.min(range.last, size - 1) }))
    .filter((range) => !covered.some((cover) => cover.first <= range.first && range.last <= cover.last));
}
