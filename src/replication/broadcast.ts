import type { SyncEvent } from '../ports/observer.ts';

/** Events kept for readers that are slow or come back; beyond, the oldest are forgotten and the reader is told. */
const EVENTS_KEPT_MAX = 4_096;

/** An event and its place: opaque, of this process only. */
export interface PlacedEvent {
  readonly id: string;
  readonly event: SyncEvent;
}

/** Hands events to any number of readers, each at its own pace, out of one memory of the last ones. */
export class Broadcast {
  /** Tells this process's places from those of an earlier one. */
  readonly #streamId: string;
  /** The event with number n is at n modulo the length. */
  readonly #kept: (SyncEvent | undefined)[] = new Array<SyncEvent | undefined>(EVENTS_KEPT_MAX).fill(undefined);
  /** Number of the next event; the first is 1. */
  #next = 1;
  #wakes: (() => void)[] = [];
  #ended = false;

  constructor(streamId: string) {
    this.#streamId = streamId;
  }

  emit(event: SyncEvent): void {
    this.#kept[this.#next % EVENTS_KEPT_MAX] = event;
    this.#next += 1;
    this.#wakeAll();
  }

  /** Events after the place `after`, or from now on, up to when `signal` fires or the broadcast ends. What is lost is one `resync`. */
  async *read(after?: string, signal?: AbortSignal): AsyncGenerator<PlacedEvent, void, undefined> {
    let end = signal?.aborted === true ? 0 : Number.POSITIVE_INFINITY;
    const stop = (): void => {
      end = this.#next;
      this.#wakeAll();
    };
    signal?.addEventListener('abort', stop);
    let at = after === undefined ? this.#next : this.#placeOf(after);
    try {
      while (at < end) {
        const oldest = Math.max(1, this.#next - EVENTS_KEPT_MAX);
        if (at < oldest) {
          const dropped = at === LOST ? 0 : oldest - at;
          at = at === LOST ? this.#next : oldest;
          yield { id: this.#idOf(at - 1), event: { kind: 'resync', dropped } };
        }
        const event = at < this.#next ? this.#kept[at % EVENTS_KEPT_MAX] : undefined;
        if (event !== undefined) {
          at += 1;
          yield { id: this.#idOf(at - 1), event };
        } else if (this.#ended) return;
        else await new Promise<void>((resolve) => this.#wakes.push(resolve));
      }
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  end(): void {
    this.#ended = true;
    this.#wakeAll();
  }

  #wakeAll(): void {
    if (this.#wakes.length === 0) return;
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }

  #idOf(number: number): string {
    return `${this.#streamId}-${number}`;
  }

  /** The number that follows a place; a place of another process, or none at all, is lost. */
  #placeOf(id: string): number {
    const [, stream, number] = /^([0-9a-f]+)-([0-9]{1,15})$/.exec(id) ?? [];
    return stream === this.#streamId && Number(number) < this.#next ? Number(number) + 1 : LOST;
  }
}

const LOST = -1;
