import { OverloadedError } from '../errors.ts';
import { GROUP_BYTES_MAX, GROUP_ENTRIES_MAX } from '../log/group.ts';

/** Entries of jobs that may wait for a turn: eight full groups. More callers than that are told to come back. */
const ENTRIES_MAX = 8 * GROUP_ENTRIES_MAX;
/** … and their bytes. */
const BYTES_MAX = 8 * GROUP_BYTES_MAX;
const OVERLOAD_RETRY_AFTER_MS = 1_000;

/** Entries with their bytes. */
interface Load {
  readonly entries: number;
  readonly bytes: number;
}

/** What a job is told that may not wait beside those that do, or `undefined` where it may. */
export function overloaded(waiting: Load, job: Load, entriesMax: number = ENTRIES_MAX): OverloadedError | undefined {
  // Alone any job fits: a batch that never did would be owed for ever.
  if (waiting.entries === 0) return undefined;
  if (waiting.entries + job.entries <= entriesMax && waiting.bytes + job.bytes <= BYTES_MAX) return undefined;
  return new OverloadedError('Too many receipts wait to be stored', OVERLOAD_RETRY_AFTER_MS);
}
