import { assert } from '../std/assert.ts';
import { HASH_BYTES, nodeHash } from './hash.ts';
import { largestPower } from './proof.ts';

/**
 * The leaves [first, end) of a tree, folded as they come into the perfect subtrees that they make: a few dozen hashes, however many leaves. With the hashes of
 * everything beside them they lead to the root, so that all of them are proved at once, and that there are no others between them (RFC 6962 §2.1).
 */
export class LeafRange {
  readonly #first: number;
  #end: number;
  /** From left to right; no two of them are the halves of one. */
  readonly #subtrees: { readonly start: number; readonly count: number; readonly hash: Uint8Array }[] = [];

  constructor(first: number) {
    this.#first = first;
    this.#end = first;
  }

  /** The index after the last leaf. */
  get end(): number {
    return this.#end;
  }

  /** The hash of the next leaf; its memory may change after this. */
  add(leaf: Uint8Array): void {
    let [start, count, hash] = [this.#end, 1, Uint8Array.from(leaf)];
    for (let left = this.#subtrees.at(-1); left?.count === count && left.start % (2 * count) === 0; left = this.#subtrees.at(-1)) {
      this.#subtrees.pop();
      [start, count, hash] = [left.start, 2 * count, Uint8Array.from(nodeHash(left.hash, hash))];
    }
    this.#subtrees.push({ start, count, hash });
    this.#end += 1;
  }

  /**
   * The root that a tree of `size` leaves has with these in it and the hashes of `beside` around them, as {@link besideRange} wants them; `undefined`
   * where there are more or fewer than it takes.
   */
  root(size: number, beside: readonly Uint8Array[]): Uint8Array | undefined {
    if (this.#end > size || this.#end === this.#first || beside.some(({ length }) => length !== HASH_BYTES)) return undefined;
    const known = new Map(this.#subtrees.map(({ start, count, hash }) => [`${start}/${count}`, hash]));
    let used = 0;
    const node = (start: number, end: number): Uint8Array | undefined => {
      if (isBeside({ start, end }, { first: this.#first, end: this.#end })) {
        used += 1;
        return beside[used - 1];
      }
      const whole = known.get(`${start}/${end - start}`);
      if (whole !== undefined) return whole;
      const split = start + largestPower(end - start - 1);
      const [left, right] = [node(start, split), node(split, end)];
      return left === undefined || right === undefined ? undefined : nodeHash(left, right);
    };
    const root = node(0, size);
    return used === beside.length ? root : undefined;
  }
}

/** The largest subtrees of a tree of `size` leaves that have none of [first, end), from left to right. */
export function besideRange(
  range: { readonly first: number; readonly end: number },
  size: number,
): readonly { readonly start: number; readonly end: number }[] {
  assert(range.first < range.end && range.end <= size, 'a range has leaves, and all of them in the tree');
  const found: { readonly start: number; readonly end: number }[] = [];
  const look = (start: number, end: number): void => {
    if (isBeside({ start, end }, range)) {
      found.push({ start, end });
      return;
    }
    if (start >= range.first && end <= range.end) return;
    const split = start + largestPower(end - start - 1);
    look(start, split);
    look(split, end);
  };
  look(0, size);
  return found;
}

function isBeside(subtree: { readonly start: number; readonly end: number }, range: { readonly first: number; readonly end: number }): boolean {
  return subtree.end <= range.first || subtree.start >= range.end;
}
