import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLUSTER_DEFAULT, newClusterKeys, type RegionKeys, writeKeyFile } from '../../src/cli/cluster-keys.ts';
import { freePorts } from '../../src/cli/demo/region-process.ts';
import { ReceiptSyncClient } from '../../src/client.ts';
import { renderConfig } from '../../src/config/render.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const START_MS_MAX = 30_000;
/** Of a log, in an error. */
const LOG_SHOWN = 2_000;

/** What a command printed, and how it ended. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the CLI as its own process. */
export function cli(
  args: readonly string[],
  more: { readonly cwd?: string; readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Ran> {
  const child = spawn(process.execPath, ['-C', 'source', MAIN, ...args], {
    cwd: more.cwd ?? process.cwd(),
    env: { ...process.env, ...more.env },
    stdio: 'pipe',
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  child.stdin.end(more.input ?? '');
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

/** A `serve` process of a test, with its own ports and folder. */
export class Daemon {
  readonly id: string;
  readonly folder: string;
  readonly localUrl: string;
  readonly peersUrl: string;
  readonly client: ReceiptSyncClient;
  #child: ChildProcess | undefined;
  #isWrapped = false;
  readonly #file: string;
  readonly #sets: readonly string[];

  constructor(
    id: string,
    folder: string,
    at: { readonly local: number; readonly peers: number } | { readonly unix: string; readonly file: string },
    sets: readonly string[] = [],
  ) {
    this.id = id;
    this.folder = folder;
    this.#sets = sets;
    this.localUrl = 'unix' in at ? `unix:${at.unix}` : `http://127.0.0.1:${at.local}`;
    this.peersUrl = 'unix' in at ? '' : `http://127.0.0.1:${at.peers}`;
    this.#file = 'unix' in at ? at.file : join(folder, 'config.yaml');
    this.client = new ReceiptSyncClient(this.localUrl);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** SIGKILL for the process and for its wrapper, which may be asleep over it. */
  async cutOff(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = this.gone();
    const pid = this.#isWrapped ? childOf(child) : undefined;
    killIfAlive(pid);
    child.kill('SIGKILL');
    await gone;
    // Nobody's child any more: it has closed its files when it is a zombie, or not there.
    while (pid !== undefined && isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** SIGKILL, and nobody waits. */
  abandon(): void {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const pid = this.#isWrapped ? childOf(child) : undefined;
    killIfAlive(pid);
    child.kill('SIGKILL');
  }

  /** Resolves once the process has ended, by whatever hand. */
  async gone(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((resolve) => child.once('exit', resolve));
  }

  get log(): string {
    return readFileSync(join(this.folder, 'serve.log'), 'utf8');
  }

  /** Starts the process; `wrapper` is a program that runs it (strace, say), `sets` are for this start. Resolves when it answers. */
  async start(wrapper: readonly string[] = [], sets: readonly string[] = []): Promise<void> {
    const all = [...this.#sets, ...sets].flatMap((set) => ['--set', set]);
    const command = [...wrapper, process.execPath, '-C', 'source', MAIN, 'serve', '--config', this.#file, ...all];
    const [program = '', ...args] = command;
    this.#isWrapped = wrapper.length > 0;
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    child.stderr.on('data', (chunk) => writeFileSync(join(this.folder, 'serve.log'), chunk, { flag: 'a' }));
    const deadline = performance.now() + START_MS_MAX;
    while (
      !(await this.client.getHealthStatus().then(
        () => true,
        () => false,
      ))
    ) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline)
        throw new Error(`${this.id} did not start:\n${this.log.slice(-LOG_SHOWN)}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Sends a signal; resolves with the exit code once the process is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
    // Under a wrapper the process itself is the wrapper's child; the wrapper ends with it.
    process.kill((this.#isWrapped ? childOf(child) : undefined) ?? pidOf(child), signal);
    return gone;
  }
}

/** Three regions that know and mirror each other, quorum 2 of 3, not yet started; `plain`: without keys. */
export async function threeDaemons(
  folder: string,
  { plain = false, ...sync }: { readonly maxRetries?: number; readonly retryBackoff?: string; readonly plain?: boolean } = {},
): Promise<readonly Daemon[]> {
  const ids = ['us-east-1', 'us-west-1', 'eu-west-1'];
  const ports = await freePorts(6);
  const keys = plain ? undefined : newClusterKeys(CLUSTER_DEFAULT, ids);
  const peer = (n: number): string => `127.0.0.1:${ports[2 * n + 1]}`;
  return ids.map((id, n) => {
    const own = join(folder, id);
    mkdirSync(own, { recursive: true });
    const remotes = ids.flatMap((other, m) => (m === n ? [] : [{ id: other, endpoint: `http://${peer(m)}`, ...publicKeysOf(keys?.get(other)) }]));
    if (keys !== undefined) writeKeyFile(join(own, 'keys.json'), keys.get(id)?.file ?? '');
    const signs = keys === undefined ? {} : { cluster: CLUSTER_DEFAULT, keyFile: './keys.json' };
    const text = renderConfig({ ...signs, region: id, listen: { local: `127.0.0.1:${ports[2 * n]}`, peers: peer(n) }, quorumThreshold: 2, remotes });
    const more = Object.entries(sync)
      .map(([key, value]) => `  ${key}: ${value}\n`)
      .join('');
    writeFileSync(join(own, 'config.yaml'), text.replace('sync:\n', `sync:\n${more}`));
    return new Daemon(id, own, { local: ports[2 * n] ?? 0, peers: ports[2 * n + 1] ?? 0 });
  });
}

function publicKeysOf(keys: RegionKeys | undefined): { readonly publicKey?: string; readonly logKey?: string } {
  return keys === undefined ? {} : { publicKey: keys.publicKey, logKey: keys.logKey };
}

export async function endAll(daemons: readonly Daemon[]): Promise<void> {
  await Promise.all(daemons.map((daemon) => daemon.end('SIGKILL')));
  await Promise.all(daemons.map((daemon) => daemon.client.close()));
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // No such process.
    return false;
  }
}

/** The process that a wrapper runs; `undefined` where it has none any more. */
function childOf(wrapper: ChildProcess): number | undefined {
  const pid = pidOf(wrapper);
  try {
    const [first = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    // Never 0: to kill(2) that is everybody in our own group.
    return first === '' ? undefined : Number(first);
  } catch {
    // The wrapper has gone too, and we have not heard of it yet.
    return undefined;
  }
}

/** SIGKILL, if it is still there. */
function killIfAlive(pid: number | undefined): void {
  if (pid !== undefined && isAlive(pid)) process.kill(pid, 'SIGKILL');
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the process did not start');
  return child.pid;
}
