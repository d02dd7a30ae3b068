import { Random } from '../../sim/random.ts';
import { type CheckReport, checkAll } from './checker.ts';
import { Cluster, type Signing } from './cluster.ts';
import { type DiskKind, diskProblem } from './disk.ts';
import { befall, FAULTS, type Fault, faultProblem, type Stage } from './faults.ts';
import { Load } from './load.ts';
import { Shadow } from './shadow.ts';

const KINDS: readonly DiskKind[] = ['ext4', 'tmpfs', 'folder'];
/** Between two faults at least so many receipts are told something. */
const TOLD_BETWEEN = 40;
/** Beside the fault of the moment a line may be bad. */
const BESIDE: readonly Fault[] = ['slow', 'narrow', 'resets', 'lost-answers', 'one-way'];

/** What a seed came to. */
export interface MixedReport extends CheckReport {
  /** How often each was met. */
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  /** How often each came to nothing: no call to fail was made, nothing was on the line, no region had such a disk. */
  readonly notMet: Readonly<Partial<Record<Fault, number>>>;
  readonly lines: Readonly<Record<string, number>>;
  readonly signing: Signing;
  readonly disks: readonly string[];
}

/** What this machine can't have of those is said, and left out. */
export function possibleFaults(faults: readonly Fault[]): readonly Fault[] {
  return faults.filter((fault) => {
    const problem = faultProblem(fault);
    if (problem !== undefined) console.log(`SKIPPED: no ${fault}: ${problem}`);
    return problem === undefined;
  });
}

/**
 * One cluster, so many faults one after another, a second one beside some of them; all under load, all checked at the end. `only`: these,
 * by turns.
 */
export async function mixedRound(folder: string, count: number, seed: number, only?: readonly Fault[]): Promise<MixedReport> {
  const random = new Random(seed);
  const signing = random.chance(0.2) ? 'plain' : 'signs';
  // Nothing in the plain protocol is signed: a bit turned on the way makes a receipt that nobody sent, and that is stored (seed 5000).
  const possible = possibleFaults(only ?? FAULTS).filter((fault) => signing === 'signs' || fault !== 'corrupt');
  const kinds = KINDS.filter((kind) => diskProblem(kind) === undefined);
  await using cluster = await Cluster.make(folder, random.fork(), { kinds: [...kinds].sort(() => random.below(3) - 1), signing });
  await cluster.start();
  const shadow = new Shadow();
  await using load = new Load(cluster, random.fork(), shadow);
  const counts: Counts = { faults: {}, notMet: {} };
  for (let n = 0; n < count && possible.length > 0; n += 1) {
    await load.busyWithAtLeast(TOLD_BETWEEN);
    const main = only === undefined ? random.pick(possible) : possible[n % possible.length];
    const all = [...(main === undefined ? [] : [main]), ...(only === undefined && random.chance(0.3) ? [random.pick(BESIDE)] : [])];
    await Promise.all(all.map((fault) => counted({ cluster, shadow, load }, fault, { random: random.fork(), counts })));
    load.check();
  }
  await load.stop();
  const lines = { corrupted: 0, reset: 0, swallowed: 0, slowed: 0 };
  for (const { done } of cluster.lines) for (const key of ['corrupted', 'reset', 'swallowed', 'slowed'] as const) lines[key] += done[key];
  return { ...counts, lines, signing, disks: cluster.regions.map(({ disk }) => disk.description), ...(await checkAll(cluster, shadow)) };
}

type Counts = Readonly<Record<'faults' | 'notMet', Partial<Record<Fault, number>>>>;

async function counted(stage: Stage, fault: Fault, { random, counts }: { readonly random: Random; readonly counts: Counts }): Promise<void> {
  const now = (): string => `  ${Math.round(performance.now())} ms: ${fault}`;
  console.log(now());
  const isMet = await befall(stage, fault, random);
  console.log(`${now()}: ${isMet ? 'met' : 'not met'}`);
  const into = isMet ? counts.faults : counts.notMet;
  into[fault] = (into[fault] ?? 0) + 1;
}
