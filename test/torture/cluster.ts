import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../sim/random.ts';
import { CLUSTER_DEFAULT, newClusterKeys, policyOf, type RegionKeys, writeKeyFile } from '../../src/cli/cluster-keys.ts';
import { freePorts } from '../../src/cli/demo/region-process.ts';
import { renderConfig } from '../../src/config/render.ts';
import { Daemon } from '../e2e/daemon.ts';
import { Listener, members } from './ask.ts';
import { Disk, type DiskKind } from './disk.ts';
import { Line } from './line.ts';

const REGIONS = ['us-east-1', 'us-west-1', 'eu-west-1'] as const;
/** Two of three equal weights: no two contents under one id can both be certain. */
export const THRESHOLD = 2;
/** A remote that says nothing for so long has failed: short, so that a stopped process is longer than it. */
const TIMEOUT = '1s';
const READY_MS_MAX = 40_000;

/** One region: a `serve` process, its disk, and the ways to its listeners that no fault touches. */
export class Region {
  readonly id: string;
  readonly daemon: Daemon;
  readonly disk: Disk;
  readonly local: Listener;
  readonly peers: Listener;

  constructor(daemon: Daemon, disk: Disk) {
    this.id = daemon.id;
    this.daemon = daemon;
    this.disk = disk;
    this.local = new Listener(daemon.localUrl);
    this.peers = new Listener(daemon.peersUrl);
  }

  /** Is it up, and does it take receipts? */
  async isReady(): Promise<boolean> {
    return (await this.local.ask('GET', '/readyz', { timeoutMs: 2_000 }))?.status === 200;
  }

  /** What it says of its store: `ok`, `full`, `failed`; `undefined` where it says nothing. */
  async store(): Promise<unknown> {
    return members(await this.local.ask('GET', '/api/v1/status', { timeoutMs: 2_000 }))['store'];
  }

  async ready(): Promise<void> {
    const deadline = performance.now() + READY_MS_MAX;
    while (!(await this.isReady())) {
      if (performance.now() > deadline) throw new Error(`${this.id} does not get ready:\n${this.daemon.log.slice(-2_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async kill(): Promise<void> {
    await this.daemon.end('SIGKILL');
  }

  async close(): Promise<void> {
    await this.kill();
    await Promise.all([this.local.close(), this.peers.close(), this.daemon.client.close()]);
    this.disk.free();
    this.disk.unmount();
  }
}

/** Do the regions have keys? */
export type Signing = 'signs' | 'plain';

/** What a cluster of a round is. */
export interface ClusterShape {
  /** Of the disks, by turns. */
  readonly kinds: readonly DiskKind[];
  /** `signs`: with keys, mirroring each other; `plain`: without, by the plain protocol. */
  readonly signing?: Signing;
}

interface Place {
  readonly id: string;
  readonly folder: string;
  readonly local: number;
  readonly peers: number;
}

interface Remote {
  readonly id: string;
  /** Of the line to it. */
  readonly port: number;
}

const alive = new Set<Cluster>();

/** Ends what a round that is broken off would leave behind: processes and mounts. Synchronous, for the handler of a signal. */
export function abandonAll(): void {
  for (const { regions } of alive) {
    for (const { daemon, disk } of regions) {
      daemon.abandon();
      disk.unmount();
    }
  }
}

/** Three regions that mirror each other over lines that can be spoiled. */
export class Cluster implements AsyncDisposable {
  readonly regions: readonly Region[];
  readonly lines: readonly Line[];
  /** From whom to whom. */
  readonly #ends: ReadonlyMap<Line, readonly [string, string]>;
  /** What anybody may have; `undefined` of regions without keys. */
  readonly policy: string | undefined;

  private constructor(parts: {
    readonly regions: readonly Region[];
    readonly lines: ReadonlyMap<Line, readonly [string, string]>;
    readonly policy: string | undefined;
  }) {
    this.regions = parts.regions;
    this.lines = [...parts.lines.keys()];
    this.#ends = parts.lines;
    this.policy = parts.policy;
    alive.add(this);
  }

  /** Nothing is started yet. */
  static async make(folder: string, random: Random, { kinds, signing = 'signs' }: ClusterShape): Promise<Cluster> {
    const ports = await freePorts(2 * REGIONS.length);
    const places = REGIONS.map((id, n): Place => ({ id, folder: join(folder, id), local: ports[2 * n] ?? 0, peers: ports[2 * n + 1] ?? 0 }));
    const keys = signing === 'signs' ? newClusterKeys(CLUSTER_DEFAULT, REGIONS) : undefined;
    const lines = new Map<Line, readonly [string, string]>();
    const regions: Region[] = [];
    for (const [n, place] of places.entries()) {
      mkdirSync(place.folder, { recursive: true });
      const remotes: Remote[] = [];
      for (const other of places) {
        if (other === place) continue;
        const line = await Line.start(random.fork(), other.peers);
        lines.set(line, [place.id, other.id]);
        remotes.push({ id: other.id, port: line.port });
      }
      configure(place, remotes, keys);
      const disk = new Disk(kinds[n % kinds.length] ?? 'folder', place.folder, random.fork());
      regions.push(new Region(new Daemon(place.id, place.folder, place), disk));
    }
    return new Cluster({ regions, lines, policy: keys === undefined ? undefined : policyOf(keys, THRESHOLD) });
  }

  /** The lines that begin or end there. */
  linesOf({ id }: Region): readonly Line[] {
    return this.lines.filter((line) => this.#ends.get(line)?.includes(id) === true);
  }

  /** Was a bit turned, ever, on the line from one to the other? */
  wasSpoiled(from: string, to: string): boolean {
    return this.lines.some((line) => {
      const ends = this.#ends.get(line);
      return ends?.[0] === from && ends[1] === to && line.done.corrupted > 0;
    });
  }

  async start(): Promise<void> {
    for (const { disk } of this.regions) disk.mount();
    await Promise.all(this.regions.map(({ daemon }) => daemon.start()));
    await Promise.all(this.regions.map((region) => region.ready()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.regions.map((region) => region.close()));
    await Promise.all(this.lines.map((line) => line.close()));
    alive.delete(this);
  }
}

/** Writes a region's configuration, and its keys where it has any. */
function configure(place: Place, remotes: readonly Remote[], keys: ReadonlyMap<string, RegionKeys> | undefined): void {
  const listen = { local: `127.0.0.1:${place.local}`, peers: `127.0.0.1:${place.peers}` };
  const identity = keys === undefined ? {} : { cluster: CLUSTER_DEFAULT, keyFile: './keys.json' };
  const known = remotes.map(({ id, port }) => {
    const theirs = keys?.get(id);
    const signed = theirs === undefined ? {} : { publicKey: theirs.publicKey, logKey: theirs.logKey };
    return { id, endpoint: `http://127.0.0.1:${port}`, ...signed };
  });
  const text = renderConfig({ ...identity, region: place.id, listen, quorumThreshold: THRESHOLD, remotes: known })
    .replaceAll(/^( +)endpoint: .*$/gm, `$&\n$1timeout: ${TIMEOUT}`)
    .replace('sync:\n', 'sync:\n  maxRetries: 1\n  retryBackoff: 200ms\n')
    .replace('path: ./data', 'path: ./disk/data');
  writeFileSync(join(place.folder, 'config.yaml'), text);
  if (keys !== undefined) writeKeyFile(join(place.folder, 'keys.json'), keys.get(place.id)?.file ?? '');
}
