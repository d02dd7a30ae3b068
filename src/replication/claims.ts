import { InvalidEvidenceError } from '../errors.ts';
import { type LogText, nameSigned, parseLogText } from '../log/log-text.ts';
import type { ForkEvidence } from '../quorum/fork-evidence.ts';
import { equalBytes } from '../std/bytes.ts';
import { verifyLogSignature } from '../tlog/checkpoint.ts';
import { type Note, parseNote } from '../tlog/note.ts';
import type { Prover } from '../tlog/prover.ts';
import type { VerifierKey } from '../tlog/vkey.ts';

/** Checkpoints beyond the own size that wait until it gets there. Whoever has no room for one more sees the next: signed ones come again and again. */
const AHEAD_MAX = 32;

/** How a signed checkpoint stands to what this region has of the log. */
export type ClaimStanding =
  /** The own tree had this root at this size. */
  | 'fits'
  /** It can't be told yet: it is larger than what is here, or nothing here is signed that it could be held against. */
  | 'open'
  /** One key has signed two histories; it is proved. */
  | 'fork'
  /** It is not signed by the log's key: nobody's claim. */
  | 'unsigned';

export interface ClaimsOptions {
  readonly key: VerifierKey;
  readonly size: () => number;
  /** Of the tree that this region has. */
  readonly prover: Prover;
  /** Checkpoints of that tree with the log's signature, as far as they are kept. */
  readonly signed: () => readonly { readonly size: number; readonly note: string }[];
  readonly proved: (evidence: ForkEvidence) => Promise<void>;
}

interface Claim {
  readonly note: Note;
  readonly text: LogText;
}

/**
 * Everything that a log's key is seen to have signed, from wherever it comes, held against the one history that this region has. A
 * claim that differs makes evidence (docs/spec "Evidence of a fork"); one that is ahead is looked at again when the log has grown.
 */
export class Claims {
  readonly #options: ClaimsOptions;
  #ahead: readonly Claim[] = [];

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  /** Looks at one checkpoint. Where the store can't be read it stays open. */
  async look(note: Note): Promise<ClaimStanding> {
    const claim = this.#read(note);
    if (claim === undefined) return 'unsigned';
    const other = this.#ahead.find(({ text }) => text.size === claim.text.size && !equalBytes(text.root, claim.text.root));
    if (other !== undefined) return this.#prove([other.note, note], []);
    return this.#judge(claim);
  }

  /** The log has grown: what was ahead of it may not be any more. */
  async grown(): Promise<void> {
    const size = this.#options.size();
    const reached = this.#ahead.filter(({ text }) => text.size <= size);
    if (reached.length === 0) return;
    this.#ahead = this.#ahead.filter(({ text }) => text.size > size);
    for (const claim of reached) await this.#judge(claim);
  }

  async #judge(claim: Claim): Promise<ClaimStanding> {
    const { size, prover } = this.#options;
    const { text } = claim;
    if (text.size > size()) return this.#wait(claim);
    const root = await prover.root(text.size).catch(() => undefined);
    if (root === undefined) return this.#wait(claim);
    if (equalBytes(root, text.root)) return 'fits';
    const against = this.#signedFrom(text.size);
    if (against === undefined) return this.#wait(claim);
    const isProved = against.size === text.size || text.size === 0;
    const proof = isProved ? [] : await prover.prefix(text.size, against.size).catch(() => undefined);
    return proof === undefined ? this.#wait(claim) : this.#prove([claim.note, parseNote(against.note)], proof);
  }

  /** What this region holds a signature for, of this size or larger: an equal one needs no proof, the newest one proves the most. */
  #signedFrom(size: number): { readonly size: number; readonly note: string } | undefined {
    const signed = this.#options.signed();
    return signed.find((each) => each.size === size) ?? signed.findLast((each) => each.size > size);
  }

  async #prove(checkpoints: readonly [Note, Note], proof: readonly Uint8Array[]): Promise<'fork'> {
    await this.#options.proved({ log: this.#options.key, checkpoints, proof });
    return 'fork';
  }

  #wait(claim: Claim): 'open' {
    const isKnown = this.#ahead.some(({ note }) => note.text === claim.note.text);
    if (!isKnown && this.#ahead.length < AHEAD_MAX) this.#ahead = [...this.#ahead, claim];
    return 'open';
  }

  #read(note: Note): Claim | undefined {
    const { key } = this.#options;
    try {
      const text = parseLogText(note.text);
      const name = nameSigned(key.name, text.refused.length > 0);
      const isSigned = text.origin === key.name && note.signatures.some((signature) => verifyLogSignature(key, { text: note.text, signature, name }));
      return isSigned ? { note, text } : undefined;
    } catch (error) {
      if (error instanceof InvalidEvidenceError) return undefined;
      throw error;
    }
  }
}
