import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newKeys } from '../src/adapters/signer-file.ts';
import { ReceiptSyncManager, signingOf } from '../src/manager.ts';
import type { SyncEvent } from '../src/ports/observer.ts';
import { MultiRegionConfig } from '../src/region/multi-region-config.ts';
import { RemoteRegion } from '../src/region/remote-region.ts';
import { type Listening, listen } from './regions.ts';

const CLUSTER = 'test.example.com';

/** What a cluster of a test is. */
export interface ClusterShape {
  /** Weight by region. */
  readonly weights: Readonly<Record<string, number>>;
  readonly threshold: number;
  /** Regions that have no keys. */
  readonly plain?: readonly string[];
}

/** One region of a test: a real manager behind a real listener, that can go and come back at the same place. */
export class TestRegion {
  readonly id: string;
  readonly events: SyncEvent[] = [];
  /** Requests that came to its peer listener while it was up. */
  requests = 0;
  readonly #listening: Listening;
  readonly #swap: (listener: RequestListener | undefined) => void;
  #config: MultiRegionConfig = new MultiRegionConfig('');
  #manager: ReceiptSyncManager | undefined;

  private constructor(id: string, listening: Listening, swap: (listener: RequestListener | undefined) => void) {
    this.id = id;
    this.#listening = listening;
    this.#swap = swap;
  }

  static async make(id: string): Promise<TestRegion> {
    let current: RequestListener | undefined;
    const listening = await listen((request, response) => {
      // A region that is down answers nobody.
      if (current === undefined) {
        request.socket.destroy();
        return;
      }
      region.requests += 1;
      current(request, response);
    });
    const region = new TestRegion(id, listening, (listener) => {
      current = listener;
    });
    return region;
  }

  get url(): string {
    return this.#listening.url;
  }

  get config(): MultiRegionConfig {
    return this.#config;
  }

  get manager(): ReceiptSyncManager {
    if (this.#manager === undefined) throw new Error(`${this.id} is down`);
    return this.#manager;
  }

  configure(config: MultiRegionConfig): void {
    this.#config = config;
  }

  async start(): Promise<void> {
    this.#manager = await ReceiptSyncManager.open(this.#config, { observer: (event) => this.events.push(event) });
    this.#swap(this.#manager.peerHandler);
  }

  /** Answers at its place with something else than a region. */
  serve(listener: RequestListener): void {
    this.#swap(listener);
  }

  async stop(): Promise<void> {
    this.#swap(undefined);
    const manager = this.#manager;
    this.#manager = undefined;
    await manager?.close({ timeout: 0 });
  }

  async end(): Promise<void> {
    await this.stop();
    await this.#listening.close();
  }

  alarms(): readonly string[] {
    return this.events.flatMap((event) => (event.kind === 'alarm' ? [event.alarm] : []));
  }
}

/** A mirrored cluster on loopback, in one process; it goes when the test does. */
export class MirroredCluster implements AsyncDisposable {
  readonly folder: string;
  readonly regions: readonly TestRegion[];

  private constructor(folder: string, regions: readonly TestRegion[]) {
    this.folder = folder;
    this.regions = regions;
  }

  static async start(shape: ClusterShape): Promise<MirroredCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-mirrors-'));
    const ids = Object.keys(shape.weights);
    const regions = await Promise.all(ids.map((id) => TestRegion.make(id)));
    const keys = new Map(ids.filter((id) => shape.plain?.includes(id) !== true).map((id) => [id, newKeys({ cluster: CLUSTER, region: id })]));
    for (const region of regions) {
      mkdirSync(join(folder, region.id));
      const own = keys.get(region.id);
      const keyFile = join(folder, region.id, 'keys.json');
      if (own !== undefined) writeFileSync(keyFile, own.file, { mode: 0o600 });
      const remotes = regions
        .filter(({ id }) => id !== region.id)
        .map(({ id, url }) => {
          const remote = new RemoteRegion(id, url, { weight: shape.weights[id] ?? 1, timeout: '2s' });
          const theirs = keys.get(id);
          return own === undefined || theirs === undefined ? remote : remote.withPublicKey(theirs.mirror).withLogKey(theirs.log);
        });
      const fields = { crossRegionSyncEnabled: true, quorumThreshold: shape.threshold, weight: shape.weights[region.id] ?? 1, retryBackoff: '200ms' };
      const signs = own === undefined ? {} : { cluster: CLUSTER, keyFile };
      region.configure(MultiRegionConfig.from({ ...fields, ...signs, region: region.id, regions: remotes, dataDir: join(folder, region.id, 'data') }));
    }
    const cluster = new MirroredCluster(folder, regions);
    for (const region of regions) await region.start();
    return cluster;
  }

  region(id: string): TestRegion {
    const region = this.regions.find((each) => each.id === id);
    if (region === undefined) throw new Error(`No region ${id}`);
    return region;
  }

  /** What offline verifiers get, as the region has it. */
  policy(id: string): string {
    return signingOf(this.region(id).config)?.cluster.policyText ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const region of this.regions) await region.end();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Asks until the answer is yes: a hang is the failure. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, msMax = 30_000): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`Not within ${msMax} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
