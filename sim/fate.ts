import type { VirtualClock } from './virtual-clock.ts';

/** Where in an operation something strikes. */
export type Phase = 'before' | 'during' | 'after';

interface Plan {
  /** Of the operations that are still to come. */
  left: number;
  readonly phase: Phase;
  /** Only this operation is counted, and struck. */
  readonly only?: string | undefined;
  /** From the operation's begin to the stroke, where it strikes while it is under way. */
  readonly delayMs: number;
  readonly strike: (operation: string) => void;
}

/** What becomes of one machine's operations, each by its turn: it may be struck at any of them, or stand still for a while. */
export class Fate {
  readonly #clock: VirtualClock;
  #plan: Plan | undefined;
  /** While it stands still: what goes on once it does not. */
  #stalled: (() => void)[] | undefined;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  get isStalled(): boolean {
    return this.#stalled !== undefined;
  }

  /** Strikes at the n-th operation from now, whatever it is; replaces what was planned before. */
  plan(plan: Plan): void {
    this.#plan = plan;
  }

  /** No more strokes. */
  spare(): void {
    this.#plan = undefined;
  }

  /** From now on nothing moves: no timer rings, no message is read. */
  stall(): void {
    this.#stalled ??= [];
  }

  /** Everything that has come due meanwhile happens now, in order. */
  resume(): void {
    const due = this.#stalled ?? [];
    this.#stalled = undefined;
    for (const go of due) go();
  }

  /** The machine has lost its power: what was stalled never happens. */
  forget(): void {
    this.#stalled = undefined;
  }

  /** Now, or as soon as it moves again. */
  whenMoving(go: () => void): void {
    if (this.#stalled === undefined) go();
    else this.#stalled.push(go);
  }

  /** Does what the operation does, unless it is struck: then nothing comes back, ever. */
  async during<T>(operation: string, act: () => Promise<T>): Promise<T> {
    await this.moving();
    const plan = this.#next(operation);
    if (plan?.phase === 'before') return this.#struck(plan, operation);
    const done = act();
    if (plan?.phase === 'during') {
      await Promise.race([done, this.#clock.sleep(plan.delayMs)].map((each) => each.catch(() => undefined)));
      return this.#struck(plan, operation);
    }
    if (plan !== undefined) {
      await done.catch(() => undefined);
      return this.#struck(plan, operation);
    }
    const value = await done;
    await this.moving();
    return value;
  }

  /** The same of an operation that is struck only where somebody aims at it: older seeds count without it. */
  async ifAimedAt<T>(operation: string, act: () => Promise<T>): Promise<T> {
    return this.#plan?.only === operation ? this.during(operation, act) : act();
  }

  /** Resolves at once, or as soon as it moves again. */
  async moving(): Promise<void> {
    if (this.#stalled !== undefined) await new Promise<void>((resolve) => this.whenMoving(resolve));
  }

  #next(operation: string): Plan | undefined {
    const plan = this.#plan;
    if (plan === undefined || (plan.only ?? operation) !== operation) return undefined;
    plan.left -= 1;
    if (plan.left > 0) return undefined;
    this.#plan = undefined;
    return plan;
  }

  #struck({ strike, phase }: Plan, operation: string): Promise<never> {
    strike(`${phase} ${operation}`);
    return new Promise(() => undefined);
  }
}
