import type { RecoveredLog } from '../log/changes.ts';
import type { LogHead } from '../log/heads.ts';
import { formatLogText, nameSigned, type RefusedRange } from '../log/log-text.ts';
import { linesBelow } from '../log/refused-lines.ts';
import type { Clock } from '../ports/clock.ts';
import type { Signer } from '../ports/signer.ts';
import { allTexts, type CertifiedTexts, keptBefore, withCertified } from '../quorum/certified.ts';
import type { Cluster } from '../quorum/cluster.ts';
import { canReach, endorsers, isCertified } from '../quorum/endorsement.ts';
import { rootOf } from '../tlog/edge.ts';
import { formatNote, type NoteSignature } from '../tlog/note.ts';
import { isQuorum } from '../tlog/policy.ts';
import { type CertifiedText, recoveredTexts } from './certify.ts';
import { type Naming, Refusals } from './refusals.ts';

/** Texts kept while they may still get signatures: older ones are proved by newer. */
const TEXTS_MAX = 1_024;
/** A sync point is fixed this often while there is something new … */
const SYNC_POINT_MS = 1_000;
/** … and at the first boundary after so many entries (SPEC §3.2 "Where batches end"). */
const SYNC_POINT_ENTRIES = 8_192;

/** One text of the own log, and who has signed it. */
export interface OwnText extends CertifiedText {
  readonly root: Uint8Array;
  /** The log's own signature. */
  readonly signature: NoteSignature;
  /** By region. */
  readonly cosignatures: Map<string, NoteSignature>;
  isCertified: boolean;
}

/** What a mirror is told is certified; another one where the same text has got signatures that matter. */
export interface CertifiedSync {
  readonly text: OwnText;
  note(): string;
}

export interface CheckpointsOptions {
  readonly cluster: Cluster;
  readonly signer: Signer;
  readonly clock: Clock;
  /** Lines of one text; beyond, ranges are joined. */
  readonly refusedLinesMax: number;
  /** More entries are certified than before. */
  readonly onCertified: () => void;
}

/**
 * The own log's checkpoints: signed when they are the newest, cosigned by the region itself like by any other, and certified once the
 * weights of those who signed the same text reach the threshold (SPEC §3.2, §5).
 */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  readonly #texts = new Map<number, OwnText>();
  /** Roots at boundaries whose texts have not the lines of now: signed again where they are wanted. */
  readonly #stale = new Map<number, Uint8Array>();
  #newest: OwnText;
  #sync: OwnText;
  #syncFixedMs: number;
  #certified: OwnText | undefined;
  /** The size of the largest text that each remote has signed since the start. */
  readonly #signedBy = new Map<string, number>();
  #certifiedSync: CertifiedSync | undefined;
  /** What the certificates of own entries are made from. */
  #proving: CertifiedTexts<CertifiedText>;
  /** What remotes refuse: its lines are in all texts from now on. */
  readonly refusals: Refusals;

  constructor(options: CheckpointsOptions, head: LogHead, recovered: Pick<RecoveredLog, 'refused' | 'joined' | 'certified' | 'kept'>) {
    const { cluster, refusedLinesMax } = options;
    this.#options = options;
    const observers = new Set([...cluster.remotes.values()].flatMap(({ region, weight }) => (weight === 0 ? [region] : [])));
    this.refusals = new Refusals(recovered, { linesMax: refusedLinesMax, observers });
    this.#proving = recoveredTexts(cluster, recovered);
    this.#newest = this.#cosignedHere(this.#textOf(head.size, rootOf(head.edge ?? { size: 0, subtrees: [], partials: [] })));
    this.#sync = this.#newest;
    this.#syncFixedMs = options.clock.monotonicMs();
  }

  /** What is enough already, where the local region alone reaches the threshold. */
  start(): void {
    this.#look(this.#newest);
  }

  /** The log as it is, signed and cosigned here. */
  get newest(): OwnText {
    return this.#newest;
  }

  /** What every region that signs is to cosign: no batch runs across it while it is not certified. */
  get sync(): OwnText {
    return this.#sync;
  }

  /** Where a batch that begins here ends at the latest. */
  batchEnd(start: number): number {
    return !this.#sync.isCertified && this.#sync.size > start ? this.#sync.size : Number.POSITIVE_INFINITY;
  }

  /** The largest certified text since the start. */
  get certified(): OwnText | undefined {
    return this.#certified;
  }

  /** The newest certified sync text: what goes to every mirror. */
  get certifiedSync(): CertifiedSync | undefined {
    return this.#certifiedSync;
  }

  /** The certified texts that it takes for certificates of all own entries, those from before the start too. */
  get proving(): CertifiedTexts<CertifiedText> {
    return this.#proving;
  }

  /** Is a region needed for none of these entries any more: it has signed beyond them, and all of them are certified? */
  isSettled({ region, first, last }: RefusedRange): boolean {
    if (last >= (this.#signedBy.get(region) ?? 0)) return false;
    // Those kept for ever may be many, and are for entries that are out of reach.
    return isCertified(this.#options.cluster.policy, { from: first, to: last + 1 }, allTexts({ ...this.#proving, kept: [] }));
  }

  /** Has the region signed for this entry with one of them? */
  isEndorsed(region: string, index: number): boolean {
    return allTexts(this.#proving).some((text) => endorsers(text, index).has(region));
  }

  /** Do so many refuse this entry that nothing can certify it? */
  isLost(index: number): boolean {
    return !canReach(this.#options.cluster.policy, (region) => this.refusals.refuses(region, index));
  }

  /** The own log has grown, durably: its new text. The links may send it before this region has cosigned it. */
  grown(head: LogHead): OwnText {
    if (head.edge === undefined) return this.#newest;
    this.#newest = this.#textOf(head.size, rootOf(head.edge));
    this.#texts.set(head.size, this.#newest);
    const [oldest] = this.#texts.keys();
    if (this.#texts.size > TEXTS_MAX && oldest !== undefined) this.#texts.delete(oldest);
    return this.#newest;
  }

  /** Cosigns the newest text: never a smaller one (SPEC §2). Afterwards the local region counts. */
  cosignNewest(): void {
    if (this.#newest.cosignatures.size > 0) return;
    this.#cosignedHere(this.#newest);
    this.#fixSync();
    this.#look(this.#newest);
  }

  /** The text that ends at a boundary: one that is known, or one signed now. `root`: that of the tree at this size. */
  at(size: number, root: Uint8Array): OwnText {
    return this.known(size) ?? this.#textOf(size, root);
  }

  /** A text that may still get signatures. */
  known(size: number): OwnText | undefined {
    if (this.#sync.size === size) return this.#sync;
    if (this.#newest.size === size) return this.#newest;
    const root = this.#stale.get(size);
    if (root === undefined) return this.#texts.get(size);
    this.#stale.delete(size);
    const text = this.#textOf(size, root);
    this.#texts.set(size, text);
    return text;
  }

  /** A remote's cosignature, verified. */
  cosigned(text: OwnText, region: string, line: NoteSignature): void {
    // Told of a text a remote signs it once more: that is no news, and must not be told again.
    if (text.cosignatures.has(region)) return;
    text.cosignatures.set(region, line);
    this.#signedBy.set(region, Math.max(text.size, this.#signedBy.get(region) ?? 0));
    this.#look(text);
  }

  /**
   * A remote refuses entries: all texts from now on name them, and the log as it is needs a new one, which goes to every region (SPEC
   * §4). `kept`: the texts that are kept for ever, as they were made durable; others may have come since, and stand behind them.
   */
  refuse(naming: Naming, kept: readonly CertifiedText[]): void {
    const { lines } = this.refusals;
    const later = this.#proving.kept.filter((text) => !kept.includes(text));
    const proving = { ...this.#proving, kept: [...kept, ...later] };
    this.#proving = { ...proving, kept: keptBefore(this.#options.cluster.policy, proving, naming.lines) };
    this.refusals.apply(naming);
    if (naming.lines === lines) return;
    for (const [size, { root }] of this.#texts) this.#stale.set(size, root);
    this.#texts.clear();
    this.#newest = this.#cosignedHere(this.#textOf(this.#newest.size, this.#newest.root));
    this.#setSync(this.#newest);
  }

  /** A region that is needed can't sign the sync text any more: another one takes its place. */
  abandonSync(text: OwnText): void {
    if (this.#sync === text && text !== this.#newest) this.#setSync(this.#newest);
  }

  /** Once a second, and when the origin falls idle: the newest text becomes the sync text, if the last one is certified. */
  tick(): void {
    if (this.#sync.isCertified && this.#newest.cosignatures.size > 0 && this.#sync !== this.#newest) this.#setSync(this.#newest);
  }

  #fixSync(): void {
    const isDue = this.#options.clock.monotonicMs() >= this.#syncFixedMs + SYNC_POINT_MS || this.#newest.size >= this.#sync.size + SYNC_POINT_ENTRIES;
    if (this.#sync.isCertified && isDue) this.#setSync(this.#newest);
  }

  #setSync(text: OwnText): void {
    this.#sync = text;
    this.#syncFixedMs = this.#options.clock.monotonicMs();
    this.#look(text);
  }

  #look(text: OwnText): void {
    const { policy } = this.#options.cluster;
    const isNews = !text.isCertified && isQuorum(policy.quorum, new Set(text.cosignatures.keys()));
    if (isNews) text.isCertified = true;
    if (!text.isCertified) return;
    // Where somebody is named, who else has signed decides what the text certifies: each signature is news.
    const isMore = text.refused.length > 0;
    if (text === this.#sync && (isMore || this.#certifiedSync?.text !== text)) this.#certifiedSync = { text, note: text.note };
    if (isNews || isMore) this.#proving = withCertified(policy, this.#proving, text);
    const isLargest = isNews && text.size >= (this.#certified?.size ?? 0);
    if (isLargest) {
      this.#certified = text;
      dropBelow(this.#texts, text.size);
      dropBelow(this.#stale, text.size);
    }
    if (isLargest || isMore) this.#options.onCertified();
  }

  #cosignedHere(text: OwnText): OwnText {
    const { signer, clock, cluster } = this.#options;
    text.cosignatures.set(cluster.own.region, signer.cosign(text.text, Math.max(0, Math.floor(clock.wallMs() / 1_000))));
    return text;
  }

  #textOf(size: number, root: Uint8Array): OwnText {
    const { signer } = this.#options;
    const origin = signer.logKey.name;
    const refused = linesBelow(this.refusals.lines, size);
    const text = formatLogText({ origin, size, root, refused });
    const signature = signer.sign(text, nameSigned(origin, refused.length > 0));
    const cosignatures = new Map<string, NoteSignature>();
    const note = (): string => formatNote({ text, signatures: [signature, ...cosignatures.values()] });
    return { size, root, text, refused, signature, cosignatures, signers: cosignatures, isCertified: false, note };
  }
}

function dropBelow(bySize: Map<number, unknown>, limit: number): void {
  for (const size of bySize.keys()) if (size < limit) bySize.delete(size);
}
