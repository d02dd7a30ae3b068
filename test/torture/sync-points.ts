import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../sim/random.ts';
import { members } from './ask.ts';
import { type CheckReport, checkAll } from './checker.ts';
import { Cluster, type Region } from './cluster.ts';
import { diskProblem } from './disk.ts';
import { Load } from './load.ts';
import { contentJson } from './proofs.ts';
import { Shadow, Violation } from './shadow.ts';
import { nthSync, straced, syncsIn } from './strace.ts';

/** It ends when the process asks for its n-th fsync, which then does not happen, or once that has happened and before the process hears of it. */
interface End {
  readonly side: 'before' | 'after';
  /** `kill`: of the process alone; what it wrote is in the page cache. `power`: of its disk too. */
  readonly by: 'kill' | 'power';
}

const KILLS: readonly End[] = [
  { side: 'before', by: 'kill' },
  { side: 'after', by: 'kill' },
];
const CUTS: readonly End[] = [
  { side: 'before', by: 'power' },
  { side: 'after', by: 'power' },
];
/** Why no power is cut here. */
const HAS_NO_POWER = diskProblem('ext4');
if (HAS_NO_POWER !== undefined) console.log(`SKIPPED: no power cuts at sync points: ${HAS_NO_POWER}`);
const ENDS = HAS_NO_POWER === undefined ? [...KILLS, ...CUTS] : KILLS;

const FOUND_MS_MAX = 30_000;
/** After the call was seen: so long it may take. */
const SYNC_MS_MAX = 50;
/** Longer than everything else here: the process hangs in the call, before or after it is made. */
const HANG = { before: 'delay_enter=60000000', after: 'delay_exit=60000000' } as const;

/** What every point came to. */
export interface PointsReport {
  readonly points: number;
  readonly ends: number;
  /** Ends at another point than was meant, which were made once more. */
  readonly missed: number;
  readonly acknowledged: number;
}

/**
 * A region on an empty disk is killed at its n-th fsync, from the making of its store on: it must come up again, with all that it had
 * acknowledged, and never believe that it has forgotten. No other region is there. Its keys make it keep a lock file.
 */
export async function freshSyncPoints(folder: string, count: number, seed: number, from = 1): Promise<PointsReport> {
  const points = Array.from({ length: count }, (_, n) => from + n);
  const order: string[] = [];
  let acknowledged = 0;
  let missed = 0;
  let ends = 0;
  for (const point of points) {
    for (const todo = [...ENDS]; todo[0] !== undefined; ) {
      const [end] = todo;
      const name = `${point}-${end.side}-${end.by}`;
      const random = new Random(seed + point);
      await using cluster = await Cluster.make(join(folder, `${name}-${missed}`), random.fork(), { kinds: [end.by === 'power' ? 'ext4' : 'folder'] });
      const region = cluster.regions[0];
      if (region === undefined) throw new Error('no region');
      region.disk.mount();
      const shadow = new Shadow();
      const feeding = feed(region, shadow, name);
      if (await endedAt(region, point, { ...end, random, order })) todo.shift();
      else missed += 1;
      ends += 1;
      feeding.stop();
      await comesBack(region, name);
      await feeding.ended;
      for (const { receipt_id: id, digest } of shadow.durable.get(region.id)?.values() ?? []) {
        const answer = await region.local.ask('GET', `/api/v1/receipts/${id}`);
        if (members(answer)['digest'] !== digest) throw new Violation(`ended at sync point ${name}: ${id} was acknowledged and is gone`);
        acknowledged += 1;
      }
    }
  }
  return { points: points.length, ends, missed, acknowledged };
}

/** One of three regions under load is killed at its n-th fsync since its start, and comes back to the next point. */
export async function clusterSyncPoints(folder: string, count: number, seed: number, from = 1): Promise<CheckReport & Pick<PointsReport, 'ends' | 'missed'>> {
  const points = Array.from({ length: count }, (_, n) => from + n);
  const random = new Random(seed);
  let ends = 0;
  await using cluster = await Cluster.make(folder, random.fork(), { kinds: [HAS_NO_POWER === undefined ? 'ext4' : 'folder'] });
  await cluster.start();
  const order: string[] = [];
  let missed = 0;
  const shadow = new Shadow();
  await using load = new Load(cluster, random.fork(), shadow);
  for (const point of points) {
    for (const todo = [...ENDS]; todo[0] !== undefined; ) {
      const [end] = todo;
      const victim = random.pick(cluster.regions);
      await victim.kill();
      if (await endedAt(victim, point, { ...end, random, order })) todo.shift();
      else missed += 1;
      ends += 1;
      await comesBack(victim, `${point}-${end.side}-${end.by}`);
      load.check();
    }
  }
  await load.stop();
  return { ends, missed, ...(await checkAll(cluster, shadow)) };
}

/**
 * Starts the region, and returns when it has met its end at that point; its disk is there again. False where the end came at another
 * point: the order of its syncs was another than the last time.
 */
async function endedAt(
  region: Region,
  point: number,
  { side, by, random, order }: End & { readonly random: Random; readonly order: string[] },
): Promise<boolean> {
  const { daemon, disk } = region;
  const log = join(daemon.folder, `syncs-${point}-${side}-${by}`);
  rmSync(log, { force: true });
  const isSignal = side === 'before' && by === 'kill';
  const { call, when } = nthSync(order, point);
  const injection = `${call}:${isSignal ? 'signal=SIGKILL' : HANG[side]}:when=${when}`;
  let isOver = false;
  // Points before the first answer end the process while it starts: that is no failure of the start.
  const started = daemon.start(straced(injection, log)).then(
    () => undefined,
    (error: unknown) => error,
  );
  const gone = daemon.gone().then(() => {
    isOver = true;
  });
  // It hangs in the call that was meant once no other follows it.
  const deadline = performance.now() + FOUND_MS_MAX;
  for (let isMet = false; !isOver && !isMet; isMet = syncsIn(log).filter((each) => each === call).length >= when) {
    if (performance.now() > deadline) throw new Error(`${daemon.id} has only ${syncsIn(log).length} sync points in ${FOUND_MS_MAX} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, SYNC_MS_MAX));
  if (isSignal) await gone;
  if (by === 'power') disk.cut(random);
  await daemon.cutOff();
  await Promise.all([gone, started]);
  if (by === 'power') disk.remount();
  const syncs = syncsIn(log);
  order.splice(0, syncs.length, ...syncs);
  return syncs.length === point;
}

async function comesBack(region: Region, point: string): Promise<void> {
  try {
    await region.daemon.start();
    await region.ready();
  } catch (error) {
    throw new Violation(`${region.id} does not come back after its end at sync point ${point}`, { cause: error });
  }
}

/** One receipt after another, for its own fsync only, until told to stop. */
function feed(region: Region, shadow: Shadow, prefix: string): { readonly stop: () => void; readonly ended: Promise<void> } {
  let isOver = false;
  const run = async (): Promise<void> => {
    for (let n = 0; !isOver; n += 1) {
      const submitted = shadow.submit({ receipt_id: `${prefix}-${n}`, transaction_id: '', hash: '00', ticks: n, span_id: BigInt(n), committed: true });
      const headers = { 'content-type': 'application/json', prefer: 'respond-async' };
      const answer = await region.local.ask('POST', '/api/v1/sync', { headers, body: contentJson(submitted), timeoutMs: 2_000 });
      if (answer?.status === 202) shadow.isDurable(region.id, submitted);
      else await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return { stop: () => (isOver = true), ended: run() };
}
