import { ReceiptSyncError } from '../errors.ts';
import type { LogHead } from '../log/heads.ts';
import type { LogNumber, LogStore } from '../ports/log-store.ts';
import { LogReader } from './log-reader.ts';

/** What this region finds to have rotted in its own store, by whatever read. */
export class Rotten {
  readonly #raise: (message: string) => void;

  /** `raise`: the alarm, which is raised once however often it is told of. */
  constructor(raise: (message: string) => void) {
    this.#raise = raise;
  }

  tell(message: string): void {
    this.#raise(`${message}: it is not served; look with receipts verify-chain`);
  }

  /** Whatever comes, one after the other; where something rotten ends it, that is told of on its way. */
  async *along<T>(read: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      yield* read;
    } catch (error) {
      if (isRotten(error)) this.tell(error.message);
      throw error;
    }
  }

  /** Whatever `read` gives; where it meets something rotten, that is told of on its way. */
  async during<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (isRotten(error)) this.tell(error.message);
      throw error;
    }
  }
}

/** Also of an error that has crossed threads. */
export function isRotten(error: unknown): error is ReceiptSyncError {
  return error instanceof ReceiptSyncError && error.code === 'ROTTEN';
}

/** One reader a log, so that what one caller has checked no other checks again. */
export class LogReaders {
  readonly #parts: { readonly store: LogStore; readonly rotten: Rotten };
  readonly #head: (log: LogNumber) => LogHead;
  readonly #readers = new Map<LogNumber, LogReader>();

  constructor(parts: { readonly store: LogStore; readonly rotten: Rotten }, head: (log: LogNumber) => LogHead) {
    this.#parts = parts;
    this.#head = head;
  }

  of(log: LogNumber): LogReader {
    const known = this.#readers.get(log);
    if (known !== undefined) return known;
    const reader = new LogReader(this.#parts, log, () => this.#head(log));
    this.#readers.set(log, reader);
    return reader;
  }
}
