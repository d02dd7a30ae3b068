import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ReceiptSyncClient } from 'receipt-sync';
import { CLUSTER_DEFAULT, newClusterKeys, type RegionKeys, writeKeyFile } from '../src/cli/cluster-keys.ts';
import { freePorts } from '../src/cli/demo/region-process.ts';
import { renderConfig } from '../src/config/render.ts';

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const LAG = fileURLToPath(new URL('./loop-lag.mjs', import.meta.url));
const IDS = ['us-east-1', 'us-west-1', 'eu-west-1'] as const;
/** A process does nothing for so long before its memory is called idle. */
const IDLE_MS = 1_500;
const START_TRIES = 400;
const START_TRY_MS = 50;
/** Time for a process to write its loop's delay after it was asked. */
const LAG_MS = 200;
/** Finer samples cost a quarter of a core a process. */
const PROFILE_INTERVAL_US = 1_000;

/** What one process has cost so far. */
export interface ProcessFigures {
  readonly region: string;
  readonly vmHwmMb: number;
  readonly rssMb: number;
  /** Delay of its event loop since it was last asked, in ms. */
  readonly lag: { readonly p50: number; readonly p99: number; readonly max: number } | undefined;
}

export interface ClusterOptions {
  /** Only these regions are started: in the library's case the client is the entry region. */
  readonly only?: readonly string[];
  /** Without keys: the plain protocol, as before the mirrors. */
  readonly plain?: boolean;
  /** Folder for CPU profiles, one folder a region. */
  readonly cpuProfiles?: string;
}

interface Running {
  readonly region: string;
  readonly child: ChildProcess;
}

/** Three regions as a user runs them: the built package, one process each, fsync on, quorum 2 of 3. */
export class OursCluster {
  readonly localUrls: readonly string[];
  readonly peerUrls: readonly string[];
  /** Memory before the first receipt. */
  idle: readonly ProcessFigures[] = [];
  readonly #root: string;
  readonly #name: string;
  readonly #running: Running[] = [];

  private constructor(at: { readonly root: string; readonly name: string }, ports: readonly number[]) {
    this.#root = at.root;
    this.#name = at.name;
    this.localUrls = IDS.map((_, n) => `http://127.0.0.1:${ports[2 * n]}`);
    this.peerUrls = IDS.map((_, n) => `http://127.0.0.1:${ports[2 * n + 1]}`);
  }

  /** Starts on data made anew, in `data/` and `run/` of the root as the peers' scripts do; resolves once all have been idle for a moment. */
  static async start(root: string, name: string, options: ClusterOptions = {}): Promise<OursCluster> {
    const cluster = new OursCluster({ root, name }, await freePorts(2 * IDS.length));
    rmSync(cluster.#data, { recursive: true, force: true });
    const keys = options.plain === true ? undefined : newClusterKeys(CLUSTER_DEFAULT, IDS);
    try {
      for (const [n, id] of IDS.entries()) {
        cluster.#configure(id, n, keys);
        if (options.only?.includes(id) !== false) await cluster.#spawn(id, { url: cluster.localUrls[n] ?? '', cpuProfiles: options.cpuProfiles });
      }
      mkdirSync(join(root, 'run'), { recursive: true });
      writeFileSync(cluster.#pidFile, cluster.pids.join('\n'));
      await wait(IDLE_MS);
      cluster.idle = await cluster.figures();
      return cluster;
    } catch (error) {
      await cluster.remove();
      throw error;
    }
  }

  get pids(): readonly number[] {
    return this.#running.map(({ child }) => child.pid ?? 0);
  }

  /** Memory so far, and the loop's delay since the last call. */
  async figures(): Promise<readonly ProcessFigures[]> {
    for (const { child } of this.#running) child.kill('SIGUSR2');
    await wait(LAG_MS);
    return this.#running.map(({ region, child }) => {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      const mb = (name: string): number => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
      return { region, vmHwmMb: mb('VmHWM'), rssMb: mb('VmRSS'), lag: this.#lag(region) };
    });
  }

  /** Ends them as an operator would; the data stays. */
  async stop(): Promise<void> {
    for (const { child } of this.#running.splice(0)) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await gone;
    }
    rmSync(this.#pidFile, { force: true });
  }

  /** Ends them and forgets their data. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#data, { recursive: true, force: true });
  }

  get #data(): string {
    return join(this.#root, 'data', this.#name);
  }

  get #pidFile(): string {
    return join(this.#root, 'run', `${this.#name}.pids`);
  }

  #configure(id: string, n: number, keys: ReadonlyMap<string, RegionKeys> | undefined): void {
    const folder = join(this.#data, id);
    mkdirSync(folder, { recursive: true });
    const listen = { local: new URL(this.localUrls[n] ?? '').host, peers: new URL(this.peerUrls[n] ?? '').host };
    const remotes = IDS.flatMap((other, m) => (m === n ? [] : [{ id: other, endpoint: this.peerUrls[m] ?? '', ...publicHalves(keys?.get(other)) }]));
    const signs = keys === undefined ? {} : { cluster: CLUSTER_DEFAULT, keyFile: './keys.json' };
    if (keys !== undefined) writeKeyFile(join(folder, 'keys.json'), keys.get(id)?.file ?? '');
    writeFileSync(join(folder, 'config.yaml'), renderConfig({ ...signs, region: id, listen, quorumThreshold: 2, remotes }));
  }

  async #spawn(id: string, { url, cpuProfiles }: { readonly url: string; readonly cpuProfiles: string | undefined }): Promise<void> {
    const folder = join(this.#data, id);
    const profile = cpuProfiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-interval=${PROFILE_INTERVAL_US}`, `--cpu-prof-dir=${join(cpuProfiles, id)}`];
    const log = openSync(join(folder, 'serve.log'), 'a');
    // The first line of the bin says the same.
    const args = ['--max-semi-space-size=8', ...profile, '--import', LAG, MAIN, 'serve', '--config', join(folder, 'config.yaml'), '--set', 'logs.level=warn'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', log], env: { ...process.env, LOOP_LAG_FILE: join(folder, 'lag.json') } });
    closeSync(log);
    this.#running.push({ region: id, child });
    await using client = new ReceiptSyncClient(url);
    for (let tries = 0; tries < START_TRIES && child.exitCode === null; tries += 1) {
      const isUp = await client.getHealthStatus().then(
        () => true,
        () => false,
      );
      if (isUp) return;
      await wait(START_TRY_MS);
    }
    throw new Error(`${id} did not start:\n${readFileSync(join(folder, 'serve.log'), 'utf8')}`);
  }

  #lag(region: string): ProcessFigures['lag'] {
    try {
      return JSON.parse(readFileSync(join(this.#data, region, 'lag.json'), 'utf8'));
    } catch {
      // Not written in time: the figure is left out.
      return undefined;
    }
  }
}

function publicHalves(keys: RegionKeys | undefined): { readonly publicKey?: string; readonly logKey?: string } {
  return keys === undefined ? {} : { publicKey: keys.publicKey, logKey: keys.logKey };
}
