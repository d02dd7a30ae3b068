import { Random } from '../../sim/random.ts';
import { type CheckReport, checkAll } from './checker.ts';
import { Cluster, type Signing } from './cluster.ts';
import { type DiskKind, diskProblem } from './disk.ts';
import { befall, FAULTS, type Fault } from './faults.ts';
import { Load } from './load.ts';
import { Shadow } from './shadow.ts';

const KINDS: readonly DiskKind[] = ['ext4', 'tmpfs', 'folder'];
/** Between two faults at least so many receipts are told something. */
const TOLD_BETWEEN = 40;
/** Beside the fault of the moment a line may be bad. */
const BESIDE: readonly Fault[] = ['slow', 'narrow', 'resets', 'lost-answers', 'one-way'];

/** What a seed came to. */
export interface MixedReport extends CheckReport {
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  readonly lines: Readonly<Record<string, number>>;
  readonly signing: Signing;
  readonly disks: readonly string[];
}

/** One cluster, so many faults one after another, a second one beside some of them; all under load, all checked at the end. */
export async function mixedRound(folder: string, count: number, seed: number, only: readonly Fault[] = FAULTS): Promise<MixedReport> {
  const random = new Random(seed);
  const signing = random.chance(0.2) ? 'plain' : 'signs';
  // Nothing in the plain protocol is signed: a bit turned on the way makes a receipt that nobody sent, and that is stored (seed 5000).
  const possible = signing === 'plain' ? only.filter((fault) => fault !== 'corrupt') : only;
  const kinds = KINDS.filter((kind) => diskProblem(kind) === undefined);
  await using cluster = await Cluster.make(folder, random.fork(), { kinds: [...kinds].sort(() => random.below(3) - 1), signing });
  await cluster.start();
  const shadow = new Shadow();
  await using load = new Load(cluster, random.fork(), shadow);
  const faults: Partial<Record<Fault, number>> = {};
  for (let n = 0; n < count; n += 1) {
    await load.busyWithAtLeast(TOLD_BETWEEN);
    const all = [random.pick(possible), ...(only === FAULTS && random.chance(0.3) ? [random.pick(BESIDE)] : [])];
    for (const fault of all) faults[fault] = (faults[fault] ?? 0) + 1;
    console.log(`  ${Math.round(performance.now())} ms: ${all.join(' and ')}`);
    await Promise.all(all.map((fault) => befall(cluster, fault, random.fork())));
    load.check();
  }
  await load.stop();
  const lines = { corrupted: 0, reset: 0, swallowed: 0, slowed: 0 };
  for (const { done } of cluster.lines) for (const key of ['corrupted', 'reset', 'swallowed', 'slowed'] as const) lines[key] += done[key];
  return { faults, lines, signing, disks: cluster.regions.map(({ disk }) => disk.description), ...(await checkAll(cluster, shadow)) };
}
