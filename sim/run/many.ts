import { availableParallelism } from 'node:os';
import type { RunOptions } from '../features.ts';
import type { Kind } from './kinds.ts';
import type { Outcome, Task } from './messages.ts';
import { Pool } from './pool.ts';
import { Totals } from './totals.ts';

/** So many seeds of one kind, on all cores. */
export async function runMany(
  kind: Kind,
  { from, count, options = {} }: { readonly from: number; readonly count: number; readonly options?: RunOptions },
): Promise<Totals> {
  const totals = new Totals();
  for (const outcome of await outcomesOf(Array.from({ length: count }, (_, n) => ({ kind, seed: from + n, options })))) totals.add(outcome);
  return totals;
}

/** What came of each task, in their order, on all cores. */
export async function outcomesOf(tasks: readonly Task[]): Promise<readonly Outcome[]> {
  await using pool = new Pool();
  const left = tasks.entries();
  const outcomes: Outcome[] = [];
  const one = async (): Promise<void> => {
    for (const [n, task] of left) outcomes[n] = await pool.one(task);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, one));
  return outcomes;
}
