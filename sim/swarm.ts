import { signerFromSeeds } from '../src/adapters/signer-file.ts';
import type { Signer } from '../src/ports/signer.ts';
import { clusterOf } from '../src/quorum/cluster.ts';
import type { Signing } from '../src/replication/evidence.ts';
import type { Bounds, RegionSettings } from '../src/replication/region-settings.ts';
import { formatVerifierKey } from '../src/tlog/vkey.ts';
import type { Machine } from './host.ts';
import { remembered, simulated } from './keys.ts';
import { Random } from './random.ts';
import type { Stage } from './stage.ts';

const CLUSTER = 'sim.example.com';

/** The machines of a world: the cluster of the first world, or in half of the seeds a wider one. */
export function machinesOf(stage: Stage, random: Random): readonly Machine[] {
  // Of their own streams: 64 lines take more conflicts than a seed has time for.
  const refusedLinesMax = new Random(stage.seed ^ 0x5eed).pick([1, 2, 4, 64]);
  const wide = new Random(stage.seed ^ 0x1_de50);
  const first = swarm(random);
  const machines = stage.has('wide swarm') && wide.chance(0.5) ? wideSwarm(wide, stage.has('hasty links') ? 100 : PATIENCE_MS) : first;
  const bounds = tightBounds(
    stage,
    machines.some(({ signing }) => signing === undefined),
  );
  return machines.map(({ settings, signing }) => ({ settings: { ...settings, bounds }, signing: signing && { ...signing, refusedLinesMax } }));
}

/** Receipts of one plain request: each waits by itself, and a region that never has room for all of them takes minutes for what is owed. */
const PLAIN_REQUEST = 64;

/** In some seeds so little may wait that some who come are told to come back: the usual room is for more than a seed has. */
function tightBounds(stage: Stage, isPlain: boolean): Bounds | undefined {
  const random = new Random(stage.seed ^ 0x71_6480);
  if (!stage.has('tight bounds') || !random.chance(0.1)) return undefined;
  return { callersMax: 1 + random.below(6), entriesMax: (isPlain ? PLAIN_REQUEST : 1) + random.below(4) };
}

/** The way there and back takes 180 ms at most when the net is calm: a link that waits for less never hears anything. */
const PATIENCE_MS = 250;

/** Most clusters have three regions; some are alone, some have seven. */
const COUNTS = [1, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 7];

/** One to seven regions, any weights and threshold, any of them without keys, each link with its own patience. */
function wideSwarm(random: Random, timeoutMsMin: number): readonly Machine[] {
  const count = random.pick(COUNTS);
  const most = random.pick([1, 1, 2, 5]);
  const weights: number[] = Array.from({ length: count }, () => (most === 1 ? 1 : random.below(most + 1)));
  // Somebody weighs something.
  weights[0] = Math.max(weights[0] ?? 0, weights.some((weight) => weight > 0) ? 0 : 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const quorumThreshold = random.chance(0.7) ? Math.floor(total / 2) + 1 : 1 + random.below(total);
  const ids = weights.map((_, n) => `region-${n}`);
  const plainShare = random.pick([0, 0, 0, 0.3, 1]);
  const withoutKeys = new Set(ids.filter(() => random.chance(plainShare)));
  const isReal = random.chance(0.03);
  const crossRegionSyncEnabled = count > 1;
  const exclusive = 2 * quorumThreshold > total && random.chance(0.2);
  return ids.map((region, n): Machine => {
    const regions = ids.flatMap((regionId, m) => (m === n ? [] : [{ regionId, weight: weights[m] ?? 1, timeoutMs: timeoutMsMin + random.below(6_000) }]));
    const maxRetries = 1 + random.below(5);
    const retryBackoffMs = 20 + random.below(2_000);
    const settings = { region, weight: weights[n] ?? 1, crossRegionSyncEnabled, regions, quorumThreshold, maxRetries, retryBackoffMs, exclusive };
    if (withoutKeys.has(region)) return { settings, signing: undefined };
    const signing = signingOf(settings, withoutKeys);
    return { settings, signing: isReal ? signing : simulated(signing) };
  });
}

/** A cluster by chance: two to five regions, weights, a threshold; mirrored, plain, or some of each. */
export function swarm(random: Random): readonly Machine[] {
  const count = 2 + random.below(4);
  const isWeighted = random.chance(0.3);
  const weights = Array.from({ length: count }, () => (isWeighted ? random.below(4) : 1));
  weights[0] = Math.max(1, weights[0] ?? 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const quorumThreshold = random.chance(0.8) ? Math.floor(total / 2) + 1 : 1 + random.below(total);
  const timeoutMs = 200 + random.below(5_000);
  const maxRetries = 1 + random.below(4);
  const retryBackoffMs = 50 + random.below(1_000);
  const ids = weights.map((_, n) => `region-${n}`);
  const isMirrored = random.chance(0.6);
  const withoutKeys = isMirrored && random.chance(0.2) ? random.pick(ids) : undefined;
  const settings = ids.map((region, n): RegionSettings => {
    const regions = ids.flatMap((regionId, m) => (m === n ? [] : [{ regionId, weight: weights[m] ?? 1, timeoutMs }]));
    return { region, weight: weights[n] ?? 1, crossRegionSyncEnabled: true, regions, quorumThreshold, maxRetries, retryBackoffMs, exclusive: false };
  });
  // Real signatures cost most of a seed's time: one seed in thirty has them.
  const isReal = random.chance(0.03);
  return settings.map((each) => {
    if (!isMirrored || each.region === withoutKeys) return { settings: each, signing: undefined };
    const signing = signingOf(each, new Set(withoutKeys === undefined ? [] : [withoutKeys]));
    return { settings: each, signing: isReal ? signing : simulated(signing) };
  });
}

/** The n-th of a cluster whose regions all have keys, real ones: evidence of a fork is checked against the policy as it is written. */
export function machineOf({
  weights,
  quorumThreshold,
  n,
}: {
  readonly weights: readonly number[];
  readonly quorumThreshold: number;
  readonly n: number;
}): Machine {
  const regions = weights.flatMap((weight, m) => (m === n ? [] : [{ regionId: `region-${m}`, weight, timeoutMs: 1_500 }]));
  const own = { region: `region-${n}`, weight: weights[n] ?? 1, crossRegionSyncEnabled: true, exclusive: false };
  const settings: RegionSettings = { ...own, regions, quorumThreshold, maxRetries: 2, retryBackoffMs: 200 };
  return { settings, signing: signingOf(settings) };
}

/** What a region of the simulator signs with, and with whom: all but those that have no keys. */
export function signingOf(settings: RegionSettings, withoutKeys: ReadonlySet<string> = new Set()): Signing {
  const signer = signerOf(settings.region);
  const regions = settings.regions.map(({ regionId, weight }) => {
    const { mirrorKey, logKey } = signerOf(regionId);
    const keys = { publicKey: formatVerifierKey(mirrorKey), logKey: formatVerifierKey(logKey) };
    return { regionId, weight, ...(withoutKeys.has(regionId) ? { publicKey: undefined, logKey: undefined } : keys) };
  });
  return remembered({ signer, cluster: clusterOf({ ...settings, cluster: CLUSTER, regions }, signer) });
}

/** The same keys in every seed: making and checking them takes longer than many a seed. */
const SIGNERS = new Map<string, Signer>();

/** The keys of `region-<n>`. */
export function signerOf(region: string): Signer {
  const number = Number(region.split('-')[1]);
  const signer =
    SIGNERS.get(region) ?? signerFromSeeds({ cluster: CLUSTER, region }, { log: Buffer.alloc(32, 2 * number + 1), mirror: Buffer.alloc(32, 2 * number + 2) });
  SIGNERS.set(region, signer);
  return signer;
}
