import type { Task } from './messages.ts';
import type { Failure } from './totals.ts';

/** What runs a seed again, by itself. */
export function commandOf({ kind, seed, options: { without = [], stormMs, world } }: Task): string {
  const parts = [
    `npm run sim -- --seed ${seed}`,
    ...(kind === 'safe' ? [] : [`--${kind}`]),
    ...(world === undefined ? [] : [`--world ${world}`]),
    ...(stormMs === undefined ? [] : [`--storm ${stormMs}`]),
    ...(without.length === 0 ? [] : [`--without "${without.join(',')}"`]),
  ];
  return parts.join(' ');
}

/** How a seed failed, and what runs it again. */
export function failureLine({ task, problem }: Failure): string {
  return `seed ${task.seed} failed: ${problem}\n  ${commandOf(task)}`;
}

/** The same seed once it was made smaller, and what keeps it for ever. */
export function smallerLine(small: Task): string {
  return `seed ${small.seed} fails of the same, smaller: ${commandOf(small)}\n  kept by: ${commandOf(small)} --no-shrink --keep "what it taught"`;
}
