/** Everything of a world that can be left out, and the world it came with: a seed that was found in an earlier one is run in that. */
const SINCE = {
  crash: 1,
  cut: 1,
  'full disk': 1,
  'failed fsync': 1,
  'slow disk': 1,
  'clock jump': 1,
  rivals: 1,
  'wide swarm': 2,
  'hasty links': 2,
  'late messages': 2,
  resets: 2,
  'corrupt messages': 2,
  'busy remotes': 2,
  partitions: 2,
  'broken disk': 2,
  'slow reads': 2,
  'flipped reads': 2,
  'crash at await': 2,
  pauses: 2,
  'own clocks': 2,
  restarts: 2,
  shoppers: 2,
  bursts: 2,
  readers: 2,
  'short storms': 3,
  stutters: 4,
  restless: 4,
  'slow comeback': 6,
  collectors: 6,
  'own entries lost': 6,
  'aimed crashes': 7,
  'evidence files': 7,
  'long receipts': 7,
  'tight bounds': 7,
} as const;

/** What was a mistake of the simulator, and is left out again since that world. */
const UNTIL: ReadonlyMap<string, number> = new Map([['hasty links', 5]]);

/** The newest world: what a seed that is found today is kept with. */
export const WORLD: number = Math.max(...Object.values(SINCE), ...UNTIL.values());

export type Feature = keyof typeof SINCE;

/** All of them, in the order they came. */
export const FEATURES: readonly Feature[] = Object.keys(SINCE).filter(isFeature);

function isFeature(name: string): name is Feature {
  return name in SINCE;
}

/** How a seed is run; without options as everybody runs it. */
export interface RunOptions {
  /** The world it was found in: what came later is left out, so that the seed goes on meaning what it meant. */
  readonly world?: number | undefined;
  /** What else is left out: for making a failure smaller. */
  readonly without?: readonly Feature[] | undefined;
  /** Simulated time with faults; 30,000. */
  readonly stormMs?: number | undefined;
}

/** What a seed that is run like this may have. */
export function featuresOf({ world = Number.POSITIVE_INFINITY, without = [] }: RunOptions): ReadonlySet<Feature> {
  const isIn = (feature: Feature): boolean => {
    const until = UNTIL.get(feature);
    return SINCE[feature] <= world && (until === undefined || world < until);
  };
  return new Set(FEATURES.filter((feature) => isIn(feature) && !without.includes(feature)));
}
