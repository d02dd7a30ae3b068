import { ClosedError, ReceiptSyncError } from '../errors.ts';
import { type LogNumber, OWN_LOG, type Recovered } from '../ports/log-store.ts';
import type { SyncEvent } from '../ports/observer.ts';
import type { MirrorHeaders, Peer, Shown } from '../ports/peer.ts';
import type { Place, StoredReceipt } from '../ports/receipt-index.ts';
import type { BatchOrigin, MirrorAnswer, ReceiveAnswer, Receiving, ServedLog } from '../ports/receiving.ts';
import type { Roster } from '../quorum/roster.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { QuorumNotReachedError } from '../region/quorum-error.ts';
import type { HealthReport, RegionSyncStatus, SyncResult, Verification } from '../region/sync-result.ts';
import { toHex } from '../std/bytes.ts';
import type { Edge } from '../tlog/edge.ts';
import { type Alarm, Alarms, PLAIN_ALARM } from './alarms.ts';
import { Broadcast, type PlacedEvent } from './broadcast.ts';
import type { Span } from './certified-range.ts';
import { noKeys, type Signatures } from './certify.ts';
import { Committer } from './commit.ts';
import { Evidence } from './evidence.ts';
import { Links } from './links.ts';
import { type ListPage, type ListQuery, list } from './listing.ts';
import { logsByRegion, originLines } from './mirrored-logs.ts';
import { healthOf, linkStatus, type RegionOverview, reachableWeight } from './overview.ts';
import { sayConflicts } from './own-conflicts.ts';
import { receive } from './receive.ts';
import type { RegionPorts, RegionSettings } from './region-settings.ts';
import { LogReaders, Rotten } from './rotten.ts';
import { SoundReads } from './sound-reads.ts';
import { type Standing, standing } from './standing.ts';
import { certifiedResult, resumeSync, type SyncOptions, type SyncParts, syncReceipt } from './sync.ts';
import { Tail } from './tail.ts';
import { verify } from './verify.ts';
import { WaitingRoom } from './waiting-room.ts';
import { Watch } from './watch.ts';

/** One region: the receipts it holds, what it owes, and everybody who waits. Built of ports only. */
export class Region implements Receiving {
  readonly regionId: string;
  readonly #ports: RegionPorts;
  readonly #roster: Roster;
  readonly #committer: Committer;
  readonly #alarms: Alarms;
  readonly #tail: Tail;
  readonly #room: WaitingRoom;
  readonly #evidence: Evidence | undefined;
  readonly #links: Links;
  readonly #watch: Watch | undefined;
  readonly #peers: readonly { readonly peer: Peer; readonly timeoutMs: number }[];
  readonly #remotes: RegionSettings['regions'];
  readonly #broadcast: Broadcast;
  readonly #sync: SyncParts;
  readonly #rotten: Rotten;
  readonly #readers: LogReaders;
  readonly #reads: SoundReads;
  readonly #stop = new AbortController();
  /** Why this region signs and stores nothing any more (SPEC §2.1). */
  #forgot: string | undefined;
  #draining = false;

  constructor(settings: RegionSettings, ports: RegionPorts, recovered: Recovered) {
    const { clock } = ports;
    const enabled = settings.crossRegionSyncEnabled;
    const observe = this.#observe;
    this.regionId = settings.region;
    this.#broadcast = new Broadcast(toHex(ports.entropy.bytes(4)));
    this.#ports = ports;
    this.#remotes = settings.regions;
    this.#forgot = recovered.forgot;
    this.#roster = { threshold: settings.quorumThreshold, localWeight: settings.weight, remotes: enabled ? settings.regions : [] };
    this.#room = new WaitingRoom(this.#roster, observe);
    this.#rotten = new Rotten((message) => void this.#alarms.raise({ ...PLAIN_ALARM, alarm: 'rotten', region: settings.region, message, subject: message }));
    this.#tail = new Tail({ store: ports.store, rotten: this.#rotten }, recovered.logs.get(OWN_LOG)?.size ?? 0);
    this.#readers = new LogReaders({ store: ports.store, rotten: this.#rotten }, (log) => this.#committer.head(log));
    this.#reads = new SoundReads({ index: ports.store, readers: this.#readers, rotten: this.#rotten, durable: (log) => this.#committer.head(log).size });
    this.#committer = this.#newCommitter(settings, recovered);
    this.#alarms = new Alarms({ clock, observe, record: (changes) => this.#committer.record(changes) }, recovered);
    this.#evidence = this.#newEvidence(settings, recovered);
    this.#peers = this.#roster.remotes.map(({ regionId }, n) => ({ peer: ports.peer(regionId), timeoutMs: settings.regions[n]?.timeoutMs ?? 0 }));
    this.#links = this.#newLinks(settings, recovered);
    this.#watch = this.#newWatch();
    this.#sync = {
      committer: this.#committer,
      room: this.#room,
      links: this.#links.all,
      roster: this.#roster,
      clock,
      observe,
      syncEnabled: enabled,
      callersMax: settings.bounds?.callersMax,
      isDraining: () => this.#draining,
      certificate: (entry) => this.#awaitCertificate(entry),
      certified: (receiptId, place) => ({
        by: this.#evidence?.certifiedBy(place) ?? new Set(),
        certificate: async () => this.#evidence?.certificate({ receiptId, places: [place] }, 'fewest') ?? Promise.reject(noKeys()),
      }),
    };
  }

  /** `rotten`: what was found to have rotted on the way here. */
  start(rotten: readonly string[]): void {
    for (const problem of rotten) this.#rotten.tell(problem);
    if (this.#forgot !== undefined) this.#sayForgot(this.#forgot);
    this.#links.start();
    this.#evidence?.start();
    this.#watch?.start();
    this.#observe({ kind: 'ready', region: this.regionId });
  }

  sync(receipt: Receipt, options: SyncOptions): Promise<SyncResult> {
    return syncReceipt(this.#sync, receipt, options);
  }

  /** Waits until an own receipt has its quorum, however long. Throws NOT_FOUND, RottenError, QuorumNotReachedError once it is out of reach. */
  async waitForQuorum(receiptId: string, signal?: AbortSignal): Promise<SyncResult> {
    // Not the row of the index alone: what it says of the digest is vouched for by the content (seed 344276305).
    const known = await this.#reads.get(receiptId);
    const place = known?.places.findLast(({ log }) => log === OWN_LOG);
    const certified = known?.places.find((held) => this.#evidence?.certifiedBy(held) !== undefined);
    if (known !== undefined && place === undefined && certified !== undefined)
      return certifiedResult(this.#sync, { receiptId, digest: known.digest }, certified);
    // What a failed commit has left may be read, and is not durable (seed 5282).
    if (known === undefined || place === undefined || place.index >= this.#committer.ownSize)
      throw new ReceiptSyncError('NOT_FOUND', 'No receipt of this region has that id');
    const result = await resumeSync(this.#sync, { index: place.index, receiptId, digest: known.digest }, { waitFor: 'certain', signal });
    if (result.outcome === 'quorum' || result.outcome === 'disabled') return result;
    throw new QuorumNotReachedError(result);
  }

  receive(receipts: readonly Receipt[]): Promise<readonly ReceiveAnswer[]> {
    return receive({ committer: this.#committer, observe: this.#observe }, receipts);
  }

  verify(receiptId: string): Promise<Verification> {
    const { clock } = this.#ports;
    if (!this.#sync.syncEnabled) return Promise.resolve({ verdict: 'confirmed', weight: 0, threshold: this.#roster.threshold, regions: [] });
    const { regionId, originOf } = this;
    const parts = {
      regionId,
      originOf,
      roster: this.#roster,
      peers: this.#peers,
      index: this.#reads,
      clock,
      observe: this.#observe,
      signal: this.#stop.signal,
    };
    return verify(parts, receiptId);
  }

  admitBatch(checkpoint: Uint8Array): ReturnType<Evidence['admit']> {
    if (this.#forgot !== undefined) return { kind: 'rejected', status: 503, reason: `this region signs nothing: ${this.#forgot}` };
    return this.#evidence?.admit(checkpoint) ?? { kind: 'rejected', status: 404, reason: 'this region mirrors no logs' };
  }

  async receiveBatch(origin: BatchOrigin, bytes: Uint8Array, headers: Partial<MirrorHeaders>): Promise<MirrorAnswer> {
    if (this.#draining) return { kind: 'closed' };
    return this.#evidence?.receive(origin, bytes, headers) ?? { kind: 'closed' };
  }

  readonly originOf = (log: LogNumber): string | undefined => this.#evidence?.originOf(log);

  /** Somebody else has found that something stored here has rotted. */
  foundRotten(message: string): void {
    this.#rotten.tell(message);
  }

  /** The right edge of a log's tree, all of it durable. */
  edgeOf(log: LogNumber): Edge | undefined {
    return this.#committer.head(log).edge;
  }

  servedLog(originHash: string | undefined): ServedLog | undefined {
    return this.#evidence?.served(originHash);
  }

  shown(): Shown {
    return this.#evidence?.shown() ?? { checkpoints: [], evidence: [] };
  }

  /** Every alarm that is remembered, the newest first; `overview` has those that stand. */
  alarms(): readonly Alarm[] {
    return this.#alarms.record;
  }

  /** An operator has looked. Throws as `Alarms.acknowledge`. */
  acknowledgeAlarm(id: string, reason: string): Promise<Alarm> {
    return this.#alarms.acknowledge(id, reason);
  }

  /** A certificate of a receipt that is stored here, from any log. Throws NOT_FOUND, NOT_CERTIFIED. */
  async certificate(receiptId: string, signatures: Signatures): Promise<string> {
    const [known] = await this.#ports.store.find([receiptId]);
    if (known === undefined) throw new ReceiptSyncError('NOT_FOUND', 'No receipt has that id here');
    if (this.#evidence === undefined) throw noKeys();
    return this.#evidence.certificate({ receiptId, places: known.places }, signatures);
  }

  /** All entries of a region's log in a span of time, with the proof that they are all. Throws NOT_CERTIFIED, NOT_FOUND, at once or with the first chunk. */
  certifiedRange(origin: string, span: Span): AsyncIterable<string> {
    if (this.#evidence === undefined) throw noKeys();
    return this.#evidence.certifiedRange(origin, span);
  }

  getStored(receiptId: string): Promise<StoredReceipt | undefined> {
    return this.#reads.get(receiptId);
  }

  /** A page of receipts with where they stand, in order of arrival. */
  list(query: ListQuery): Promise<ListPage> {
    return list({ index: this.#reads, standingOf: (stored) => this.standingOf(stored) }, query);
  }

  /** What the remotes have said of a receipt, as far as this region knows without asking. */
  standingOf(stored: StoredReceipt): Standing {
    return standing({ roster: this.#roster, links: this.#links.all, syncEnabled: this.#sync.syncEnabled }, stored);
  }

  /** All receipts held here in order of arrival, after a cursor; ends with the last one, with RottenError where some were left out. */
  receipts(after?: string): AsyncGenerator<StoredReceipt, void, undefined> {
    return this.#reads.all(after);
  }

  /** Events after a place, or from now on. */
  events(after?: string, signal?: AbortSignal): AsyncGenerator<PlacedEvent, void, undefined> {
    return this.#broadcast.read(after, signal);
  }

  /** One per configured remote, in order. */
  async status(): Promise<readonly RegionSyncStatus[]> {
    return Promise.all(this.#remotes.map(({ regionId }, n) => linkStatus(regionId, this.#links.all[n], this.#tail)));
  }

  health(): HealthReport {
    const store = this.#committer.state;
    return healthOf({ roster: this.#roster, links: this.#links.all, remotes: this.#remotes.length, store, isForgotten: this.#forgot !== undefined });
  }

  overview(): RegionOverview {
    const { threshold, localWeight } = this.#roster;
    return {
      region: this.regionId,
      threshold,
      weight: localWeight,
      reachableWeight: reachableWeight(this.#roster, this.#links.all),
      receipts: this.#committer.receiptCount,
      conflicts: this.#evidence?.conflictCount ?? 0,
      store: this.#committer.state,
      alarms: this.#alarms.standing,
    };
  }

  /** Local only, never a question to other regions (DESIGN law 9). */
  isReady(): boolean {
    return this.#committer.state === 'ok' && !this.#draining && this.#forgot === undefined;
  }

  /** Refuses new calls, waits for commits and callers up to `timeoutMs`, resolves the rest as pending, closes the world's doors. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    this.#observe({ kind: 'draining' });
    await this.#callersGone(timeoutMs);
    this.#room.dismiss();
    this.#stop.abort(new ClosedError());
    this.#evidence?.close();
    this.#watch?.stop();
    this.#alarms.close();
    this.#links.stop();
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

  #newCommitter(settings: RegionSettings, recovered: Recovered): Committer {
    return new Committer(
      {
        ...this.#ports,
        region: settings.region,
        entriesMax: settings.bounds?.entriesMax,
        rotten: this.#rotten,
        observe: this.#observe,
        onOwnGrowth: (grown) => this.#links.grown(grown),
        onConflicts: (conflicts) => sayConflicts(conflicts, { observe: this.#observe, alarms: this.#alarms, originOf: this.originOf }),
        origins: originLines(recovered, this.#ports.signing),
        // Without sync there is no quorum that a duplicate could have.
        isCertified: (place) => settings.crossRegionSyncEnabled && this.#evidence?.certifiedBy(place) !== undefined,
        progress: () => ({ offsets: this.#links.offsets(), cosigned: this.#links.cosigned(), ...this.#evidence?.progress }),
      },
      recovered,
    );
  }

  #newEvidence(settings: RegionSettings, recovered: Recovered): Evidence | undefined {
    const { signing, store, clock } = this.#ports;
    if (signing === undefined || recovered.forgot !== undefined) return undefined;
    const found = { readers: this.#readers, rotten: this.#rotten };
    const parts = { ...signing, ...found, store, clock, committer: this.#committer, observe: this.#observe, alarms: this.#alarms, files: this.#ports.files };
    return new Evidence(
      {
        ...parts,
        region: settings.region,
        exclusive: settings.exclusive,
        logs: logsByRegion(recovered, signing),
        onForgotten: this.#onForgotten,
        isForgotten: () => this.#forgot !== undefined,
        onNews: () => this.#links.look(),
        onBetween: (between) => this.#links.outOfCount(between),
        onMoved: ({ from, to, receiptId }) => {
          if (this.#room.move(from, to)) this.#links.moved(from, { index: to, receiptId });
        },
      },
      recovered,
    );
  }

  #newLinks(settings: RegionSettings, recovered: Recovered): Links {
    const { signing } = this.#ports;
    // A region that has forgotten sends nothing: what it would say may not be what it once said.
    const peers = recovered.forgot === undefined ? this.#peers : [];
    const parts = {
      ...this.#ports,
      tail: this.#tail,
      room: this.#room,
      roster: this.#roster,
      committer: this.#committer,
      observe: this.#observe,
      alarms: this.#alarms,
      evidence: this.#evidence,
    };
    const { maxRetries, retryBackoffMs } = settings;
    return new Links(
      {
        ...parts,
        maxRetries,
        retryBackoffMs,
        remotes: peers.map(({ peer, timeoutMs }, n) => ({ peer, timeoutMs, regionId: this.#remotes[n]?.regionId ?? '' })),
        mirrors: signing?.cluster.remotes ?? new Map(),
        headers: { policy: signing?.cluster.policyHash ?? '', instance: `${recovered.storeId}-${recovered.starts}` },
        onForgotten: this.#onForgotten,
      },
      recovered,
    );
  }

  /** Looks at what the remotes with keys show, while this region signs. */
  #newWatch(): Watch | undefined {
    const { clock, entropy, signing } = this.#ports;
    const evidence = this.#evidence;
    if (evidence === undefined) return undefined;
    const remotes = this.#peers.flatMap(({ peer, timeoutMs }, n) => {
      const regionId = this.#remotes[n]?.regionId ?? '';
      return signing?.cluster.remotes.has(regionId) === true
        ? [{ regionId, peer, timeoutMs, isReachable: () => this.#links.all[n]?.isAvailable() === true }]
        : [];
    });
    return new Watch({ remotes, evidence, clock, entropy });
  }

  /** This region has signed more than it holds: it stores, sends and signs nothing from now on, and after a restart either. */
  readonly #onForgotten = (reason: string): void => {
    if (this.#forgot !== undefined) return;
    this.#forgot = reason;
    this.#links.stop();
    this.#watch?.stop();
    void this.#committer.forget(reason);
    this.#sayForgot(reason);
    // Nobody will hear more of what is under way.
    this.#room.dismiss();
    this.#evidence?.close();
  };

  #sayForgot(reason: string): void {
    const message = `This region remembers less than it has signed, and signs nothing: ${reason}`;
    // No await: a condition is not stored; what it rests on is.
    void this.#alarms.raise({ ...PLAIN_ALARM, alarm: 'forgot', region: this.regionId, message });
  }

  #awaitCertificate(entry: { readonly index: number; readonly receiptId: string }): Promise<string> {
    if (this.#evidence === undefined || this.#forgot !== undefined) return Promise.reject(noKeys());
    const places = async (): Promise<readonly Place[]> => (await this.#ports.store.find([entry.receiptId]))[0]?.places ?? [];
    return this.#evidence.awaitCertificate(entry, places, this.#stop.signal);
  }
}
