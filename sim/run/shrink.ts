import { FEATURES, featuresOf, type RunOptions } from '../features.ts';
import type { Task } from './messages.ts';
import type { Pool } from './pool.ts';
import type { Failure } from './totals.ts';

/** Storms shorter than this have hardly begun. */
const STORM_MS_MIN = 500;
/** Of a storm when nothing is said. */
const STORM_MS = 30_000;

/**
 * The same seed with as little as still fails of the same: who has lost a message is not who has lost a receipt. `problemOf`: how it fails,
 * or `undefined` where it holds.
 */
export async function shrink({ task, problem }: Failure, problemOf: (options: RunOptions) => Promise<string | undefined>): Promise<Task> {
  const kind = failureKind(problem);
  let { options } = task;
  const tried = async (smaller: RunOptions): Promise<void> => {
    const other = await problemOf(smaller);
    if (other !== undefined && failureKind(other) === kind) options = smaller;
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

/** The same, each try in a thread of the pool. */
export function shrinkIn(pool: Pool, failure: Failure): Promise<Task> {
  return shrink(failure, async (options) => {
    const outcome = await pool.one({ ...failure.task, options });
    return 'problem' in outcome ? outcome.problem : undefined;
  });
}

/** What a failure is one of: the checker that has found it, or the words of what was thrown up to its first colon, without numbers. */
export function failureKind(problem: string): string {
  const [, background = '', said = ''] = /^(in the background: )?(?:seed \d+: )?(.*)$/s.exec(problem) ?? [];
  return background + (said.replace(/\d+/g, 'N').split(':')[0] ?? '');
}
