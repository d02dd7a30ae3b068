import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ReceiptSyncClient } from '../../client.ts';
import { renderConfig } from '../../config/render.ts';
import { type RegionKeys, writeKeyFile } from '../cluster-keys.ts';
import { CommandFailure, EXIT } from '../exit.ts';

const START_MS_MAX = 20_000;
const ASK_AGAIN_MS = 50;
const STOP_MS_MAX = 10_000;

/** Where a region's two listeners are. */
export interface RegionPorts {
  readonly local: number;
  readonly peers: number;
  /** Where the others reach it: the peer listener, or a longer way to it. */
  readonly reached: number;
}

/** One region of the demo: a real `serve` process that can be killed and started again. */
export class RegionProcess {
  readonly id: string;
  readonly client: ReceiptSyncClient;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #disturbed: Promise<void> = Promise.resolve();

  constructor(id: string, folder: string, ports: RegionPorts) {
    this.id = id;
    this.#folder = folder;
    this.client = new ReceiptSyncClient(`http://127.0.0.1:${ports.local}`);
  }

  /** The store's folder. */
  get dataDir(): string {
    return join(this.#folder, 'data');
  }

  get isUp(): boolean {
    return this.#child !== undefined;
  }

  /** Starts the process and waits until it is ready. */
  async start(): Promise<void> {
    const main = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));
    const log = openSync(join(this.#folder, 'serve.log'), 'a');
    const child = spawn(process.execPath, [...process.execArgv, main, 'serve', '--config', join(this.#folder, 'config.yaml')], {
      stdio: ['ignore', 'ignore', log],
      env: withoutSettings(),
    });
    closeSync(log);
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    const deadline = performance.now() + START_MS_MAX;
    while (
      !(await this.client.getHealthStatus().then(
        () => true,
        () => false,
      ))
    ) {
      if (this.#child !== child || performance.now() > deadline)
        throw new CommandFailure(EXIT.ourBug, `Region ${this.id} did not start: see ${join(this.#folder, 'serve.log')}`);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  /** SIGKILL, as a power button would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** One disturbance at a time: whoever stops the process starts it again before the next one begins. */
  alone<T>(disturb: () => Promise<T>): Promise<T> {
    const done = this.#disturbed.then(disturb);
    this.#disturbed = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  /** SIGTERM: it drains, and its store is one file. */
  async halt(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async stop(): Promise<void> {
    await this.halt();
    await this.client.close();
  }

  /** Last resort, at the end of the demo's own process. */
  killNow(): void {
    this.#child?.kill('SIGKILL');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    await gone;
    clearTimeout(timer);
  }
}

/** Writes a region's configuration. */
export function writeRegion(
  folder: string,
  region: {
    readonly id: string;
    readonly threshold: number;
    readonly ports: ReadonlyMap<string, RegionPorts>;
    readonly cluster: string;
    readonly keys: ReadonlyMap<string, RegionKeys>;
  },
): void {
  const { id, threshold, ports, cluster, keys } = region;
  const own = ports.get(id);
  if (own === undefined) throw new CommandFailure(EXIT.usage, `No region ${id}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const remotes = [...ports]
    .filter(([other]) => other !== id)
    .map(([other, { reached }]) => {
      const { publicKey = '', logKey = '' } = keys.get(other) ?? {};
      return { id: other, endpoint: `http://127.0.0.1:${reached}`, publicKey, logKey };
    });
  writeKeyFile(join(folder, 'keys.json'), keys.get(id)?.file ?? '');
  const listen = { local: `127.0.0.1:${own.local}`, peers: `127.0.0.1:${own.peers}` };
  writeFileSync(join(folder, 'config.yaml'), renderConfig({ cluster, region: id, keyFile: './keys.json', listen, quorumThreshold: threshold, remotes }));
}

/** Below the ports that systems give to outgoing connections: one of those, to whomever, would be in the way when a region comes back. */
const PORTS = { first: 20_000, count: 12_000 } as const;
const TRIES_MAX = 200;

/** Ports that were free a moment ago: all are held until the last one is found. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  try {
    for (let tries = 0; ports.length < count; tries += 1) {
      if (tries === TRIES_MAX) throw new CommandFailure(EXIT.tryAgain, `No ports are free from ${PORTS.first} on`);
      const port = PORTS.first + randomInt(PORTS.count);
      const server = await listening(port);
      if (server === undefined) continue;
      held.push(server);
      ports.push(port);
    }
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
  return ports;
}

function listening(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** The demo's regions are configured by their files alone. */
function withoutSettings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:RECEIPT_SYNC|KGC_SIDECAR)_/.test(name)));
}
