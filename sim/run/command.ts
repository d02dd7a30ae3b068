import type { Task } from './messages.ts';

/** What runs a seed again, by itself. */
export function command({ kind, seed, options: { without = [], stormMs, world } }: Task): string {
  const parts = [
    `npm run sim -- --seed ${seed}`,
    ...(kind === 'safe' ? [] : [`--${kind}`]),
    ...(world === undefined ? [] : [`--world ${world}`]),
    ...(stormMs === undefined ? [] : [`--storm ${stormMs}`]),
    ...(without.length === 0 ? [] : [`--without "${without.join(',')}"`]),
  ];
  return parts.join(' ');
}
