import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine, deviceOf } from './machine.ts';
import { build, ensurePeers } from './need.ts';
import { LARGE, QUICK, SYSTEMS } from './plan.ts';
import { type Results, type RunRecord, writeResults, writeText } from './results.ts';
import { stagesText } from './stages.ts';
import { type Measured, ours, type Place, type Running, type RunOptions, type System } from './systems.ts';
import { tables, writeTables } from './tables.ts';

/** A run with more foreign CPU than this was disturbed (GOALS): it is thrown away and tried again, so often at most. */
const FOREIGN_CORES_MAX = 0.35;
const TRIES_MAX = 3;
/** The least that a profile is worth looking at. */
const PROFILE_SECONDS = 10;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
    'cpu-prof': { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    callers: { type: 'string' },
    only: { type: 'string' },
  },
  args: process.argv.slice(2).map((arg) => (arg === '--cpu-prof' ? '--cpu-prof=stream' : arg)),
});
const seconds = Number(values.seconds ?? (values.quick ? 3 : 5));
/** Half of what a cold process does is compiling: it takes some seconds until its figures stay. The same for every system. */
const warmupSeconds = values.quick ? 3 : 5;
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
const root = process.env['PEERS_ROOT'] ?? join(tmpdir(), 'receipt-sync-peers');

/** What is up now, to be taken down if somebody has had enough. */
let up: Running | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.resolve(up?.stop()).finally(() => process.exit(130));
  });
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

function placeOf(): Place {
  mkdirSync(join(root, 'data'), { recursive: true });
  mkdirSync(join(root, 'run'), { recursive: true });
  return { root, device: deviceOf(join(root, 'data')) };
}

/** All levels of one system while its servers, and no others, are up. */
async function runSystem(system: System, place: Place, round: number): Promise<readonly RunRecord[]> {
  const running = await system.start(place);
  up = running;
  const records: RunRecord[] = [];
  try {
    for (const callers of system.callers) {
      const one = await undisturbed(running, { callers, seconds, warmupSeconds });
      const { rps, p50_ms, other_cpu_cores } = one.measured;
      const disturbance = one.disturbed ? `, disturbed by ${other_cpu_cores} cores: counts nowhere` : '';
      tell(`  ${system.name} × ${callers}: ${rps}/s, p50 ${p50_ms} ms${one.thrownAway > 0 ? `, thrown away before: ${one.thrownAway}` : ''}${disturbance}`);
      records.push({ system: system.name, callers, round, ...one, ...(running.idle === undefined ? {} : { idle: running.idle }) });
    }
  } finally {
    await running.stop();
    up = undefined;
  }
  return records;
}

async function undisturbed(running: Running, options: RunOptions): Promise<Pick<RunRecord, 'measured' | 'thrownAway' | 'disturbed'>> {
  for (let thrownAway = 0; ; thrownAway += 1) {
    const measured = await running.run(options);
    if (measured.errors > 0) throw new Error(`${measured.errors} errors: ${measured.first_error}`);
    const disturbed = measured.other_cpu_cores > FOREIGN_CORES_MAX;
    if (!disturbed || thrownAway === TRIES_MAX - 1) return { measured: kept(measured), thrownAway, disturbed };
  }
}

/** Without what only a profile needs. */
function kept({ threads: _threads, windowUs: _windowUs, ...measured }: Measured): Measured {
  return measured;
}

async function measure(): Promise<void> {
  const wanted = (system: System): boolean => values.only === undefined || system.name.includes(values.only);
  const systems = (values.quick ? QUICK : SYSTEMS).filter(wanted);
  const large = values.full ? LARGE.filter(wanted) : [];
  if (systems.length + large.length === 0) throw new Error(`No system is called anything like ${values.only}`);
  ensurePeers();
  if (!values['no-build']) build();
  const place = placeOf();
  const when = new Date().toISOString();
  const about = { when, commit: commit(), machine: describeMachine(join(root, 'data')), seconds, rounds };
  const name = `${when.slice(0, 10)}${values.only === undefined ? '' : '-part'}${values.quick ? '-quick' : ''}.json`;
  const runs: RunRecord[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    tell(`round ${round} of ${rounds}`);
    // There and back: what drifts in one direction favours nobody.
    for (const system of round % 2 === 1 ? systems : systems.toReversed()) runs.push(...(await runSystem(system, place, round)));
    writeResults(name, { ...about, runs });
  }
  for (const system of large) runs.push(...(await runSystem(system, place, 1)));
  show(name, { ...about, runs });
}

/** Only a whole session changes the README. */
function show(name: string, results: Results): void {
  writeResults(name, results);
  tell(`written: bench/results/${name}`);
  if (values.only === undefined && !values.quick) writeTables(name);
  else console.log(tables(results, name));
}

function commit(): string {
  const git = (...args: readonly string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', 'src') === '' ? '' : ' with changes'}`;
}

/** Profiles of all threads of the three regions, and where the time went. */
async function profile(mode: string): Promise<void> {
  if (mode !== 'stream' && mode !== 'post') throw new Error('--cpu-prof takes stream or post');
  if (!values['no-build']) build();
  const folder = join(root, 'profiles');
  rmSync(folder, { recursive: true, force: true });
  const callers = Number(values.callers ?? 128);
  const running = await ours('profiled', [callers], { mode, cpuProfiles: folder }).start(placeOf());
  up = running;
  const measured = await running.run({ callers, seconds: Math.max(PROFILE_SECONDS, seconds), warmupSeconds }).finally(() => running.stop());
  const text = `${new Date().toISOString().slice(0, 10)}, commit ${commit()}, ${mode}, ${callers} callers\n${stagesText(folder, measured)}\n`;
  writeText(`profile-${mode}.txt`, text);
  console.log(text);
  tell(`written: bench/results/profile-${mode}.txt; the profiles themselves are in ${folder}`);
}

if (values.table) writeTables();
else if (values['cpu-prof'] !== undefined) await profile(values['cpu-prof']);
else await measure();
