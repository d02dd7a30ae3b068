import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenOptions, ReceiptSyncManager } from '../src/manager.ts';
import { MultiRegionConfig } from '../src/region/multi-region-config.ts';

/** A server on a free port of loopback. */
export interface Listening {
  readonly url: string;
  readonly server: Server;
  close(): Promise<void>;
}

export async function listen(listener: RequestListener): Promise<Listening> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, server, close };
}

/** A real receiving region on loopback. */
export interface ReceivingRegion extends Listening {
  readonly manager: ReceiptSyncManager;
}

/** A folder, and regions in it, that go when the test does. */
export class Regions implements AsyncDisposable {
  readonly folder: string;
  readonly #ends: (() => Promise<void>)[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<Regions> {
    return new Regions(await mkdtemp(join(tmpdir(), 'receipt-sync-test-')));
  }

  /** A region that others can post to. */
  async receiving(id: string, plain?: OpenOptions['plain']): Promise<ReceivingRegion> {
    const manager = await ReceiptSyncManager.open(new MultiRegionConfig(id).withDataDir(join(this.folder, id)), plain === undefined ? {} : { plain });
    const listening = await listen(manager.peerHandler);
    this.#ends.push(async () => {
      await listening.close();
      await manager.close({ timeout: 0 });
    });
    return { ...listening, manager };
  }

  async open(config: MultiRegionConfig): Promise<ReceiptSyncManager> {
    const manager = await ReceiptSyncManager.open(config.withDataDir(join(this.folder, config.region)));
    this.#ends.push(() => manager.close({ timeout: 0 }));
    return manager;
  }

  async fake(listener: RequestListener): Promise<Listening> {
    const listening = await listen(listener);
    this.#ends.push(() => listening.close());
    return listening;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    await rm(this.folder, { recursive: true, force: true });
  }
}
