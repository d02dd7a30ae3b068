import type { Random } from '../../sim/random.ts';
import type { Cluster, Region } from './cluster.ts';
import { type DiskKind, diskProblem } from './disk.ts';
import { cutPower, killed } from './ends.ts';
import { FAIR, type Line, type Weather } from './line.ts';
import type { Load } from './load.ts';
import { mostAway } from './most-away.ts';
import type { Shadow } from './shadow.ts';
import { full, killedAtSync, passing, poisoned } from './store-faults.ts';
import { SYNCS, straceProblem } from './strace.ts';

/** Every kind of fault of a round; each ends with everything as it was. */
export const FAULTS = [
  'slow',
  'narrow',
  'resets',
  'lost-answers',
  'one-way',
  'isolated',
  'corrupt',
  'kill',
  'pause',
  'stop',
  'power',
  'power-all',
  'most-away',
  'full',
  'eio-sync',
  'eio-write',
  'enospc-write',
  'kill-at-sync',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Beyond the timeout of a link (1 s) and of an idle connection, and short of a client's patience. */
const STOP_MS = { from: 1_200, to: 3_500 } as const;
const LINE_MS = { from: 500, to: 2_500 } as const;
const NTH_MAX = 40;

/** Whom it befalls, what was promised there, and who goes on asking meanwhile. */
export interface Stage {
  readonly cluster: Cluster;
  readonly shadow: Shadow;
  readonly load: Load;
}

/** Why this machine can't have that fault; `undefined` if it can. */
export function faultProblem(fault: Fault): string | undefined {
  if (fault === 'power' || fault === 'power-all') return diskProblem('ext4');
  if (fault === 'full') return diskProblem('tmpfs');
  return ['eio-sync', 'eio-write', 'enospc-write', 'kill-at-sync'].includes(fault) ? straceProblem() : undefined;
}

/**
 * Lets one fault befall the cluster, and mends it. Resolves once the regions that it befell take receipts again, by whether it was met:
 * no bytes may have been on the line, and no call been made that was to fail. Throws a Violation for what is not as it must be meanwhile.
 */
export async function befall(stage: Stage, fault: Fault, random: Random): Promise<boolean> {
  const { cluster, shadow } = stage;
  const region = random.pick(cluster.regions);
  switch (fault) {
    case 'slow':
      return spoil(someLines(cluster, random), { delayMs: 20 + random.below(400) }, random);
    case 'narrow':
      return spoil(someLines(cluster, random), { bytesPerSecond: 20_000 + random.below(200_000) }, random);
    case 'resets':
      return spoil(someLines(cluster, random), { reset: { there: random.uniform() / 2, back: random.uniform() / 2 } }, random);
    case 'lost-answers':
      return spoil(someLines(cluster, random), { reset: { there: 0, back: 1 } }, random);
    case 'one-way':
      return spoil(someLines(cluster, random), { swallows: [random.pick(['there', 'back'] as const)] }, random);
    case 'isolated':
      return spoil(cluster.linesOf(region), random.chance(0.5) ? { isDown: true } : { swallows: ['there', 'back'] }, random);
    case 'corrupt':
      return spoil(someLines(cluster, random), { corruption: random.uniform() / 5 }, random);
    case 'kill':
      return always(killed(region, shadow));
    case 'pause':
      return always(stopped(region, random.below(800)));
    case 'stop':
      return always(stopped(region, between(STOP_MS, random)));
    case 'power':
      return ofKind(stage, ['ext4'], random, (dark) => always(cutPower([dark], shadow, random)));
    case 'power-all':
      return blackout(stage, random);
    case 'most-away':
      return always(mostAway(stage, region));
    case 'full':
      return ofKind(stage, ['ext4', 'tmpfs'], random, (small) => full(small, shadow, random));
    case 'eio-sync':
      return poisoned(region, `${SYNCS}:error=EIO:when=${1 + random.below(NTH_MAX)}`, { shadow, random });
    case 'eio-write':
      return poisoned(region, `pwrite64:error=EIO:when=${1 + random.below(NTH_MAX)}`, { shadow, random });
    case 'enospc-write':
      return passing(region, `pwrite64:error=ENOSPC:when=${1 + random.below(NTH_MAX)}`);
    case 'kill-at-sync':
      return killedAtSync(region, shadow, 1 + random.below(NTH_MAX));
  }
}

/** Some of the lines, one at least. */
function someLines(cluster: Cluster, random: Random): readonly Line[] {
  const some = cluster.lines.filter(() => random.chance(0.4));
  return some.length === 0 ? [random.pick(cluster.lines)] : some;
}

async function spoil(lines: readonly Line[], weather: Partial<Weather>, random: Random): Promise<boolean> {
  const before = done(lines);
  for (const line of lines) line.set(weather);
  await pause(between(LINE_MS, random));
  for (const line of lines) line.set(FAIR);
  return done(lines) > before;
}

function done(lines: readonly Line[]): number {
  return lines.reduce((sum, line) => sum + line.doneInAll, 0);
}

async function always(fault: Promise<void>): Promise<boolean> {
  await fault;
  return true;
}

/** One of the regions that have such a disk, if there is one. */
async function ofKind({ cluster }: Stage, kinds: readonly DiskKind[], random: Random, then: (region: Region) => Promise<boolean>): Promise<boolean> {
  const some = cluster.regions.filter(({ disk }) => kinds.includes(disk.kind));
  return some.length === 0 ? false : then(random.pick(some));
}

async function stopped(region: Region, ms: number): Promise<void> {
  const { pid } = region.daemon;
  if (pid === undefined) throw new Error(`${region.id} does not run`);
  process.kill(pid, 'SIGSTOP');
  await pause(ms);
  process.kill(pid, 'SIGCONT');
  await region.ready();
}

/** Every region at once; those whose disks have no power of their own are killed. */
async function blackout({ cluster, shadow }: Stage, random: Random): Promise<boolean> {
  const dark = cluster.regions.filter(({ disk }) => disk.kind === 'ext4');
  const others = cluster.regions.filter((region) => !dark.includes(region));
  await Promise.all([cutPower(dark, shadow, random), ...others.map((region) => killed(region, shadow))]);
  return dark.length > 0;
}

function between({ from, to }: { readonly from: number; readonly to: number }, random: Random): number {
  return from + random.below(to - from);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
