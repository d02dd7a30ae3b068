import { InvalidEvidenceError, ReceiptSyncError } from '../errors.ts';
import { OWN_LOG } from '../log/changes.ts';
import { parseLogText, REFUSED_LINES_MAX } from '../log/log-text.ts';
import type { Clock } from '../ports/clock.ts';
import type { EvidenceFiles } from '../ports/evidence-files.ts';
import type { LogNumber, LogStore, Recovered, RecoveredLog } from '../ports/log-store.ts';
import type { MirrorHeaders, Shown } from '../ports/peer.ts';
import type { Place } from '../ports/receipt-index.ts';
import type { BatchOrigin, MirrorAnswer, ServedLog } from '../ports/receiving.ts';
import type { Signer } from '../ports/signer.ts';
import { type CertifiedTexts, textFor } from '../quorum/certified.ts';
import type { Cluster } from '../quorum/cluster.ts';
import { endorsers } from '../quorum/endorsement.ts';
import { sha256, toHex, utf8Bytes } from '../std/bytes.ts';
import { type Note, parseNote } from '../tlog/note.ts';
import { isQuorum } from '../tlog/policy.ts';
import type { VerifierKey } from '../tlog/vkey.ts';
import { type Alarms, PLAIN_ALARM } from './alarms.ts';
import { certifiedRange, type Span } from './certified-range.ts';
import { CertificateWaiters, type CertifiedText, certificateOf, certifiedChanges, certifies, type Signatures } from './certify.ts';
import { type CertifiedSync, Checkpoints } from './checkpoints.ts';
import { Claims } from './claims.ts';
import type { Committer, OwnGrowth, Progress } from './commit.ts';
import { Forks } from './forks.ts';
import { Instances } from './instances.ts';
import type { LogReader } from './log-reader.ts';
import { Mirror } from './mirror.ts';
import { OwnConflicts, type OwnConflictsOptions } from './own-conflicts.ts';
import { checkStretch, OwnGroups, type Stretch } from './own-groups.ts';
import { isRotten, type LogReaders, type Rotten } from './rotten.ts';

/** A sync point is fixed this often while there is something new (SPEC §3.2). */
const TICK_MS = 1_000;

/** Who signs, and with what. */
export interface Signing {
  readonly cluster: Cluster;
  readonly signer: Signer;
  /** Fewer refused lines of one text than SPEC §4 allows: the simulator's, where 64 take long. */
  readonly refusedLinesMax?: number;
}

export interface EvidenceOptions extends Signing, Pick<OwnConflictsOptions, 'observe' | 'onBetween' | 'onMoved'> {
  readonly region: string;
  readonly store: LogStore;
  readonly readers: LogReaders;
  readonly rotten: Rotten;
  readonly committer: Committer;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly files: EvidenceFiles;
  /** Do regions with another policy not count (`sync.exclusive`)? */
  readonly exclusive: boolean;
  readonly onForgotten: (reason: string) => void;
  readonly isForgotten: () => boolean;
  /** The sync text or what is certified has changed. */
  readonly onNews: () => void;
  /** Numbers of the mirrored logs, by region. */
  readonly logs: ReadonlyMap<string, LogNumber>;
}

/** A receipt and where it stands. */
interface Placed {
  readonly receiptId: string;
  readonly places: readonly Place[];
}

/** What one region signs and keeps of others' signatures: its own checkpoints, the logs it mirrors, certificates of both. */
export class Evidence {
  readonly checkpoints: Checkpoints;
  readonly groups: OwnGroups;
  readonly reader: LogReader;
  readonly #options: EvidenceOptions;
  /** By origin line. */
  readonly #mirrors = new Map<string, { readonly region: string; readonly log: LogNumber; readonly mirror: Mirror }>();
  readonly #waiters = new CertificateWaiters();
  readonly #forks: Forks;
  /** What the own key is seen to have signed. */
  readonly #ownClaims: Claims;
  readonly #instances: Instances;
  readonly conflicts: OwnConflicts;
  #cancelTick: (() => void) | undefined;
  #toldOf: CertifiedSync | undefined;

  constructor(options: EvidenceOptions, recovered: Recovered) {
    const { store, committer, cluster, logs, refusedLinesMax = REFUSED_LINES_MAX } = options;
    this.#options = options;
    const own = recovered.logs.get(OWN_LOG) ?? NOTHING;
    this.checkpoints = new Checkpoints({ ...options, refusedLinesMax, onCertified: () => this.#onCertified() }, committer.head(OWN_LOG), own);
    this.conflicts = new OwnConflicts({ ...options, policy: cluster.policy, checkpoints: this.checkpoints });
    this.groups = new OwnGroups(store);
    this.reader = options.readers.of(OWN_LOG);
    this.#instances = new Instances({ policyHash: cluster.policyHash, exclusive: options.exclusive, alarms: options.alarms });
    this.#forks = new Forks({ files: options.files, alarms: options.alarms, policyText: cluster.policyText, regionOf: (origin) => this.#regionOf(origin) });
    const onFork = this.#forks.proved.bind(this.#forks);
    this.#ownClaims = new Claims({
      key: cluster.own.logKey,
      size: () => committer.ownSize,
      prover: this.reader.prover,
      signed: () => [{ size: this.checkpoints.newest.size, note: this.checkpoints.newest.note() }],
      proved: onFork,
    });
    for (const { region, logKey } of cluster.remotes.values()) {
      const log = logs.get(region);
      if (log === undefined) continue;
      const kept = recovered.logs.get(log) ?? NOTHING;
      const reader = options.readers.of(log);
      this.#mirrors.set(logKey.name, { region, log, mirror: new Mirror({ ...options, onFork, log, origin: { region, key: logKey }, reader, kept }) });
    }
  }

  /** From now on the world is told. */
  start(): void {
    this.checkpoints.start();
    this.#tick();
    // Nobody waits for what stood before the start: it is shown and held against the logs as soon as it is read.
    void this.#forks.start();
    void this.#recallClaims();
  }

  /** The own log's. */
  get logKey(): VerifierKey {
    return this.#options.signer.logKey;
  }

  /** What is to be written with the next turn. */
  get progress(): Progress {
    return certifiedChanges(OWN_LOG, this.checkpoints.proving, Number.POSITIVE_INFINITY);
  }

  /** An own group is durable. The links may be rung between the log's signature and the region's. */
  grown({ groups, head }: OwnGrowth, ringLinks: (size: number) => void): void {
    for (const group of groups) this.groups.append(group);
    // What was under way when it found out is durable; it signs nothing of it, with either key (beyond seeds 403, 509).
    const isSigned = !this.#options.isForgotten();
    if (isSigned) this.checkpoints.grown(head);
    ringLinks(head.size);
    if (isSigned) this.checkpoints.cosignNewest();
  }

  /** SPEC §3.2 (a): the origin and its signature. */
  admit(checkpoint: Uint8Array): BatchOrigin | (MirrorAnswer & { readonly kind: 'rejected' }) {
    try {
      const note = parseNote(checkpoint);
      const text = parseLogText(note.text);
      const known = this.#mirrors.get(text.origin);
      if (known === undefined) return { kind: 'rejected', status: 404, reason: 'no log of that origin is mirrored here' };
      const signed = known.mirror.signedByOrigin(note, text);
      if (signed !== undefined) return { region: known.region, note: signed, text };
      return { kind: 'rejected', status: 403, reason: 'the checkpoint is not signed by the key of its origin' };
    } catch (error) {
      if (error instanceof InvalidEvidenceError) return { kind: 'rejected', status: 422, reason: error.message };
      throw error;
    }
  }

  receive(origin: BatchOrigin, bytes: Uint8Array, headers: Partial<MirrorHeaders>): Promise<MirrorAnswer> {
    const known = this.#mirrors.get(origin.text.origin);
    const refused = known === undefined ? undefined : this.#instances.look(known.region, headers);
    if (known === undefined || refused !== undefined)
      return Promise.resolve({ kind: 'rejected', status: known === undefined ? 404 : 403, reason: refused ?? 'unknown origin' });
    return known.mirror.receive(origin, bytes, () => this.#instances.broughtBy(known.region, headers));
  }

  /** The own log, or one that is mirrored, by the SHA-256 of its origin line. */
  served(originHash: string | undefined): ServedLog | undefined {
    const { rotten } = this.#options;
    if (originHash === undefined)
      return { checkpoint: () => this.checkpoints.newest.note(), resource: (name) => rotten.during(() => this.reader.resource(name)) };
    const found = [...this.#mirrors].find(([origin]) => toHex(sha256(utf8Bytes(origin))) === originHash)?.[1].mirror;
    return found === undefined ? undefined : { checkpoint: () => found.checkpoint(), resource: (name) => rotten.during(() => found.reader.resource(name)) };
  }

  /** What other regions see of this one: each checkpoint is signed, each proof proves itself. */
  shown(): Shown {
    const mirrored = [...this.#mirrors.values()].flatMap(({ mirror }) => mirror.shown());
    return { checkpoints: [this.checkpoints.newest.note(), ...mirrored], evidence: this.#forks.texts() };
  }

  /** The newest checkpoint of this region's log that was taken here: what it shows later can't be smaller. */
  heldOf(region: string): { readonly size: number; readonly note: string } | undefined {
    return [...this.#mirrors.values()].find((mirrored) => mirrored.region === region)?.mirror.newest;
  }

  /** Holds what a region shows against what this one has, log by log (SPEC §3.2). `held`: of its own log, when it was asked. */
  async compare(region: string, shown: Shown, held: ReturnType<Evidence['heldOf']>): Promise<void> {
    for (const checkpoint of shown.checkpoints) await this.#compareOne(region, checkpoint, held);
    for (const text of shown.evidence) await this.#forks.shown(text);
  }

  /** The region whose log is mirrored under this number. */
  originOf(log: LogNumber): string | undefined {
    for (const mirrored of this.#mirrors.values()) if (mirrored.log === log) return mirrored.region;
    return undefined;
  }

  /** Entries that are refused, here or by remotes: ids with two contents. */
  get conflictCount(): number {
    const here = [...this.#mirrors.values()].reduce((sum, { log }) => sum + this.#options.committer.head(log).refused.length, 0);
    return here + this.checkpoints.refusals.count;
  }

  /** A certificate of a receipt that stands at these places, from whatever log has one. Throws NOT_CERTIFIED, RottenError. */
  async certificate({ receiptId, places }: Placed, signatures: Signatures): Promise<string> {
    const { cluster, rotten } = this.#options;
    let failure: ReceiptSyncError | undefined;
    for (const place of places) {
      const known = this.#logOf(place.log);
      const note = known === undefined ? undefined : textFor(cluster.policy, known.texts, place.index)?.note();
      if (known === undefined || note === undefined || !certifies(cluster, note, place.index)) continue;
      const certifiable = { receiptId, index: place.index, reader: known.reader, note };
      try {
        return await rotten.during(() => certificateOf(cluster, certifiable, signatures));
      } catch (error) {
        // Another place may have it whole.
        if (!isRotten(error)) throw error;
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    throw new ReceiptSyncError('NOT_CERTIFIED', 'No certified checkpoint covers this receipt yet');
  }

  /** All entries of a region's log in a span of time, with the proof that they are all (`certified-range.ts`). Throws NOT_FOUND, NOT_CERTIFIED. */
  certifiedRange(region: string, span: Span): AsyncIterable<string> {
    const { log } = [...this.#mirrors.values()].find((mirrored) => mirrored.region === region) ?? { log: OWN_LOG };
    if (log === OWN_LOG && region !== this.#options.region) throw new ReceiptSyncError('NOT_FOUND', 'The log of that region is not here');
    const known = this.#logOf(log);
    const note = known?.texts.newest?.note();
    if (known === undefined || note === undefined) throw new ReceiptSyncError('NOT_CERTIFIED', 'No checkpoint of that log is certified yet');
    return this.#options.rotten.along(certifiedRange({ reader: known.reader, note }, span));
  }

  /** After a remote has refused what was sent: is it what was stored? Rejects with RottenError if not. */
  checkStretch(stretch: Stretch): Promise<void> {
    return this.#options.rotten.during(() => checkStretch(stretch, this.reader));
  }

  /** The regions that a certificate of this entry names, or `undefined` where there is none. */
  certifiedBy({ log, index }: Place): ReadonlySet<string> | undefined {
    const known = this.#logOf(log);
    const text = known === undefined ? undefined : textFor(this.#options.cluster.policy, known.texts, index);
    return text === undefined ? undefined : endorsers(text, index);
  }

  /**
   * The same of an own receipt, once it is certified, wherever it stands by then; rejects where the regions that sign can never reach the
   * threshold. `places`: all that is known of it now.
   */
  async awaitCertificate(
    entry: { readonly index: number; readonly receiptId: string },
    places: () => Promise<readonly Place[]>,
    signal?: AbortSignal,
  ): Promise<string> {
    const { index, receiptId } = entry;
    const { policy } = this.#options.cluster;
    if (!isQuorum(policy.quorum, new Set(policy.witnesses.keys())))
      throw new ReceiptSyncError('NOT_CERTIFIED', 'The regions that sign do not reach the threshold');
    const isCovered = (): boolean => (this.checkpoints.proving.newest?.size ?? 0) > index;
    while (!isCovered()) await this.#waiters.wait(index, signal);
    while (true) {
      const own = [{ log: OWN_LOG, index }];
      const certified = this.certifiedBy({ log: OWN_LOG, index }) === undefined ? await places() : own;
      if (certified.some((place) => this.certifiedBy(place) !== undefined)) return this.certificate({ receiptId, places: certified }, 'fewest');
      if (this.checkpoints.isLost(index)) throw new ReceiptSyncError('NOT_CERTIFIED', 'Regions that are needed for it hold another content under its id');
      // Covered, and not certified: somebody is named for it. Others may sign yet, or it gets another place.
      await this.#waiters.wait(-1, signal);
    }
  }

  close(): void {
    this.#cancelTick?.();
    this.conflicts.stop();
    this.#waiters.close();
  }

  async #compareOne(region: string, checkpoint: string, held: ReturnType<Evidence['heldOf']>): Promise<void> {
    const note = readNote(checkpoint);
    if (note === undefined) return;
    const { origin, size } = parseLogText(note.text);
    const { committer, cluster, alarms, onForgotten } = this.#options;
    if (origin === cluster.own.logKey.name) {
      const standing = await this.#ownClaims.look(note);
      // SPEC §2.1: a signature of ours over more than we hold.
      if (standing === 'open' && size > committer.ownSize)
        onForgotten(`${region} shows our log at size ${size}, signed by us, and we hold ${committer.ownSize}`);
      return;
    }
    const known = this.#mirrors.get(origin);
    const standing = await known?.mirror.claims.look(note);
    if (standing !== 'fits' || known?.region !== region || held === undefined || size >= held.size) return;
    // It had signed `held` before it was asked: what it shows now was once true, and is no proof of anything but that it went back.
    const message = `${region} shows its log at size ${size}, and this region has taken ${held.size} entries of it`;
    await alarms.raise({ ...PLAIN_ALARM, alarm: 'rollback', region, message, notes: [checkpoint, held.note] });
  }

  /** What could not be judged before the start: it lies with its alarm. */
  async #recallClaims(): Promise<void> {
    for (const { alarm, region, notes } of this.#options.alarms.standing) {
      const known = [...this.#mirrors.values()].find((mirrored) => mirrored.region === region);
      if (alarm !== 'log-differs' || known === undefined) continue;
      for (const note of notes.flatMap((text) => readNote(text) ?? [])) await known.mirror.claims.look(note);
    }
  }

  #regionOf(origin: string): string | undefined {
    const { own } = this.#options.cluster;
    return origin === own.logKey.name ? own.region : this.#mirrors.get(origin)?.region;
  }

  #tick(): void {
    this.#cancelTick = this.#options.clock.after(TICK_MS, () => {
      const before = this.checkpoints.sync;
      this.checkpoints.tick();
      // A text may become the sync text after it was certified: that is news too (seed 116).
      const { sync, certifiedSync } = this.checkpoints;
      if (sync !== before || certifiedSync !== this.#toldOf) this.#options.onNews();
      this.#toldOf = certifiedSync;
      this.conflicts.tick();
      this.#tick();
    });
  }

  #onCertified(): void {
    const { proving, certifiedSync } = this.checkpoints;
    this.#waiters.certified(proving.newest?.size ?? 0);
    this.#options.committer.progressed();
    if (certifiedSync !== this.#toldOf) this.#options.onNews();
    this.#toldOf = certifiedSync;
  }

  #logOf(log: LogNumber): { readonly reader: LogReader; readonly texts: CertifiedTexts<CertifiedText> } | undefined {
    if (log === OWN_LOG) return { reader: this.reader, texts: this.checkpoints.proving };
    const mirror = [...this.#mirrors.values()].find((mirrored) => mirrored.log === log)?.mirror;
    return mirror === undefined ? undefined : { reader: mirror.reader, texts: mirror.certified };
  }
}

/** A checkpoint as somebody shows it; `undefined` if it is none. */
function readNote(text: string): Note | undefined {
  try {
    const note = parseNote(text);
    parseLogText(note.text);
    return note;
  } catch (error) {
    if (error instanceof InvalidEvidenceError) return undefined;
    throw error;
  }
}

/** What the store knows of a log that has no entry yet. */
const NOTHING: Pick<RecoveredLog, 'refused' | 'joined' | 'certified' | 'kept'> = { refused: [], joined: [], certified: undefined, kept: [] };
