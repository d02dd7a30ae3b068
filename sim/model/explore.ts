import type { Invariant } from './invariants.ts';
import { EMPTY, type State } from './state.ts';
import { type Step, stepsOf, take, type World } from './steps.ts';
import { canonicalKey } from './symmetry.ts';

/** An invariant that does not hold, and the fewest steps that lead there. */
export interface Finding {
  readonly invariant: string;
  readonly trace: readonly Step[];
}

/** What an exploration came to. */
export interface Explored {
  /** Different states, those that differ in names only counted once. */
  readonly states: number;
  /** Steps taken that changed something. */
  readonly steps: number;
  /** The longest of the shortest ways to a state. */
  readonly depth: number;
  /** False where it stopped because everything asked for was found. */
  readonly isWhole: boolean;
  readonly findings: readonly Finding[];
}

interface Visited {
  readonly state: State;
  readonly by: Step | undefined;
  readonly from: Visited | undefined;
  readonly depth: number;
}

/**
 * Every state that can be reached, breadth first, so that the first way found to a state is a shortest one. Each invariant is looked at in
 * every state; the search ends when each of `invariants` has failed once, or when there is nothing new.
 */
export function explore(world: World, invariants: readonly Invariant[]): Explored {
  const search = new Search(world, invariants);
  let layer: readonly Visited[] = [{ state: EMPTY, by: undefined, from: undefined, depth: 0 }];
  while (layer.length > 0 && !search.isOver) layer = layer.flatMap((visited) => search.expand(visited));
  return search.explored();
}

/** What has been seen so far. */
class Search {
  readonly #world: World;
  readonly #canonical: (state: State) => string;
  readonly #known: Set<string>;
  readonly #findings: Finding[] = [];
  /** Invariants that have held so far. */
  #open: readonly Invariant[];
  #steps = 0;
  #depth = 0;

  constructor(world: World, invariants: readonly Invariant[]) {
    this.#world = world;
    this.#open = invariants;
    this.#canonical = canonicalKey(world.scenario);
    this.#known = new Set([this.#canonical(EMPTY)]);
  }

  get isOver(): boolean {
    return this.#open.length === 0;
  }

  explored(): Explored {
    return { states: this.#known.size, steps: this.#steps, depth: this.#depth, isWhole: !this.isOver, findings: this.#findings };
  }

  /** All states that one step leads to and that are new. */
  expand(visited: Visited): readonly Visited[] {
    const fresh: Visited[] = [];
    for (const by of stepsOf(this.#world, visited.state)) {
      const state = take(this.#world, visited.state, by);
      if (state === visited.state || this.isOver) continue;
      this.#steps += 1;
      const reached = { state, by, from: visited, depth: visited.depth + 1 };
      const key = this.#canonical(state);
      const isNew = !this.#known.has(key);
      this.#judge(reached, isNew);
      if (!isNew) continue;
      this.#known.add(key);
      this.#depth = reached.depth;
      fresh.push(reached);
    }
    return fresh;
  }

  #judge(reached: Visited & { readonly from: Visited }, isNew: boolean): void {
    const failed = this.#open.filter(({ of, holds }) => (isNew || of === 'step') && !holds(this.#world, reached.state, reached.from.state));
    if (failed.length === 0) return;
    this.#open = this.#open.filter((invariant) => !failed.includes(invariant));
    for (const { name } of failed) this.#findings.push({ invariant: name, trace: traceOf(reached) });
  }
}

function traceOf(visited: Visited): readonly Step[] {
  return visited.by === undefined || visited.from === undefined ? [] : [...traceOf(visited.from), visited.by];
}
