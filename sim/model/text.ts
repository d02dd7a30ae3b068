import { type Log, letterOf, REGIONS, type Region } from './state.ts';

/**
 * What an origin signs (SPEC §2, §4): the log up to its size, and who refuses what of it. Written as a log and its lines: `1f`, `1f!B0!C0`.
 * Letters of regions are in no log, so a line can be looked for in the whole of it.
 */
export function textOf(log: Log, lines: readonly string[]): string {
  // A line speaks of entries that the text has.
  return log + lines.map((line) => (Number(line.charAt(1)) < log.length ? `!${line}` : '')).join('');
}

/** The log that a text is over; its length is the text's size. */
export function logOf(text: string): Log {
  const end = text.indexOf('!');
  return end < 0 ? text : text.slice(0, end);
}

/** Does the text say that this region refuses this entry? */
export function isNamed(text: string, region: Region, index: number): boolean {
  return text.includes(`!${letterOf(region)}${index}`);
}

/**
 * The texts over this log that can be of use to an origin that lies. What a region refuses is always all of one content, so a text names it
 * for that, or for nothing: who names less is not cosigned, and who names more has nothing of it.
 */
export function usefulTexts(log: Log): ReadonlySet<string> {
  const known = TEXTS.get(log);
  if (known !== undefined) return known;
  const indices = ['1', '2'].map((content) => [...log].flatMap((entry, index) => (entry === content ? [index] : [])));
  const choices = [[], ...indices.filter(({ length }) => length > 0)];
  let lines: readonly (readonly string[])[] = [[]];
  for (const region of REGIONS) lines = lines.flatMap((before) => choices.map((named) => [...before, ...named.map((index) => letterOf(region) + index)]));
  const all = new Set(lines.map((named) => textOf(log, named)));
  TEXTS.set(log, all);
  return all;
}

const TEXTS = new Map<Log, ReadonlySet<string>>();
