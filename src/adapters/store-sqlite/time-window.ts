import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { isEntry, recordedAt, recordedFrom } from '../../log/entry.ts';
import { wholeItems } from '../../log/group.ts';
import type { LogNumber } from '../../ports/log-store.ts';
import type { ReceiptQuery } from '../../ports/receipt-index.ts';
import { bytesOf } from './reader.ts';

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
      // A group that can't be read counts as one within: that it has rotted is then told.
      if (sinceMs !== undefined) firstSeq = Math.min(firstSeq, this.#seqFrom(log, since, since) ?? firstSeq);
      if (untilMs !== undefined) lastSeq = Math.max(lastSeq, this.#seqFrom(log, until, 0n) ?? Number.MAX_SAFE_INTEGER);
    }
    return { since, until, firstSeq, lastSeq };
  }

  /** The group that holds the first entry recorded at `wanted` or later; `unreadable`: when the last entry of a group counts as recorded that has rotted. */
  #seqFrom({ log, size }: { readonly log: LogNumber; readonly size: number }, wanted: bigint, unreadable: bigint): number | undefined {
    let low = 0;
    let high = size;
    let found: number | undefined;
    while (low < high) {
      const row = this.#groupAt.get(log, Math.floor((low + high) / 2));
      if (row === undefined) return found;
      const start = Number(row['start']);
      const end = start + Number(row['count']);
      if ((lastRecorded(row['frame'], end - start) ?? unreadable) >= wanted) {
        found = Number(row['seq']);
        high = start;
      } else low = end;
    }
    return found;
  }
}

/** Of the last entry: those of a mirrored log need not follow each other by 1, its groups may have come merged. `undefined` where it has rotted. */
function lastRecorded(frame: unknown, count: number): bigint | undefined {
  const last = wholeItems({ frame: bytesOf(frame), count })?.at(-1)?.entry;
  return last !== undefined && isEntry(last) ? recordedAt(last) : undefined;
}
