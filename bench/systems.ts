import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { OursCluster, type ProcessFigures } from './cluster.ts';
import { PEERS } from './need.ts';
import type { ThreadCpu } from './threads.ts';

const OURS = fileURLToPath(new URL('./ours.ts', import.meta.url));
const SCRIPT_MS_MAX = 120_000;
const DRIVER_MS_MAX = 900_000;

/** What a driver has measured in one run, as `peers/lib.mjs` prints it, with our processes' own figures where they are ours. */
export interface Measured {
  readonly inflight: number;
  readonly receipts: number;
  readonly rps: number;
  readonly errors: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly cpu_client_s_per_1k: number;
  readonly cpu_servers_s_per_1k: number;
  readonly dev_bytes_per_receipt: number;
  readonly other_cpu_cores: number;
  readonly rss_servers_mb: number;
  readonly first_error?: string;
  readonly processes?: readonly ProcessFigures[];
  /** When it was measured, in µs of the monotonic clock: profiles are cut to it. */
  readonly windowUs?: readonly [number, number];
  readonly threads?: readonly ThreadCpu[];
}

/** How a run is made. */
export interface RunOptions {
  readonly callers: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
}

/** A set of servers that is up, and how it is driven. */
export interface Running {
  readonly idle?: readonly ProcessFigures[];
  run(options: RunOptions): Promise<Measured>;
  stop(): Promise<void>;
}

/** Where everything lies: the peers' scripts and drivers read it from the environment. */
export interface Place {
  readonly root: string;
  /** As /proc/diskstats names it. */
  readonly device: string;
}

/** One system of the comparison. */
export interface System {
  readonly name: string;
  readonly callers: readonly number[];
  start(place: Place): Promise<Running>;
}

interface OursOptions {
  readonly mode: 'stream' | 'rivals' | 'post' | 'library';
  readonly ids?: 'seq' | 'random';
  /** Without keys: no signatures, no certificates. */
  readonly plain?: boolean;
  readonly cpuProfiles?: string;
  /** Receipts that are stored before anything is measured. */
  readonly prefill?: number;
}

/** Our three regions, driven in one of four ways. */
export function ours(name: string, callers: readonly number[], options: OursOptions): System {
  return { name, callers, start: (place) => startOurs(place, options) };
}

async function startOurs(place: Place, { mode, ids = 'seq', plain = mode === 'library', cpuProfiles, prefill = 0 }: OursOptions): Promise<Running> {
  const { root } = place;
  const only = mode === 'library' ? { only: ['us-west-1', 'eu-west-1'] } : {};
  const cluster = await OursCluster.start(root, 'ours', { ...only, plain, ...(cpuProfiles === undefined ? {} : { cpuProfiles }) });
  const [url = '', rival = ''] = cluster.localUrls;
  const [, west = '', eu = ''] = cluster.peerUrls;
  const common = [OURS, '--url', url, '--rival', rival, '--west', west, '--eu', eu, '--data', `${root}/data/ours/library`, '--ids', ids];
  const run = async (options: RunOptions): Promise<Measured> => {
    const measured = await driven(place, [...common, '--mode', mode, ...flags(options)]);
    return { ...measured, processes: await cluster.figures() };
  };
  try {
    if (prefill > 0) await node(place, [...common, '--mode', 'prefill', '--count', String(prefill)]);
  } catch (error) {
    await cluster.remove();
    throw error;
  }
  return { idle: cluster.idle, run, stop: () => cluster.remove() };
}

/** One of the systems that users would pick instead, by its driver. */
export function peer(name: string, callers: readonly number[], driver: { readonly server: 'etcd' | 'pg' | 'redis'; readonly args: readonly string[] }): System {
  const { server, args } = driver;
  const start = async (place: Place): Promise<Running> => {
    const pids = `${place.root}/run/${server}.pids`;
    if (existsSync(pids) && readFileSync(pids, 'utf8').trim() !== '')
      throw new Error(`${server} of an earlier benchmark may still run: PEERS_ROOT=${place.root} bench/peers/stop.sh ${server}`);
    const stop = async (): Promise<void> => {
      await child(place, ['bash', `${PEERS}stop.sh`, server], SCRIPT_MS_MAX);
    };
    try {
      await child(place, ['bash', `${PEERS}start.sh`, server], SCRIPT_MS_MAX);
    } catch (error) {
      await stop();
      throw error;
    }
    return { run: (options) => driven(place, [`${PEERS}${server}.mjs`, ...args, ...flags(options)]), stop };
  };
  return { name, callers, start };
}

function flags({ callers, seconds, warmupSeconds }: RunOptions): readonly string[] {
  return ['--inflight', String(callers), '--seconds', String(seconds), '--warmup', String(warmupSeconds)];
}

async function driven(place: Place, args: readonly string[]): Promise<Measured> {
  return JSON.parse(await node(place, [...args, '--json']));
}

/** Without the `source` condition: a driver that is an application of ours uses the built package as others do. */
function node(place: Place, args: readonly string[]): Promise<string> {
  return child(place, [process.execPath, ...args], DRIVER_MS_MAX);
}

/** Runs a program in the peers' folder, where their drivers look for their protocol files; resolves with what it printed. */
async function child({ root, device }: Place, [program = '', ...args]: readonly string[], msMax: number): Promise<string> {
  const env = { ...process.env, PEERS_ROOT: root, PEERS_RUN: `${root}/run`, PEERS_DISK: device };
  const spawned = spawn(program, args, { cwd: PEERS, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: msMax });
  let out = '';
  let err = '';
  spawned.stdout.on('data', (chunk) => (out += chunk));
  spawned.stderr.on('data', (chunk) => (err += chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    spawned.once('error', reject);
    // Not 'close': servers that a script has started keep its pipes open.
    spawned.once('exit', (exitCode) => setImmediate(() => resolve(exitCode)));
  });
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${err}`);
  return out;
}
