/** Milliseconds, or digits with a unit: `500`, `'500ms'`, `'30s'`, `'5m'`, `'2h'`, `'7d'`. */
export type Duration = number | string;

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** Ms of a duration, or `undefined` if it is none: negative, a fraction, without unit, beyond 2^53. */
export function durationMs(duration: unknown): number | undefined {
  if (typeof duration === 'number') return Number.isSafeInteger(duration) && duration >= 0 ? duration : undefined;
  if (typeof duration !== 'string') return undefined;
  const [, digits, unit] = /^([0-9]+)(ms|s|m|h|d)$/.exec(duration) ?? [];
  const ms = Number(digits) * (UNIT_MS.get(unit ?? '') ?? Number.NaN);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** The shortest way to write it: `30s`, `1500ms`. */
export function formatDuration(ms: number): string {
  const units = [...UNIT_MS].reverse();
  const [unit, size] = units.find(([, unitMs]) => ms >= unitMs && ms % unitMs === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}
