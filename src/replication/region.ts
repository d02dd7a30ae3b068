import { ReceiptSyncError } from '../errors.ts';
import { recordedAtMs } from '../log/entry.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import { type LogStore, OWN_LOG, type ParkedReceipt, type Recovered, type RemoteOffset } from '../ports/log-store.ts';
import type { Observer, SyncEvent } from '../ports/observer.ts';
import type { Peer } from '../ports/peer.ts';
import type { ReceiptIndex, StoredReceipt } from '../ports/receipt-index.ts';
import type { ReceiveAnswer, Receiving } from '../ports/receiving.ts';
import type { Roster } from '../quorum/roster.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { QuorumNotReachedError } from '../region/quorum-error.ts';
import type { HealthReport, RegionSyncStatus, SyncResult, Verification } from '../region/sync-result.ts';
import { toHex } from '../std/bytes.ts';
import { rfc3339 } from '../std/time.ts';
import { Broadcast, type PlacedEvent } from './broadcast.ts';
import { Committer, type OwnGroup, type StoreState } from './commit.ts';
import { Link } from './link.ts';
import { type ListPage, type ListQuery, list } from './listing.ts';
import { Owed } from './owed.ts';
import { receive } from './receive.ts';
import { type Standing, standing } from './standing.ts';
import { resumeSync, type SyncOptions, type SyncParts, syncReceipt } from './sync.ts';
import { Tail } from './tail.ts';
import { verify } from './verify.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Receipts fetched at once when somebody iterates over all. */
const PAGE_RECEIPTS = 500;

/** What a region is told to be. `MultiRegionConfig` has all of it. */
export interface RegionSettings {
  readonly region: string;
  readonly weight: number;
  readonly crossRegionSyncEnabled: boolean;
  readonly regions: readonly { readonly regionId: string; readonly weight: number; readonly timeoutMs: number }[];
  readonly quorumThreshold: number;
  readonly maxRetries: number;
  readonly retryBackoffMs: number;
}

/** The world a region runs in. The daemon, the library and the simulator each bring their own. */
export interface RegionPorts {
  readonly store: LogStore & ReceiptIndex;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly observe: Observer;
  /** A way to speak to each configured remote, by its id. */
  readonly peer: (regionId: string) => Peer;
}

/** Something an operator must look at. */
export interface Alarm {
  readonly alarm: string;
  readonly region: string;
  readonly message: string;
}

/** What `/api/v1/status` shows of the region as a whole. */
export interface RegionOverview {
  readonly region: string;
  readonly threshold: number;
  readonly weight: number;
  readonly reachableWeight: number;
  readonly receipts: number;
  readonly store: StoreState;
  readonly alarms: readonly Alarm[];
}

/** Opens a region: recovers its logs and begins to deliver what is owed. Rejects with StoreFailedError if the store can't be read. */
export async function openRegion(settings: RegionSettings, ports: RegionPorts): Promise<Region> {
  const recovered = await ports.store.recover();
  const region = new Region(settings, ports, recovered);
  region.start();
  return region;
}

/** One region: the receipts it holds, what it owes, and everybody who waits. Built of ports only. */
export class Region implements Receiving {
  readonly regionId: string;
  readonly #ports: RegionPorts;
  readonly #roster: Roster;
  readonly #committer: Committer;
  readonly #tail: Tail;
  readonly #room: WaitingRoom;
  readonly #links: readonly Link[];
  readonly #peers: readonly { readonly peer: Peer; readonly timeoutMs: number }[];
  readonly #remotes: RegionSettings['regions'];
  readonly #broadcast: Broadcast;
  readonly #sync: SyncParts;
  readonly #stop = new AbortController();
  #draining = false;

  constructor(settings: RegionSettings, ports: RegionPorts, recovered: Recovered) {
    const { clock } = ports;
    const enabled = settings.crossRegionSyncEnabled;
    const observe = this.#observe;
    this.regionId = settings.region;
    this.#broadcast = new Broadcast(toHex(ports.entropy.bytes(4)));
    this.#ports = ports;
    this.#remotes = settings.regions;
    this.#roster = { threshold: settings.quorumThreshold, localWeight: settings.weight, remotes: enabled ? settings.regions : [] };
    this.#room = new WaitingRoom(this.#roster, observe);
    this.#tail = new Tail(ports.store, recovered.logs.get(OWN_LOG)?.size ?? 0);
    this.#committer = new Committer(
      { ...ports, region: settings.region, observe, onOwnGroup: (group) => this.#onOwnGroup(group), progress: () => ({ offsets: this.#offsets() }) },
      recovered,
    );
    this.#peers = this.#roster.remotes.map(({ regionId }, n) => ({ peer: ports.peer(regionId), timeoutMs: settings.regions[n]?.timeoutMs ?? 0 }));
    this.#links = this.#peers.map(({ peer, timeoutMs }, n) => this.#link({ settings, recovered, peer, timeoutMs, position: n }));
    this.#sync = {
      committer: this.#committer,
      room: this.#room,
      links: this.#links,
      roster: this.#roster,
      clock,
      observe,
      syncEnabled: enabled,
      isDraining: () => this.#draining,
    };
  }

  start(): void {
    for (const link of this.#links) link.start();
    this.#observe({ kind: 'ready', region: this.regionId });
  }

  sync(receipt: Receipt, options: SyncOptions): Promise<SyncResult> {
    return syncReceipt(this.#sync, receipt, options);
  }

  /** Waits until an own receipt has its quorum, however long. Throws NOT_FOUND, QuorumNotReachedError once it is out of reach. */
  async waitForQuorum(receiptId: string, signal?: AbortSignal): Promise<SyncResult> {
    const [known] = await this.#ports.store.find([receiptId]);
    const place = known?.places.find(({ log }) => log === OWN_LOG);
    if (known === undefined || place === undefined) throw new ReceiptSyncError('NOT_FOUND', 'No receipt of this region has that id');
    const result = await resumeSync(this.#sync, { index: place.index, receiptId, digest: known.digest }, { waitFor: 'certain', signal });
    if (result.outcome === 'quorum' || result.outcome === 'disabled') return result;
    throw new QuorumNotReachedError(result);
  }

  receive(receipts: readonly Receipt[]): Promise<readonly ReceiveAnswer[]> {
    return receive({ committer: this.#committer, observe: this.#observe }, receipts);
  }

  verify(receiptId: string): Promise<Verification> {
    const { store, clock } = this.#ports;
    if (!this.#sync.syncEnabled) return Promise.resolve({ verdict: 'confirmed', weight: 0, threshold: this.#roster.threshold, regions: [] });
    const parts = { regionId: this.regionId, roster: this.#roster, peers: this.#peers, index: store, clock, observe: this.#observe, signal: this.#stop.signal };
    return verify(parts, receiptId);
  }

  getStored(receiptId: string): Promise<StoredReceipt | undefined> {
    return this.#ports.store.get(receiptId);
  }

  /** A page of receipts with where they stand, in order of arrival. */
  list(query: ListQuery): Promise<ListPage> {
    return list({ index: this.#ports.store, standingOf: (stored) => this.standingOf(stored) }, query);
  }

  /** What the remotes have said of a receipt, as far as this region knows without asking. */
  standingOf(stored: StoredReceipt): Standing {
    return standing({ roster: this.#roster, links: this.#links, syncEnabled: this.#sync.syncEnabled }, stored);
  }

  /** All receipts held here in order of arrival, after a cursor; ends with the last one. */
  async *receipts(after?: string): AsyncGenerator<StoredReceipt, void, undefined> {
    let cursor = after;
    while (true) {
      const page = await this.#ports.store.list({ limit: PAGE_RECEIPTS, after: cursor });
      yield* page.receipts;
      if (page.atEnd) return;
      cursor = page.next;
    }
  }

  /** Events after a place, or from now on. */
  events(after?: string, signal?: AbortSignal): AsyncGenerator<PlacedEvent, void, undefined> {
    return this.#broadcast.read(after, signal);
  }

  /** One per configured remote, in order. */
  async status(): Promise<readonly RegionSyncStatus[]> {
    return Promise.all(this.#remotes.map(({ regionId }, n) => this.#linkStatus(regionId, this.#links[n])));
  }

  health(): HealthReport {
    const regionsAvailable = this.#links.filter((link) => link.isAvailable()).length + (this.#remotes.length - this.#links.length);
    const regionsTotal = this.#remotes.length;
    const quorumStatus = this.#reachableWeight() >= this.#roster.threshold;
    const isHealthy = quorumStatus && regionsAvailable === regionsTotal;
    const status = this.#committer.state !== 'ok' ? 'unhealthy' : isHealthy ? 'healthy' : 'degraded';
    return { status, regionsAvailable, regionsTotal, quorumStatus };
  }

  overview(): RegionOverview {
    const { threshold, localWeight } = this.#roster;
    const paused = this.#links.flatMap((link, n) => {
      const message = link.status().paused?.message;
      return message === undefined ? [] : [{ alarm: 'link-paused', region: this.#remotes[n]?.regionId ?? '', message }];
    });
    return {
      region: this.regionId,
      threshold,
      weight: localWeight,
      reachableWeight: this.#reachableWeight(),
      receipts: this.#committer.receiptCount,
      store: this.#committer.state,
      alarms: paused,
    };
  }

  /** Local only, never a question to other regions (DESIGN law 9). */
  isReady(): boolean {
    return this.#committer.state === 'ok' && !this.#draining;
  }

  /** Refuses new calls, waits for commits and callers up to `timeoutMs`, resolves the rest as pending, closes the world's doors. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    this.#observe({ kind: 'draining' });
    await this.#callersGone(timeoutMs);
    this.#room.dismiss();
    this.#stop.abort();
    for (const link of this.#links) link.stop();
    await this.#committer.close();
    await Promise.all(this.#peers.map(({ peer }) => peer.close()));
    await this.#ports.store.close();
    this.#broadcast.end();
  }

  async #callersGone(timeoutMs: number): Promise<void> {
    const { clock } = this.#ports;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    while (clock.monotonicMs() < deadlineMs && (this.#room.waiters > 0 || this.#committer.isBusy)) {
      await new Promise<void>((resolve) => clock.after(Math.min(10, Math.max(0, deadlineMs - clock.monotonicMs())), resolve));
    }
  }

  readonly #observe = (event: SyncEvent): void => {
    this.#ports.observe(event);
    this.#broadcast.emit(event);
  };

  #onOwnGroup({ group, receipts }: OwnGroup): void {
    // Without links nobody reads the tail.
    if (this.#links.length > 0) this.#tail.append(group.start, receipts);
    for (const link of this.#links) link.owe(group.start, group.start + receipts.length);
  }

  #link(made: {
    readonly settings: RegionSettings;
    readonly recovered: Recovered;
    readonly peer: Peer;
    readonly timeoutMs: number;
    readonly position: number;
  }): Link {
    const { settings, recovered, peer, timeoutMs, position } = made;
    const regionId = settings.regions[position]?.regionId ?? '';
    const { clock, entropy } = this.#ports;
    const room = this.#room;
    const owed = new Owed({
      offset: recovered.offsets.find(({ region }) => region === regionId)?.offset ?? 0,
      size: recovered.logs.get(OWN_LOG)?.size ?? 0,
      refused: recovered.parked.filter(({ region }) => region === regionId),
    });
    return new Link(
      {
        remote: { regionId, timeoutMs },
        maxRetries: settings.maxRetries,
        retryBackoffMs: settings.retryBackoffMs,
        peer,
        tail: this.#tail,
        clock,
        entropy,
        observe: this.#observe,
        listener: {
          acknowledged: (index) => room.spoken(index, position, { word: 'acknowledged' }),
          refused: (index, failure) => room.spoken(index, position, { word: 'refused', failure }),
          attemptFailed: (index, failure) => room.attemptFailed(index, position, failure),
          gaveUp: (index, failure) => room.gaveUp(index, position, failure),
        },
        progressed: () => this.#committer.progressed(),
        park: (index, { status, code, message }) => {
          const parked: ParkedReceipt = {
            region: regionId,
            index,
            status: status ?? 0,
            code: code === 'CONFLICT' ? code : 'REFUSED',
            message,
            atMs: clock.wallMs(),
          };
          return this.#committer.park(parked);
        },
      },
      owed,
    );
  }

  #offsets(): readonly RemoteOffset[] {
    return this.#links.map((link, n) => ({ region: this.#remotes[n]?.regionId ?? '', offset: link.offset }));
  }

  #reachableWeight(): number {
    return this.#roster.remotes.reduce((sum, { weight }, n) => sum + (this.#links[n]?.isAvailable() === true ? weight : 0), this.#roster.localWeight);
  }

  async #linkStatus(regionId: string, link: Link | undefined): Promise<RegionSyncStatus> {
    if (link === undefined) {
      return { regionId, isAvailable: true, failureCount: 0, lastSyncTimestamp: null, circuit: 'closed', owedCount: 0, owedSince: null, lastError: null };
    }
    const { circuit, state, lastSyncMs, lastError, owedCount, owedFrom } = link.status();
    const since = owedFrom === undefined ? undefined : await this.#tail.recordedAt(owedFrom).catch(() => undefined);
    return {
      regionId,
      isAvailable: circuit.kind === 'closed',
      failureCount: circuit.failures,
      lastSyncTimestamp: lastSyncMs === undefined ? null : Math.floor(lastSyncMs / 1000),
      circuit: state,
      owedCount,
      owedSince: since === undefined ? null : rfc3339(recordedAtMs(since)),
      lastError: lastError === undefined ? null : { code: lastError.code, message: lastError.message },
    };
  }
}
