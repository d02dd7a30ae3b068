import { HttpPeer } from '../src/adapters/peer-http/peer.ts';
import { encodeBatch } from '../src/log/batch.ts';
import { recordedAt } from '../src/log/entry.ts';
import { encodeGroup, groupItems } from '../src/log/group.ts';
import { frameLeaves } from '../src/log/growth.ts';
import { formatLogText, nameSigned, type RefusedRange } from '../src/log/log-text.ts';
import type { LogSource } from '../src/ports/log-source.ts';
import type { MirrorReport } from '../src/ports/peer.ts';
import type { Signer } from '../src/ports/signer.ts';
import { certificateExtra } from '../src/quorum/certificate.ts';
import type { Receipt } from '../src/receipt/receipt.ts';
import { sha256, utf8Bytes } from '../src/std/bytes.ts';
import { append, EMPTY_EDGE, type Grown, rootOf } from '../src/tlog/edge.ts';
import { formatNote, type Note, type NoteSignature } from '../src/tlog/note.ts';
import { Prover } from '../src/tlog/prover.ts';
import { TileNodes } from '../src/tlog/tile.ts';
import { formatTlogProof } from '../src/tlog/tlog-proof.ts';
import { sealed } from './receipts.ts';

/**
 * One history of a log, in the hands of whoever has its key: it may be forked, cut and shown to some and not to others. What honest
 * code never does is all here, made of the same parts (`encodeGroup`, `encodeBatch`, the signer).
 */
export class History {
  readonly signer: Signer;
  readonly receipts: readonly Receipt[];
  /** One frame an entry. */
  readonly #frames: readonly Uint8Array[];
  readonly #trees = new Map<number, Grown>();

  constructor(signer: Signer, receipts: readonly Receipt[] = [], firstRecordedAt = 1_000_000n) {
    this.signer = signer;
    this.receipts = receipts;
    this.#frames = receipts.map((receipt, n) => encodeGroup([sealed(receipt)], sha256(utf8Bytes(`salt ${n}`)).subarray(0, 16), firstRecordedAt + BigInt(n)));
  }

  get size(): number {
    return this.receipts.length;
  }

  /** The same history with more. */
  with(...more: readonly Receipt[]): History {
    return new History(this.signer, [...this.receipts, ...more]);
  }

  /** The same first `size` entries, then others. */
  forkedAt(size: number, ...others: readonly Receipt[]): History {
    return new History(this.signer, [...this.receipts.slice(0, size), ...others]);
  }

  /** The text of its first `size` entries, signed by the log's key; it names what it is told to name. */
  checkpoint(size: number = this.size, refused: readonly RefusedRange[] = []): Note {
    const origin = this.signer.logKey.name;
    const text = formatLogText({ origin, size, root: rootOf(this.#grown(size).edge), refused });
    return { text, signatures: [this.signer.sign(text, nameSigned(origin, refused.length > 0))] };
  }

  /** A batch of the entries [start, size) under that checkpoint. */
  batch(start: number, size: number = this.size, refused: readonly RefusedRange[] = []): Uint8Array {
    const frame = Buffer.concat(this.#frames.slice(start, size));
    const checkpoint = utf8Bytes(formatNote(this.checkpoint(size, refused)));
    return encodeBatch({ checkpoint, certified: new Uint8Array(), start, count: size - start, frame });
  }

  /** What a certificate says of an entry beside its place. */
  extra(index: number): Uint8Array {
    const [item] = groupItems(this.#frames[index] ?? new Uint8Array());
    return certificateExtra(recordedAt(item?.entry ?? new Uint8Array(10)), item?.salt ?? new Uint8Array(16));
  }

  /** The same as anybody could serve it (C2SP tlog-tiles). */
  source(): LogSource {
    const { edge, tiles } = this.#grown(this.size);
    const hashes = (level: number, index: number): Uint8Array =>
      tiles.find((tile) => tile.level === level && tile.index === index)?.hashes ?? edge.partials[level] ?? new Uint8Array();
    const bundle = (first: number, count: number): Uint8Array =>
      Buffer.concat(
        this.#frames.slice(first, first + count).flatMap((frame) => [...groupItems(frame)].map(({ entry }) => Buffer.from([0, entry.length, ...entry]))),
      );
    return {
      name: 'memory',
      checkpoint: async () => utf8Bytes(formatNote(this.checkpoint())),
      resource: async ({ kind, level, index, width }) => (kind === 'tile' ? hashes(level, index).subarray(0, 32 * width) : bundle(256 * index, width)),
    };
  }

  prover(): Prover {
    const { edge, tiles } = this.#grown(this.size);
    return new Prover(async (level, index, width) => {
      const hashes = tiles.find((tile) => tile.level === level && tile.index === index)?.hashes ?? edge.partials[level] ?? new Uint8Array();
      return new TileNodes(hashes.subarray(0, 32 * width));
    });
  }

  #grown(size: number): Grown {
    const grown = this.#trees.get(size) ?? append(EMPTY_EDGE, Buffer.concat(this.#frames.slice(0, size).map((frame) => frameLeaves(frame, 1))));
    this.#trees.set(size, grown);
    return grown;
  }
}

/** A region that has its keys and no scruples: shows what it likes to whom it likes, and cosigns all of it itself. */
export class LyingOrigin {
  readonly signer: Signer;
  readonly #policyHash: string;
  /** Every cosignature that it was given, by text. */
  readonly #given = new Map<string, NoteSignature[]>();

  constructor(signer: Signer, policyHash: string) {
    this.signer = signer;
    this.#policyHash = policyHash;
  }

  /** Sends the entries [start, size) of a history, as the mirror protocol has it; keeps what it is given. */
  async show(
    url: string,
    history: History,
    batch: { readonly start: number; readonly size?: number; readonly refused?: readonly RefusedRange[]; readonly instance?: string },
  ): Promise<MirrorReport> {
    const { start, size = history.size, refused = [], instance = `${'1'.repeat(32)}-1` } = batch;
    const peer = new HttpPeer({ endpoint: url, ownRegion: 'liar', otherRemotes: [] });
    try {
      const report = await peer.mirror(history.batch(start, size, refused), { policy: this.#policyHash, instance, signal: AbortSignal.timeout(5_000) });
      if (report.kind === 'cosigned') this.keep(history.checkpoint(size, refused).text, report.line);
      return report;
    } finally {
      await peer.close();
    }
  }

  /** The best certificate that it can make of an entry: with every signature it was given for a text, and its own. */
  async certificate(history: History, index: number, size: number = history.size, refused: readonly RefusedRange[] = []): Promise<string> {
    const note = history.checkpoint(size, refused);
    const own = this.signer.cosign(note.text, 1_700_000_000);
    const signatures = [...note.signatures, own, ...(this.#given.get(note.text) ?? [])];
    const path = await new History(this.signer, history.receipts.slice(0, size)).prover().inclusion(index, size);
    return formatTlogProof({ extra: history.extra(index), index, path, note: { text: note.text, signatures } });
  }

  /** A cosignature that was got some other way. */
  keep(text: string, line: NoteSignature): void {
    this.#given.set(text, [...(this.#given.get(text) ?? []), line]);
  }
}
