import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { recordedAt, recordedFrom } from '../../log/entry.ts';
import { groupItems } from '../../log/group.ts';
import type { LogNumber } from '../../ports/log-store.ts';
import type { ReceiptQuery } from '../../ports/receipt-index.ts';

/** Beyond every `recorded_at` there can be. */
const FOREVER = 1n << 64n;

/** Where in the order of arrival a span of time may be found. */
export interface TimeWindow {
  /** `recorded_at`, included. */
  readonly since: bigint;
  /** `recorded_at`, excluded. */
  readonly until: bigint;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/**
 * Finds a span of time without an index: `recorded_at` rises strictly within each log, whatever the clock did, so each log is
 * searched by halves.
 */
export class TimeWindows {
  readonly #logs: StatementSync;
  readonly #groupAt: StatementSync;

  constructor(database: DatabaseSync) {
    this.#logs = database.prepare('SELECT log, size FROM log');
    this.#groupAt = database.prepare('SELECT seq, start, count, frame FROM entry_group WHERE log = ? AND start <= ? ORDER BY start DESC LIMIT 1');
  }

  of({ sinceMs, untilMs }: ReceiptQuery): TimeWindow {
    const since = sinceMs === undefined ? 0n : recordedFrom(sinceMs);
    const until = untilMs === undefined ? FOREVER : recordedFrom(untilMs);
    let firstSeq = sinceMs === undefined ? 0 : Number.MAX_SAFE_INTEGER;
    let lastSeq = untilMs === undefined ? Number.MAX_SAFE_INTEGER : 0;
    for (const row of sinceMs === undefined && untilMs === undefined ? [] : this.#logs.all()) {
      const log = { log: Number(row['log']), size: Number(row['size']) };
      if (sinceMs !== undefined) firstSeq = Math.min(firstSeq, this.#seqFrom(log, since) ?? firstSeq);
      if (untilMs !== undefined) lastSeq = Math.max(lastSeq, this.#seqFrom(log, until) ?? Number.MAX_SAFE_INTEGER);
    }
    return { since, until, firstSeq, lastSeq };
  }

  /** The group that holds the first entry recorded at `wanted` or later. */
  #seqFrom({ log, size }: { readonly log: LogNumber; readonly size: number }, wanted: bigint): number | undefined {
    let low = 0;
    let high = size;
    let found: number | undefined;
    while (low < high) {
      const row = this.#groupAt.get(log, Math.floor((low + high) / 2));
      if (row === undefined) return found;
      const start = Number(row['start']);
      const end = start + Number(row['count']);
      if (lastRecorded(row['frame']) >= wanted) {
        found = Number(row['seq']);
        high = start;
      } else low = end;
    }
    return found;
  }
}

/** Of the last entry: a mirrored group may hold several of its origin's, with time between them. */
function lastRecorded(frame: unknown): bigint {
  let last = 0n;
  for (const { entry } of groupItems(frame instanceof Uint8Array ? frame : new Uint8Array())) last = recordedAt(entry);
  return last;
}
