import type { Scenario } from './scenario.ts';
import { type Content, letterOf, type Origin, originKey, REGIONS, type Region, type RegionState, regionKey, type State, type Three } from './state.ts';

/** Other names for the regions and the contents. */
interface Renaming {
  /** `regions[r]`: the region that takes the place of r. */
  readonly regions: Three<Region>;
  readonly isSwapped: boolean;
  /** Texts renamed so far. */
  readonly texts: Map<string, string>;
}

/**
 * One key for all states that differ in names only. The rules know no region and no content by its name, so what holds in one of them holds
 * in all, as long as the scenario is the same under the new names: the other renamings are left out.
 * An invariant must not know names either: it is looked at in one of them only.
 */
export function canonicalKey(scenario: Scenario): (state: State) => string {
  const renamings = ORDERS.flatMap((regions) => [false, true].map((isSwapped): Renaming => ({ regions, isSwapped, texts: new Map() })))
    .filter((renaming) => isSame(scenario, renaming))
    .map((renaming) => ({
      from: renaming.regions,
      regionOf: numbered<RegionState>(regionKey, (region) => renamedRegion(region, renaming)),
      originOf: numbered<Origin>(originKey, (origin) => renamedOrigin(origin, renaming)),
    }));
  return ({ regions, origins }) => {
    let least: string | undefined;
    for (const { from, regionOf, originOf } of renamings) {
      let key = '';
      for (const old of from) key += `${regionOf(regions[old]).toString(36)}.${originOf(origins[old]).toString(36)},`;
      if (least === undefined || key < least) least = key;
    }
    return least ?? '';
  };
}

/** The number of what a part becomes under a renaming; equal parts have equal numbers. A step leaves most parts the very same objects. */
function numbered<Part extends object>(keyOf: (part: Part) => string, renamed: (part: Part) => Part): (part: Part) => number {
  const seen = new WeakMap<Part, number>();
  const byOld = new Map<string, number>();
  return (part) => {
    const known = seen.get(part);
    if (known !== undefined) return known;
    const old = keyOf(part);
    const number = byOld.get(old) ?? numberOf(keyOf(renamed(part)));
    byOld.set(old, number);
    seen.set(part, number);
    return number;
  };
}

/** Of all keys, whatever they are of. */
const NUMBERS = new Map<string, number>();

function numberOf(key: string): number {
  const number = NUMBERS.get(key) ?? NUMBERS.size;
  NUMBERS.set(key, number);
  return number;
}

const ORDERS: readonly Three<Region>[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

function isSame({ submits, lies, weights }: Scenario, renaming: Renaming): boolean {
  const sorted = (letters: string): string => [...letters].sort().join('');
  return renaming.regions.every(
    (from, to) =>
      sorted(swapped(submits[from], renaming)) === sorted(submits[toRegion(to)]) &&
      weights[from] === weights[toRegion(to)] &&
      lies[from]
        .map((log) => swapped(log, renaming))
        .sort()
        .join() === [...lies[toRegion(to)]].sort().join(),
  );
}

function renamedRegion({ first, copies, looked, ...rest }: RegionState, renaming: Renaming): RegionState {
  const { regions } = renaming;
  return {
    ...rest,
    first: swappedContent(first, renaming),
    looked: REGIONS.filter((log) => looked.includes(String(regions[log]))).join(''),
    copies: mapThree(regions, (log) => {
      const copy = copies[log];
      return { ...copy, log: swapped(copy.log, renaming), texts: renamedTexts(copy.texts, renaming), answered: renamedTexts(copy.answered, renaming) };
    }),
  };
}

function renamedOrigin({ named, signed }: Origin, renaming: Renaming): Origin {
  return { named: named.map((line) => renamedLine(line, renaming)).sort(), signed: renamedTexts(signed, renaming) };
}

function renamedTexts(texts: readonly string[], renaming: Renaming): readonly string[] {
  return texts.map((text) => renamedText(text, renaming)).sort();
}

function renamedText(text: string, renaming: Renaming): string {
  const known = renaming.texts.get(text);
  if (known !== undefined) return known;
  const [log = '', ...lines] = text.split('!');
  const result = [swapped(log, renaming), ...lines.map((line) => renamedLine(line, renaming)).sort()].join('!');
  renaming.texts.set(text, result);
  return result;
}

function renamedLine(line: string, { regions }: Renaming): string {
  const to = REGIONS.find((region) => letterOf(regions[region]) === line.charAt(0)) ?? 0;
  return letterOf(to) + line.slice(1);
}

function swapped(entries: string, { isSwapped }: Renaming): string {
  return isSwapped ? [...entries].map((entry) => (entry === '1' ? '2' : entry === '2' ? '1' : entry)).join('') : entries;
}

function swappedContent(content: Content, { isSwapped }: Renaming): Content {
  if (!isSwapped || content === '') return content;
  return content === '1' ? '2' : '1';
}

function mapThree<T>([a, b, c]: Three<Region>, of: (from: Region) => T): Three<T> {
  return [of(a), of(b), of(c)];
}

function toRegion(at: number): Region {
  return REGIONS[at] ?? 0;
}
