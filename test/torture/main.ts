import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { abandonAll } from './cluster.ts';
import { diskProblem } from './disk.ts';
import { FAULTS, type Fault } from './faults.ts';
import { killRounds } from './kill-rounds.ts';
import { mixedRound } from './mixed.ts';
import { powerCuts } from './power.ts';
import { straceProblem } from './strace.ts';
import { clusterSyncPoints, freshSyncPoints } from './sync-points.ts';

const USAGE = `npm run torture -- [--minutes M] [--full] [--seed N] [--faults N] [--kills N] [--cuts N] [--points N [--from N]]

  --minutes M   a random mix of all faults, one cluster after another, for so long
  --full        200 rounds of SIGKILL, 30 power cuts, every sync point from 1 to 60, 60 mixed faults
  --seed N      where chance begins: the same faults in the same order, as far as real processes allow
  --only A,B    mixed faults of these kinds alone, by turns
  --faults, --kills, --cuts, --points   so many of one kind

Needs strace; power cuts and small disks need root and loop devices. What can't be had here is SKIPPED, and said.`;

/** Issue E's figures. */
const FULL = { kills: 200, cuts: 30, points: 60, faults: 60 } as const;
/** One cluster lives for so many: then all is checked, and the next one begins empty. */
const PER_CLUSTER = { kills: 50, cuts: 10, points: 20, faults: 20 } as const;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    full: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    faults: { type: 'string' },
    kills: { type: 'string' },
    cuts: { type: 'string' },
    points: { type: 'string' },
    from: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const first = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
const only = faultsNamed(values.only);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    abandonAll();
    process.exit(1);
  });
}
if (values.help) console.log(USAGE);
else await torture();

/** Throws for what no fault is called. */
function faultsNamed(names: string | undefined): readonly Fault[] | undefined {
  return names?.split(',').map((name) => {
    const fault = FAULTS.find((each) => each === name);
    if (fault === undefined) throw new RangeError(`no fault is called ${name}: ${FAULTS.join(', ')}`);
    return fault;
  });
}

async function torture(): Promise<void> {
  const given = { faults: values.faults, kills: values.kills, cuts: values.cuts, points: values.points };
  const none = Object.values(given).every((each) => each === undefined) && !values.full && values.minutes === undefined;
  const count = (what: keyof typeof FULL): number => Number(given[what] ?? (values.full ? FULL[what] : none && what === 'faults' ? PER_CLUSTER.faults : 0));
  const untilMs = performance.now() + 60_000 * Number(values.minutes ?? 0);
  for (let seed = first; performance.now() < untilMs; seed += 1) await once('faults', { count: PER_CLUSTER.faults, seed }, mixed);
  await inParts('faults', count('faults'), mixed);
  await inParts('kills', count('kills'), killRounds);
  await inParts('cuts', possible('power cuts', count('cuts'), diskProblem('ext4')), powerCuts);
  const points = possible('ends at sync points', count('points'), straceProblem());
  await inParts('points', points, freshSyncPoints);
  await inParts('points', points, clusterSyncPoints);
}

/** So many; none where this machine can't, which is said. */
function possible(what: string, count: number, problem: string | undefined): number {
  if (count === 0 || problem === undefined) return count;
  console.log(`SKIPPED: no ${what}, of ${count}: ${problem}`);
  return 0;
}

function mixed(folder: string, count: number, seed: number): Promise<object> {
  return mixedRound(folder, count, seed, only);
}

type Run = (folder: string, count: number, seed: number, from: number) => Promise<object>;

async function inParts(what: keyof typeof PER_CLUSTER, total: number, run: Run): Promise<void> {
  const from = Number(values.from ?? 1);
  for (let done = 0; done < total; done += PER_CLUSTER[what]) {
    const count = Math.min(PER_CLUSTER[what], total - done);
    await once(what, { count, seed: first + Math.floor(done / PER_CLUSTER[what]), from: from + done }, run);
  }
}

/**
 * One cluster from beginning to end; says how to have it again before anything can go wrong. What fails leaves its folder behind, and the
 * rest goes on: the exit code tells.
 */
async function once(what: string, part: { readonly count: number; readonly seed: number; readonly from?: number }, run: Run): Promise<void> {
  const { count, seed, from = 1 } = part;
  const folder = mkdtempSync(join(tmpdir(), 'receipt-sync-torture-'));
  const startMs = performance.now();
  const more = `${what === 'points' ? ` --from ${from}` : ''}${what === 'faults' && only !== undefined ? ` --only ${only.join(',')}` : ''}`;
  const command = `npm run torture -- --${what} ${count} --seed ${seed}${more}`;
  console.log(`${command}   (${run.name}, in ${folder})`);
  try {
    const report = await run(folder, count, seed, from);
    console.log(JSON.stringify({ what: run.name, seed, ...report, seconds: Math.round((performance.now() - startMs) / 1_000) }));
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    console.error(`FAILED: ${command}   (${run.name}, left in ${folder})`);
    console.error(error);
    process.exitCode = 1;
  }
}
