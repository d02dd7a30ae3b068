import { MemoryDisk } from '../../sim/memory-disk.ts';
import { MemoryFiles, MemoryStore } from '../../sim/memory-store.ts';
import { Random } from '../../sim/random.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { logLines } from '../../src/adapters/observers/log-lines.ts';
import { statusFailure } from '../../src/adapters/peer-http/failures.ts';
import type { SyncEvent } from '../../src/ports/observer.ts';
import type { Delivery, Parcel, Peer } from '../../src/ports/peer.ts';
import { openRegion } from '../../src/replication/open-region.ts';
import type { Region } from '../../src/replication/region.ts';
import type { RegionSettings } from '../../src/replication/region-settings.ts';

/** What a remote answers to the n-th request (from 0) that it gets: one answer for all receipts in it. */
export type Script = (request: number, parcels: readonly Parcel[]) => Promise<Delivery> | Delivery;

export const OK: Delivery = { kind: 'acknowledged' };

/** An answer with this HTTP status. */
export function status(code: number, retryAfter?: string): Delivery {
  const failure = statusFailure(code, retryAfter);
  return { kind: failure.consequence === 'park' ? 'refused' : 'failed', failure };
}

/** A region under a virtual clock whose remotes do as their scripts say. */
export interface Scene {
  readonly region: Region;
  readonly clock: VirtualClock;
  readonly events: readonly SyncEvent[];
  /** Log lines as they are printed, without their time. */
  lines(): readonly string[];
  /** When each request came, by remote: ms since the start. */
  requests(remote: string): readonly number[];
}

/** Opens a region beside scripted remotes; a remote takes batches of `batchMax`, or single receipts. */
export async function scene(
  scripts: Readonly<Record<string, Script>>,
  change: Partial<RegionSettings> & { readonly batchMax?: number; readonly disk?: MemoryDisk } = {},
): Promise<Scene> {
  const clock = new VirtualClock();
  const events: SyncEvent[] = [];
  const requests = new Map<string, number[]>(Object.keys(scripts).map((id) => [id, []]));
  const peer = (id: string): Peer => ({
    deliver: async (parcels) => {
      const times = requests.get(id) ?? [];
      times.push(clock.monotonicMs());
      const delivery = (await scripts[id]?.(times.length - 1, parcels)) ?? OK;
      return { deliveries: parcels.map(() => delivery), batchMax: change.batchMax };
    },
    mirror: async () => ({
      kind: 'failed',
      failure: { code: 'HTTP_STATUS', message: 'No mirror', retryable: false, consequence: 'pause', countsAgainst: true },
    }),
    read: async () => ({ kind: 'missing' }),
    shown: async () => undefined,
    close: async () => undefined,
  });
  const settings: RegionSettings = {
    region: 'us-east-1',
    weight: 1,
    crossRegionSyncEnabled: true,
    regions: Object.keys(scripts).map((regionId) => ({ regionId, weight: 1, timeoutMs: 5_000 })),
    quorumThreshold: 2,
    maxRetries: 3,
    retryBackoffMs: 1_000,
    exclusive: false,
    ...change,
  };
  const disk = change.disk ?? new MemoryDisk();
  const store = new MemoryStore(disk);
  const region = await openRegion(settings, {
    store,
    clock,
    entropy: new Random(1),
    observe: (event) => events.push(event),
    peer,
    files: new MemoryFiles(disk),
  });
  return {
    region,
    clock,
    events,
    lines: () => events.flatMap((event) => logLines(event).map(({ level, msg }) => `${level.toUpperCase()} ${msg}`)),
    requests: (remote) => requests.get(remote) ?? [],
  };
}

/** The promise's value, after as much virtual time as it takes. */
export async function eventually<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const over = promise.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined);
  await clock.runUntil(() => isOver, clock.monotonicMs() + 3_600_000);
  return over;
}
