import type { SyncEvent } from '../ports/observer.ts';

/** Events kept for a reader that is slow; beyond, the oldest are dropped and the reader is told. */
const EVENTS_KEPT_MAX = 4_096;

/** Hands events to any number of readers, each at its own pace. */
export class Broadcast {
  readonly #readers = new Set<Reader>();

  emit(event: SyncEvent): void {
    for (const reader of this.#readers) reader.push(event);
  }

  /** Events from now on, until `signal` fires or the broadcast ends. A reader that lost some gets `resync` in their place. */
  async *read(signal?: AbortSignal): AsyncGenerator<SyncEvent, void, undefined> {
    const reader = new Reader();
    const stop = (): void => reader.end();
    signal?.addEventListener('abort', stop);
    if (signal?.aborted === true) stop();
    this.#readers.add(reader);
    try {
      for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) yield* batch;
    } finally {
      this.#readers.delete(reader);
      signal?.removeEventListener('abort', stop);
    }
  }

  end(): void {
    for (const reader of this.#readers) reader.end();
  }
}

class Reader {
  #events: SyncEvent[] = [];
  #dropped = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  push(event: SyncEvent): void {
    if (this.#ended) return;
    if (this.#events.length >= EVENTS_KEPT_MAX) {
      this.#dropped += this.#events.length;
      this.#events = [];
    }
    this.#events.push(event);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** What has come, at least one; `undefined` at the end. */
  async next(): Promise<readonly SyncEvent[] | undefined> {
    while (this.#events.length === 0) {
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const events: SyncEvent[] = this.#dropped > 0 ? [{ kind: 'resync', dropped: this.#dropped }, ...this.#events] : this.#events;
    this.#events = [];
    this.#dropped = 0;
    return events;
  }
}
