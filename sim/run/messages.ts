import type { RunOptions } from '../features.ts';
import type { RunReport } from '../world.ts';
import type { Kind } from './kinds.ts';

/** One seed to run. */
export interface Task {
  readonly kind: Kind;
  readonly seed: number;
  readonly options: RunOptions;
}

/** What came of it; `cpuMs`: of the worker's thread. */
export type Outcome = { readonly task: Task; readonly cpuMs: number } & ({ readonly report: RunReport } | { readonly problem: string });
