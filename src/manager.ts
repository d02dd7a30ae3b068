import type { RequestListener } from 'node:http';
import { backupBytes } from './adapters/backup-stream.ts';
import { systemClock } from './adapters/clock.ts';
import { systemEntropy } from './adapters/entropy.ts';
import { EvidenceDirectory } from './adapters/evidence-dir.ts';
import type { Refusal } from './adapters/http/route.ts';
import { type PlainAccess, peerListener } from './adapters/peer-http/listener.ts';
import { HttpPeer } from './adapters/peer-http/peer.ts';
import { readPem, tokenReader } from './adapters/secret-files.ts';
import { readSigner } from './adapters/signer-file.ts';
import { openSqliteStore, type SqliteStore } from './adapters/store-sqlite/store.ts';
import type { Finding } from './audit/finding.ts';
import { auditStore, type StoreAudit } from './audit/store-audit.ts';
import { InvalidConfigError } from './errors.ts';
import { recordedFrom } from './log/entry.ts';
import type { Observer, SyncEvent } from './ports/observer.ts';
import type { StoredReceipt } from './ports/receipt-index.ts';
import type { ServedLog } from './ports/receiving.ts';
import { clusterOf } from './quorum/cluster.ts';
import { parseReceipt } from './receipt/parse.ts';
import type { Receipt } from './receipt/receipt.ts';
import { MultiRegionConfig, type MultiRegionFields } from './region/multi-region-config.ts';
import { RegionConfig, type RegionConfigFields } from './region/region-config.ts';
import type { HealthReport, RegionSyncStatus, SyncResult, Verification } from './region/sync-result.ts';
import type { Alarm } from './replication/alarms.ts';
import type { PlacedEvent } from './replication/broadcast.ts';
import type { Signing } from './replication/evidence.ts';
import type { ListPage, ListQuery } from './replication/listing.ts';
import { openRegion } from './replication/open-region.ts';
import type { RegionOverview } from './replication/overview.ts';
import type { Region } from './replication/region.ts';
import type { Standing } from './replication/standing.ts';
import { type Duration, durationMs } from './std/duration.ts';

/** What is not part of the region's configuration. */
export interface OpenOptions {
  /** Told of every event, in order, synchronously. */
  readonly observer?: Observer;
  /** Who may post and read by `peerHandler`; loopback where nothing is said. */
  readonly plain?: PlainAccess;
  /** Told of bugs of ours that a request met. */
  readonly onInternalError?: (error: unknown) => void;
  /** Told of requests that `peerHandler` refused for what they are. */
  readonly onRefused?: (refusal: Refusal) => void;
}

/** How `syncReceipt` waits (CONTRACT §1). */
export interface SyncReceiptOptions {
  /** `quorum` (default), `all` remotes' outcomes, or the `local` fsync only. */
  readonly waitFor?: 'quorum' | 'all' | 'local';
  /** Rejects with its reason; the receipt and its replication go on. */
  readonly signal?: AbortSignal;
  /** Resolves as `pending` after this. */
  readonly deadline?: Duration;
}

interface Parts {
  readonly region: Region;
  readonly store: SqliteStore;
  readonly signing: Signing | undefined;
}

/** What of the store is audited, and who is told of it. */
export interface AuditOptions {
  /** Only the newest so many entries, in order of arrival. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onFinding: (finding: Finding) => void;
  readonly onProgress: (progress: { readonly done: number; readonly total: number }) => void;
}

/** One region's receipts: stores, replicates and verifies them. Opens no port; `peerHandler` is what other regions need to reach. */
export class ReceiptSyncManager implements AsyncDisposable {
  readonly config: MultiRegionConfig;
  /** All peer routes, for `http.createServer(manager.peerHandler)`. */
  readonly peerHandler: RequestListener;
  readonly #region: Region;
  readonly #store: SqliteStore;
  readonly #signing: Signing | undefined;

  private constructor(config: MultiRegionConfig, parts: Parts, options: OpenOptions) {
    const { region } = parts;
    this.config = config;
    this.#store = parts.store;
    this.#signing = parts.signing;
    this.#region = region;
    this.peerHandler = peerListener({
      region,
      plain: options.plain ?? { accept: 'loopback' },
      healthJson: () => healthJson(region.health()),
      onInternal: options.onInternalError ?? (() => undefined),
      onRefused: options.onRefused ?? (() => undefined),
      nowMs: systemClock.wallMs,
    });
  }

  /** Opens the store, recovers, and begins to deliver what is owed. Rejects with InvalidConfigError or StoreFailedError. */
  static async open(config: MultiRegionConfig | MultiRegionFields, options: OpenOptions = {}): Promise<ReceiptSyncManager> {
    const checked = config instanceof MultiRegionConfig ? config : MultiRegionConfig.from(config);
    checked.validate();
    const peers = peersOf(checked);
    const signing = signingOf(checked);
    const store = await openSqliteStore({ dataDir: checked.dataDir, region: checked.region, cluster: checked.cluster, signs: signing !== undefined });
    const observe = options.observer ?? (() => undefined);
    try {
      const files = new EvidenceDirectory(checked.dataDir);
      const region = await openRegion(checked, { store, clock: systemClock, entropy: systemEntropy, observe, peer: peers, signing, files });
      return new ReceiptSyncManager(checked, { region, store, signing }, options);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  static fromRegionConfig(legacy: RegionConfig | RegionConfigFields, options: OpenOptions = {}): Promise<ReceiptSyncManager> {
    const config = legacy instanceof RegionConfig ? legacy : new RegionConfig(legacy);
    return ReceiptSyncManager.open(config.toMultiRegionConfig(), options);
  }

  /** Stores a receipt durably, replicates it, and waits as told. See {@link SyncResult}; throws InvalidReceiptError, ReceiptConflictError, StoreFailedError, OverloadedError, ClosedError. */
  async syncReceipt(receipt: Receipt, options: SyncReceiptOptions = {}): Promise<SyncResult> {
    const { waitFor = 'quorum', signal, deadline } = options;
    const deadlineMs = deadline === undefined ? this.config.waitTimeoutMs : durationMs(deadline);
    if (deadline !== undefined && deadlineMs === undefined) throw new InvalidConfigError([{ path: 'deadline', message: 'deadline is no duration' }]);
    return this.#region.sync(parseReceipt(receipt), { waitFor, signal, deadlineMs });
  }

  /** As `syncReceipt`, for a receipt that has been parsed by `receiptFromJson`: the door has checked it. */
  syncParsed(receipt: Receipt, options: { readonly waitFor: 'quorum' | 'all' | 'local'; readonly deadlineMs?: number }): Promise<SyncResult> {
    return this.#region.sync(receipt, options);
  }

  /** Do enough regions confirm this receipt when asked now? */
  async verifyQuorum(receiptId: string): Promise<boolean> {
    return (await this.verify(receiptId)).verdict === 'confirmed';
  }

  verify(receiptId: string): Promise<Verification> {
    return this.#region.verify(receiptId);
  }

  async getSyncStatus(): Promise<readonly RegionSyncStatus[]> {
    return this.#region.status();
  }

  async getHealthStatus(): Promise<HealthReport> {
    return this.#region.health();
  }

  /** The region as a whole: store, weights, alarms. */
  overview(): RegionOverview {
    return this.#region.overview();
  }

  /** Every alarm that is remembered, the newest first; `overview` has those that stand. */
  alarms(): readonly Alarm[] {
    return this.#region.alarms();
  }

  /** An operator has looked, and says why the alarm may go. Rejects with NOT_FOUND, INVALID_QUERY, StoreFailedError. */
  acknowledgeAlarm(id: string, reason: string): Promise<Alarm> {
    return this.#region.acknowledgeAlarm(id, reason);
  }

  /** Store writable, recovered, not draining; never depends on other regions. */
  isReady(): boolean {
    return this.#region.isReady();
  }

  async getReceipt(receiptId: string): Promise<Receipt | undefined> {
    return (await this.#region.getStored(receiptId))?.receipt;
  }

  /** The receipt with its digest and where it stands. */
  getStored(receiptId: string): Promise<StoredReceipt | undefined> {
    return this.#region.getStored(receiptId);
  }

  /**
   * A certificate that anybody verifies offline (SPEC §5), of any receipt that this region holds, whoever's log it is in: with the fewest
   * signatures that reach the threshold, or all there are. Rejects with NOT_FOUND, NOT_CERTIFIED.
   */
  getCertificate(receiptId: string, options: { readonly all?: boolean } = {}): Promise<string> {
    return this.#region.certificate(receiptId, options.all === true ? 'all' : 'fewest');
  }

  /**
   * All receipts of a region's log that were recorded from `sinceMs` on and before `untilMs` (unix ms), as a file that proves that they are all, in chunks of text;
   * `verifyCertifiedRange` of receipt-sync/verify verifies it. Rejects with NOT_FOUND, NOT_CERTIFIED; the file says up to when it is complete.
   */
  certifiedRange(origin: string, { sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number }): AsyncIterable<string> {
    return this.#region.certifiedRange(origin, { since: recordedFrom(sinceMs), until: recordedFrom(untilMs) });
  }

  /** The region whose log is mirrored here under this number. */
  originOf(log: number): string | undefined {
    return this.#region.originOf(log);
  }

  /** The own log (no argument), or one that is mirrored here, by the SHA-256 of its origin line in hex: the read API of SPEC §2. */
  servedLog(originHash?: string): ServedLog | undefined {
    return this.#region.servedLog(originHash);
  }

  /** Resolves when the receipt has its quorum, however long that takes. Rejects with NOT_FOUND, QuorumNotReachedError, or the signal's reason. */
  waitForQuorum(receiptId: string, options: { readonly signal?: AbortSignal } = {}): Promise<SyncResult> {
    return this.#region.waitForQuorum(receiptId, options.signal);
  }

  /** All receipts held here in order of arrival; `after` is a `cursor` of one of them. */
  receipts(options: { readonly after?: string } = {}): AsyncIterable<StoredReceipt> {
    return this.#region.receipts(options.after);
  }

  /** A page of receipts in order of arrival, each with how it stands. */
  list(query: ListQuery): Promise<ListPage> {
    return this.#region.list(query);
  }

  /** How a stored receipt stands, without asking anybody. */
  standingOf(stored: StoredReceipt): Standing {
    return this.#region.standingOf(stored);
  }

  /** Events from now on. */
  async *events(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<SyncEvent, void, undefined> {
    for await (const { event } of this.#region.events(undefined, options.signal)) yield event;
  }

  /** The same with places: goes on after `lastEventId` where that is still known, else says `resync`. */
  eventsAfter(lastEventId: string | undefined, options: { readonly signal?: AbortSignal } = {}): AsyncIterable<PlacedEvent> {
    return this.#region.events(lastEventId, options.signal);
  }

  /** The store after a place in the order of arrival (0: all of it) as the bytes of a backup, while everything goes on. */
  backup(afterSeq = 0): AsyncIterable<Buffer> {
    return backupBytes(this.#store, { region: this.config.region, cluster: this.config.cluster ?? '', signs: this.config.keyFile !== undefined }, afterSeq);
  }

  /**
   * Checks every stored receipt, tile and signature while everything goes on, as read from the disk; takes at most half of one core. What it finds raises the alarm
   * `rotten` too. Rejects with the signal's reason.
   */
  audit({ limit, signal, onFinding, onProgress }: AuditOptions): Promise<StoreAudit> {
    let restedMs = systemClock.monotonicMs();
    const rest = async (): Promise<void> => {
      signal?.throwIfAborted();
      const busyMs = systemClock.monotonicMs() - restedMs;
      await new Promise<void>((resolve) => systemClock.after(busyMs, resolve));
      restedMs = systemClock.monotonicMs();
    };
    const edgeOf = (log: number): ReturnType<Region['edgeOf']> => this.#region.edgeOf(log);
    const policy = this.#signing?.cluster.policy;
    const found = (finding: Finding): void => {
      this.#region.foundRotten(`${finding.log}: ${finding.message}`);
      onFinding(finding);
    };
    return auditStore({ store: this.#store, region: this.config.region, policy, edgeOf, limit, structure: false, rest, onFinding: found, onProgress });
  }

  /** Refuses new calls, waits for commits and callers up to `timeout`, resolves the rest as pending, closes the store. */
  async close(options: { readonly timeout?: Duration } = {}): Promise<void> {
    await this.#region.close(durationMs(options.timeout ?? '10s') ?? 10_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The body of `/health` (CONTRACT §4), without the regions. */
export function healthJson(health: HealthReport): string {
  const { status, regionsAvailable, regionsTotal, quorumStatus } = health;
  return JSON.stringify({ status, regions_available: regionsAvailable, regions_total: regionsTotal, quorum_status: quorumStatus });
}

/** The region's keys and whom it signs with, checked; `undefined` where the configuration names no key file. */
export function signingOf(config: MultiRegionConfig): Signing | undefined {
  const { cluster, keyFile, region } = config;
  if (keyFile === undefined || cluster === undefined) return undefined;
  const signer = readSigner(keyFile, { cluster, region });
  return { signer, cluster: clusterOf({ ...config, cluster, region, regions: config.regions }, signer) };
}

function peersOf(config: MultiRegionConfig): (regionId: string) => HttpPeer {
  const ids = config.regions.map((remote) => remote.regionId);
  return (regionId) => {
    const remote = config.regions.find((candidate) => candidate.regionId === regionId);
    if (remote === undefined) throw new InvalidConfigError([{ path: 'remotes', message: `No remote region ${regionId}` }]);
    return new HttpPeer({
      endpoint: remote.endpoint,
      ownRegion: config.region,
      otherRemotes: ids.filter((id) => id !== regionId),
      token: remote.tokenFile === undefined ? undefined : tokenReader(remote.tokenFile),
      ca: remote.caFile === undefined ? undefined : readPem(remote.caFile),
    });
  };
}
