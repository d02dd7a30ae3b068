import { type Edge, EMPTY_EDGE } from '../tlog/edge.ts';
import { type CosignedText, type LogNumber, OWN_LOG, RECEIVED_LOG, type RecoveredLog } from './changes.ts';

/** How far a log has come: what the next turn rests on. Never changed; a turn that was made durable has new ones. */
export interface LogHead {
  readonly size: number;
  /** `recorded_at` of the last entry, 0n where empty. */
  readonly lastRecordedAt: bigint;
  /** `undefined`: a log without a tree, which nobody mirrors. */
  readonly edge: Edge | undefined;
  /** The newest texts that were cosigned, oldest first. */
  readonly texts: readonly CosignedText[];
  /** Of a mirrored log: the entries that this region refuses, ascending. What remotes refuse of the own one is no matter of a turn. */
  readonly refused: readonly number[];
  /** Entries without a receipt. */
  readonly others: number;
}

export type Heads = ReadonlyMap<LogNumber, LogHead>;

/** Of a log that has no entry yet. */
export function emptyHead(log: LogNumber): LogHead {
  return { size: 0, lastRecordedAt: 0n, edge: log === RECEIVED_LOG ? undefined : EMPTY_EDGE, texts: [], refused: [], others: 0 };
}

/** Where a log stands. */
export function headOf(heads: Heads, log: LogNumber): LogHead {
  return heads.get(log) ?? emptyHead(log);
}

/** The heads with which a region starts. */
export function recoveredHeads(logs: ReadonlyMap<LogNumber, RecoveredLog>): Heads {
  return new Map([...logs].map(([log, known]) => [log, recoveredHead(log, known)]));
}

function recoveredHead(log: LogNumber, { size, lastRecordedAt, edge, texts, refused, others }: RecoveredLog): LogHead {
  const indexes = log === OWN_LOG ? [] : refused.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, n) => first + n));
  return { size, lastRecordedAt, edge, texts, refused: indexes.sort((a, b) => a - b), others };
}
