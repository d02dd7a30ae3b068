import { encodeBatch } from '../src/log/batch.ts';
import { encodeGroup } from '../src/log/group.ts';
import { frameLeaves } from '../src/log/growth.ts';
import { formatLogText, nameSigned, type RefusedRange } from '../src/log/log-text.ts';
import type { Signer } from '../src/ports/signer.ts';
import type { Receipt } from '../src/receipt/receipt.ts';
import { sha256, utf8Bytes } from '../src/std/bytes.ts';
import { append, EMPTY_EDGE, type FullTile, rootOf } from '../src/tlog/edge.ts';
import { formatNote, type Note } from '../src/tlog/note.ts';
import { Prover } from '../src/tlog/prover.ts';
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

  prover(): Prover {
    const { edge, tiles } = this.#grown(this.size);
    return new Prover(
      async (level, index) => tiles.find((tile) => tile.level === level && tile.index === index)?.hashes ?? edge.partials[level] ?? new Uint8Array(),
    );
  }

  #grown(size: number): { readonly edge: typeof EMPTY_EDGE; readonly tiles: readonly FullTile[] } {
    return append(EMPTY_EDGE, Buffer.concat(this.#frames.slice(0, size).map((frame) => frameLeaves(frame, 1))));
  }
}
