import type { LogHead } from '../log/heads.ts';
import { formatLogText, nameSigned, type RefusedRange } from '../log/log-text.ts';
import type { Clock } from '../ports/clock.ts';
import type { Signer } from '../ports/signer.ts';
import type { Cluster } from '../quorum/cluster.ts';
import { rootOf } from '../tlog/edge.ts';
import { formatNote, type NoteSignature } from '../tlog/note.ts';
import { isQuorum } from '../tlog/policy.ts';

/** Texts kept while they may still get signatures: older ones are proved by newer. */
const TEXTS_MAX = 1_024;
/** A sync point is fixed this often while there is something new … */
const SYNC_POINT_MS = 1_000;
/** … and at the first boundary after so many entries (SPEC §3.2 "Where batches end"). */
const SYNC_POINT_ENTRIES = 8_192;

/** One text of the own log, and who has signed it. */
export interface OwnText {
  readonly size: number;
  readonly root: Uint8Array;
  readonly text: string;
  readonly refused: readonly RefusedRange[];
  /** The log's own signature. */
  readonly signature: NoteSignature;
  /** By region. */
  readonly cosignatures: Map<string, NoteSignature>;
  isCertified: boolean;
}

export interface CheckpointsOptions {
  readonly cluster: Cluster;
  readonly signer: Signer;
  readonly clock: Clock;
  /** A text has reached the threshold, and is the largest that has. */
  readonly onCertified: (text: OwnText) => void;
}

/**
 * The own log's checkpoints: signed when they are the newest, cosigned by the region itself like by any other, and certified once the
 * weights of those who signed the same text reach the threshold (SPEC §3.2, §5).
 */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  readonly #texts = new Map<number, OwnText>();
  #newest: OwnText;
  #sync: OwnText;
  #syncFixedMs: number;
  #certified: OwnText | undefined;
  #certifiedSync: OwnText | undefined;
  #refused: readonly RefusedRange[];

  constructor(options: CheckpointsOptions, head: LogHead) {
    this.#options = options;
    this.#refused = head.refused;
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

  /** The largest certified text since the start. */
  get certified(): OwnText | undefined {
    return this.#certified;
  }

  /** The newest certified sync text: what goes to every mirror. */
  get certifiedSync(): OwnText | undefined {
    return this.#certifiedSync;
  }

  /** Lines that the texts from now on have. */
  get refused(): readonly RefusedRange[] {
    return this.#refused;
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
    return this.#sync.size === size ? this.#sync : this.#newest.size === size ? this.#newest : this.#texts.get(size);
  }

  /** A remote's cosignature, verified. */
  cosigned(text: OwnText, region: string, line: NoteSignature): void {
    text.cosignatures.set(region, line);
    this.#look(text);
  }

  /** A remote refuses entries: all texts from now on name them, and the log as it is needs a new one (SPEC §4). */
  refuse(refused: readonly RefusedRange[]): void {
    this.#refused = refused;
    this.#newest = this.#cosignedHere(this.#textOf(this.#newest.size, this.#newest.root));
    this.#texts.clear();
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
    if (text.isCertified && text === this.#sync) this.#certifiedSync = text;
    if (!isNews || (this.#certified !== undefined && text.size < this.#certified.size)) return;
    this.#certified = text;
    for (const size of this.#texts.keys()) if (size < text.size) this.#texts.delete(size);
    this.#options.onCertified(text);
  }

  #cosignedHere(text: OwnText): OwnText {
    const { signer, clock, cluster } = this.#options;
    text.cosignatures.set(cluster.own.region, signer.cosign(text.text, Math.max(0, Math.floor(clock.wallMs() / 1_000))));
    return text;
  }

  #textOf(size: number, root: Uint8Array): OwnText {
    const { signer } = this.#options;
    const origin = signer.logKey.name;
    // A line speaks of entries that the text has; one that reaches beyond says so much of it as there is.
    const refused = this.#refused.filter(({ first }) => first < size).map((range) => ({ ...range, last: Math.min(range.last, size - 1) }));
    const text = formatLogText({ origin, size, root, refused });
    const signature = signer.sign(text, nameSigned(origin, refused.length > 0));
    return { size, root, text, refused, signature, cosignatures: new Map(), isCertified: false };
  }
}

/** The text with the log's signature and these cosignatures. */
export function noteOf(text: OwnText, regions: Iterable<string> = text.cosignatures.keys()): string {
  const lines = [...regions].flatMap((region) => text.cosignatures.get(region) ?? []);
  return formatNote({ text: text.text, signatures: [text.signature, ...lines] });
}
