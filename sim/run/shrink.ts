import { FEATURES, featuresOf, type RunOptions } from '../features.ts';
import type { Outcome, Task } from './messages.ts';
import type { Failure } from './totals.ts';

/** Storms shorter than this have hardly begun. */
const STORM_MS_MIN = 500;
/** Of a storm when nothing is said. */
const STORM_MS = 30_000;

/** What kind of failure it is: the checker that saw it, or the message, without what differs from run to run. */
export function kindOf(problem: string): string {
  const [, said = problem] = /^seed \d+: (.*)$/s.exec(problem) ?? [];
  return (said.split(':')[0] ?? '').replace(/\d+/g, 'N');
}

/** The same seed with as little as still fails in the same way. `run`: says how it fails, or nothing. */
export async function shrink({ task, problem }: Failure, run: (task: Task) => Promise<Outcome>): Promise<Task> {
  let { options } = task;
  const tried = async (smaller: RunOptions): Promise<void> => {
    const outcome = await run({ ...task, options: smaller });
    if ('problem' in outcome && kindOf(outcome.problem) === kindOf(problem)) options = smaller;
  };
  for (const feature of FEATURES) {
    if (featuresOf(options).has(feature)) await tried({ ...options, without: [...(options.without ?? []), feature] });
  }
  // By halves, and then by tenths: a failure needs all that leads to it.
  for (const part of [0.5, 0.9]) {
    for (let last: RunOptions | undefined; last !== options; ) {
      last = options;
      const stormMs = Math.floor((options.stormMs ?? STORM_MS) * part);
      if (stormMs >= STORM_MS_MIN) await tried({ ...options, stormMs });
    }
  }
  return { ...task, options };
}
