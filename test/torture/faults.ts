import type { Random } from '../../sim/random.ts';
import type { Cluster, Region } from './cluster.ts';
import { FAIR, type Line, type Weather } from './line.ts';
import { cutPower } from './power.ts';
import { Injection, SYNCS } from './strace.ts';

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
/** A disk that is full has room for a few commits, or for none. */
const LEFT_BYTES_MAX = 256 * 1024;
const FULL_MS = 1_500;
/** Until an injected failure has met its call. */
const MET_MS_MAX = 4_000;
const NTH_MAX = 40;

/** Lets one fault befall the cluster, and mends it. Resolves once the regions that it befell take receipts again. */
export async function befall(cluster: Cluster, fault: Fault, random: Random): Promise<void> {
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
      return restarted(region, () => region.kill());
    case 'pause':
      return stopped(region, random.below(800));
    case 'stop':
      return stopped(region, within(STOP_MS, random));
    case 'power':
      return region.disk.kind === 'ext4' ? cutPower([region], random) : restarted(region, () => region.kill());
    case 'power-all':
      return blackout(cluster, random);
    case 'full':
      return region.disk.kind === 'folder' ? undefined : full(region, random);
    case 'eio-sync':
      return poisoned(region, `${SYNCS}:error=EIO:when=${1 + random.below(NTH_MAX)}`);
    case 'eio-write':
      return poisoned(region, `pwrite64:error=EIO:when=${1 + random.below(NTH_MAX)}`);
    case 'enospc-write':
      return injected(region, `pwrite64:error=ENOSPC:when=${1 + random.below(NTH_MAX)}`);
    case 'kill-at-sync':
      return killedAtSync(region, 1 + random.below(NTH_MAX));
  }
}

/** Some of the lines, or all of them. */
function someLines(cluster: Cluster, random: Random): readonly Line[] {
  const some = cluster.lines.filter(() => random.chance(0.4));
  return some.length === 0 ? [random.pick(cluster.lines)] : some;
}

async function spoil(lines: readonly Line[], weather: Partial<Weather>, random: Random): Promise<void> {
  for (const line of lines) line.set(weather);
  await pause(within(LINE_MS, random));
  for (const line of lines) line.set(FAIR);
}

async function restarted(region: Region, end: () => Promise<void>): Promise<void> {
  await end();
  await region.daemon.start();
  await region.ready();
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
async function blackout(cluster: Cluster, random: Random): Promise<void> {
  const [dark, others] = [true, false].map((isDark) => cluster.regions.filter(({ disk }) => (disk.kind === 'ext4') === isDark));
  await Promise.all([cutPower(dark ?? [], random), ...(others ?? []).map((region) => restarted(region, () => region.kill()))]);
}

/** The disk fills up and is freed: the region must go on by itself. */
async function full(region: Region, random: Random): Promise<void> {
  region.disk.fill(random.below(LEFT_BYTES_MAX));
  await pause(FULL_MS);
  region.disk.free();
  await region.ready();
}

/** A call fails in a way after which nothing is trusted before a restart. */
async function poisoned(region: Region, injection: string): Promise<void> {
  await during(region, injection, async () => !(await region.isReady()));
  await restarted(region, () => region.kill());
}

/** A call fails in a way that passes. */
async function injected(region: Region, injection: string): Promise<void> {
  await during(region, injection, async () => !(await region.isReady()));
  await region.ready();
}

async function killedAtSync(region: Region, nth: number): Promise<void> {
  let isGone = false;
  void region.daemon.gone().then(() => {
    isGone = true;
  });
  await during(region, `${SYNCS}:signal=SIGKILL:when=${nth}`, () => Promise.resolve(isGone));
  // An idle region may not have come so far.
  await restarted(region, () => region.kill());
}

async function during(region: Region, injection: string, isMet: () => Promise<boolean>): Promise<void> {
  const { pid } = region.daemon;
  if (pid === undefined) throw new Error(`${region.id} does not run`);
  const into = new Injection(pid, injection);
  const deadline = performance.now() + MET_MS_MAX;
  while (performance.now() < deadline && !(await isMet())) await pause(20);
  await into.end();
}

function within({ from, to }: { readonly from: number; readonly to: number }, random: Random): number {
  return from + random.below(to - from);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
