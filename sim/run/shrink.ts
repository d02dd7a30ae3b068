import { FEATURES, featuresOf, type RunOptions } from '../features.ts';
import type { Task } from './messages.ts';

/** Storms shorter than this have hardly begun. */
const STORM_MS_MIN = 500;
/** Of a storm when nothing is said. */
const STORM_MS = 30_000;

/** The same seed with as little as still fails, whatever it then fails of. `fails`: does it? */
export async function shrink(task: Task, fails: (options: RunOptions) => Promise<boolean>): Promise<Task> {
  let { options } = task;
  const tried = async (smaller: RunOptions): Promise<void> => {
    if (await fails(smaller)) options = smaller;
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
