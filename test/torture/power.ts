import { Random } from '../../sim/random.ts';
import { members } from './ask.ts';
import { type CheckReport, checkAll } from './checker.ts';
import { Cluster, type Region, type Signing } from './cluster.ts';
import { Load } from './load.ts';
import { Shadow, Violation } from './shadow.ts';

/** Between two cuts at least so many receipts are answered: a cut must have something to lose. */
const TOLD_BETWEEN_CUTS = 150;
/** … and sometimes so many that the journal has gone through both of its halves. */
const TOLD_LONG = 2_000;
/** The dark takes so long at the most; the process may go on for a part of it, and must say nothing good. */
const LINGER_MS_MAX = 100;
/** All regions lose their power at once with this probability. */
const ALL_AT_ONCE = 0.25;
/** So many of what a region has acknowledged are asked for as soon as it is back. */
const NEWEST = 50;

/** What the cuts came to. */
export interface CutReport extends CheckReport {
  readonly cuts: number;
  readonly signing: Signing;
  readonly disks: readonly string[];
}

/** Power cuts under load, of one region or of all at once; throws if anything that a caller was told is not so afterwards. */
export async function powerCuts(folder: string, cuts: number, seed: number): Promise<CutReport> {
  const random = new Random(seed);
  // Without keys the journal lies in the data directory; it is the same otherwise.
  const signing = seed % 3 === 0 ? 'plain' : 'signs';
  await using cluster = await Cluster.make(folder, random.fork(), { kinds: ['ext4'], signing });
  await cluster.start();
  const shadow = new Shadow();
  await using load = new Load(cluster, random.fork(), shadow);
  for (let done = 0; done < cuts; ) {
    await load.busyWithAtLeast(random.chance(0.2) ? TOLD_LONG : TOLD_BETWEEN_CUTS);
    const victims = random.chance(ALL_AT_ONCE) ? cluster.regions : [random.pick(cluster.regions)];
    await cutPower(victims, random);
    await Promise.all(victims.map((region) => checkPromisesOf(region, shadow)));
    done += victims.length;
  }
  await load.stop();
  return { cuts, signing, disks: cluster.regions.map(({ disk }) => disk.description), ...(await checkAll(cluster, shadow)) };
}

/** The power goes and comes back; resolves once the regions take receipts again. */
export async function cutPower(victims: readonly Region[], random: Random): Promise<void> {
  for (const { disk } of victims) disk.cut(random);
  await new Promise((resolve) => setTimeout(resolve, random.below(LINGER_MS_MAX)));
  await Promise.all(victims.map((region) => region.kill()));
  for (const { disk } of victims) disk.remount();
  await Promise.all(victims.map(({ daemon }) => daemon.start()));
  await Promise.all(victims.map((region) => region.ready()));
}

/**
 * The newest that this region has answered well, at once: before anybody could bring them back. It is up, or has refused writes only:
 * that it says nothing is a violation too.
 */
export async function checkPromisesOf(region: Region, shadow: Shadow): Promise<void> {
  const newest = [...(shadow.durable.get(region.id)?.values() ?? [])].slice(-NEWEST);
  const answers = await Promise.all(newest.map(({ receipt_id: id }) => region.local.ask('GET', `/api/v1/receipts/${id}`)));
  for (const [n, { receipt_id: id, digest }] of newest.entries()) {
    const answer = answers[n];
    if (answer?.status !== 200 || members(answer)['digest'] !== digest)
      throw new Violation(`${region.id} has acknowledged ${id} and does not show it: ${answer?.status ?? 'no answer'} ${answer?.body.toString('utf8') ?? ''}`);
  }
}
