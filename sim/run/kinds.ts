import type { RunOptions } from '../features.ts';
import { runLiarSeed } from '../liar-world.ts';
import { type RunReport, runBeyondSeed, runSeed } from '../world.ts';

/** `safe`: within the stated faults, every promise holds. `beyond`: they are exceeded, nothing is answered wrongly. `liar`: one region's keys lie. */
export type Kind = 'safe' | 'beyond' | 'liar';

const RUNS: Readonly<Record<Kind, (seed: number, options: RunOptions) => Promise<RunReport>>> = {
  safe: runSeed,
  beyond: runBeyondSeed,
  liar: (seed) => runLiarSeed(seed),
};

/** One seed of a kind. Throws Violation. */
export function runKind(kind: Kind, seed: number, options: RunOptions): Promise<RunReport> {
  return RUNS[kind](seed, options);
}
