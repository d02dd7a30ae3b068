import { isNamed, parseLogText, type RefusedRange } from '../log/log-text.ts';
import type { RemoteCosigned } from '../ports/log-store.ts';
import { formatNote, type NoteSignature, parseNote } from '../tlog/note.ts';
import type { Checkpoints, OwnText } from './checkpoints.ts';

/** How much of the own log one mirror has: by its signatures, and by its word where that weighs nothing. */
export class Coverage {
  readonly #regionId: string;
  readonly #checkpoints: Checkpoints;
  #cosigned: RemoteCosigned;
  /** The lines of that text. */
  #lines: readonly RefusedRange[];
  /** Texts that it has all entries of and will not sign: one of weight 0, which no lines are made for (SPEC §4). */
  readonly #unsigned = new WeakSet<OwnText>();
  #held = 0;

  constructor(regionId: string, checkpoints: Checkpoints, cosigned: RemoteCosigned | undefined) {
    this.#regionId = regionId;
    this.#checkpoints = checkpoints;
    this.#cosigned = cosigned ?? { region: regionId, size: 0, note: '' };
    this.#lines = cosigned === undefined ? [] : parseLogText(parseNote(cosigned.note).text).refused;
  }

  /** The largest text that it has cosigned: what a remote that forgets is measured against. */
  get cosigned(): RemoteCosigned {
    return this.#cosigned;
  }

  /** Entries below this are on its stable storage. */
  get size(): number {
    return Math.max(this.#cosigned.size, this.#held);
  }

  /** Has it told that it refuses this entry? */
  refuses(index: number): boolean {
    return this.#checkpoints.refusals.refuses(this.#regionId, index);
  }

  /** Does it stand for this entry: with a text that covers it and does not name it there? */
  has(index: number): boolean {
    if (index >= this.#cosigned.size) return index < this.#held;
    return !isNamed({ refused: this.#lines }, this.#regionId, index) || this.#checkpoints.isEndorsed(this.#regionId, index);
  }

  /** A cosignature, verified. Returns the first entry that is covered by it and was not before; `undefined` where it says less than others did. */
  signed(text: OwnText, line: NoteSignature): number | undefined {
    const from = this.#cosigned.size;
    if (text.size < from) return undefined;
    this.#lines = text.refused;
    this.#cosigned = { region: this.#regionId, size: text.size, note: formatNote({ text: text.text, signatures: [text.signature, line] }) };
    return from;
  }

  /** It holds the text's entries and signs it never. Returns the first entry that it did not say so of before. */
  unsigned(text: OwnText): number {
    this.#unsigned.add(text);
    const from = this.#held;
    this.#held = Math.max(from, text.size);
    return from;
  }

  /** Is it to be asked for its signature of this text? */
  owes(text: OwnText): boolean {
    return !text.cosignatures.has(this.#regionId) && !this.#unsigned.has(text);
  }
}
