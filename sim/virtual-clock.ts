import type { Clock } from '../src/ports/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly ring: () => void;
}

const WALL_START_MS = 1_763_294_400_000;

/** Time that moves only when everything that could happen now has happened. Timers of the same moment ring in the order they were set. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  #wallJumpMs = 0;
  /** A binary heap, soonest first. */
  readonly #timers: Timer[] = [];
  readonly #cancelled = new Set<Timer>();

  wallMs(): number {
    return WALL_START_MS + Math.floor(this.#nowMs) + this.#wallJumpMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, ring: () => void): () => void {
    this.#order += 1;
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, ring };
    this.#push(timer);
    return () => this.#cancelled.add(timer);
  }

  /** Timers that are set and will ring. */
  get waiting(): number {
    return this.#timers.filter((timer) => !this.#cancelled.has(timer)).length;
  }

  /** The wall clock of this world is set to another time; nothing else happens. */
  jumpWall(byMs: number): void {
    this.#wallJumpMs += byMs;
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Runs until `isOver`, or until no timer is left, or until the time is up. */
  async runUntil(isOver: () => boolean, untilMs: number = Number.POSITIVE_INFINITY): Promise<void> {
    while (true) {
      await settled();
      if (isOver()) return;
      const timer = this.#pop();
      if (timer === undefined) return;
      if (timer.dueMs > untilMs) {
        this.#push(timer);
        this.#nowMs = untilMs;
        return;
      }
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      timer.ring();
    }
  }

  /** Lets this much time pass. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await this.runUntil(() => false, untilMs);
    this.#nowMs = untilMs;
    await settled();
  }

  #push(timer: Timer): void {
    const heap = this.#timers;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isSooner(above, timer)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = timer;
  }

  /** The soonest timer that was not cancelled. */
  #pop(): Timer | undefined {
    for (let top = this.#take(); top !== undefined; top = this.#take()) if (!this.#cancelled.delete(top)) return top;
    return undefined;
  }

  #take(): Timer | undefined {
    const heap = this.#timers;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      const left = heap[child];
      const right = heap[child + 1];
      if (left === undefined) break;
      if (right !== undefined && isSooner(right, left)) child += 1;
      const sooner = heap[child];
      if (sooner === undefined || isSooner(last, sooner)) break;
      heap[at] = sooner;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function isSooner(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/**
 * All microtasks, and those they make, have run once a macrotask has. A tick would be a little quicker (a twentieth of a seed), but then
 * nobody would hear of a rejection that is handled too late, which ends a real process.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
