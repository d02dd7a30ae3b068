import { Random } from '../../sim/random.ts';
import { type CheckReport, checkAll } from './checker.ts';
import { Cluster, type Signing } from './cluster.ts';
import { cutPower } from './ends.ts';
import { Load } from './load.ts';
import { Shadow } from './shadow.ts';

/** Between two cuts at least so many receipts are answered: a cut must have something to lose. */
const TOLD_BETWEEN_CUTS = 150;
/** … and sometimes so many that the journal has gone through both of its halves. */
const TOLD_LONG = 2_000;
/** All regions lose their power at once with this probability. */
const ALL_AT_ONCE = 0.25;

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
    await cutPower(victims, shadow, random);
    done += victims.length;
  }
  await load.stop();
  return { cuts, signing, disks: cluster.regions.map(({ disk }) => disk.description), ...(await checkAll(cluster, shadow)) };
}
