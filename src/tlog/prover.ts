import { assert } from '../std/assert.ts';
import { EMPTY_ROOT, nodeHash } from './hash.ts';
import { largestPower } from './proof.ts';
import { besideRange } from './range.ts';
import { TILE_HEIGHT, TILE_WIDTH, type TileNodes, tileWidth } from './tile.ts';

/** Gives the first `width` hashes of a tile with the nodes above them; the tree is known to have so many. */
export type ReadNodes = (level: number, index: number, width: number) => Promise<TileNodes>;

/**
 * Makes roots and proofs of one tree from its tiles, at any size that it has had (RFC 6962 §2.1). What it reads is trusted:
 * `ChainedTiles` reads only what leads to a signed root.
 */
export class Prover {
  readonly #read: ReadNodes;

  constructor(read: ReadNodes) {
    this.#read = read;
  }

  /** MTH of the first `size` leaves. */
  root(size: number): Promise<Uint8Array> {
    return size === 0 ? Promise.resolve(EMPTY_ROOT) : this.#range(0, size, size);
  }

  /** PATH(index, D[size]), from the leaf's sibling up (RFC 6962 §2.1.1). */
  async inclusion(index: number, size: number): Promise<readonly Uint8Array[]> {
    assert(index < size, 'a proof is of a leaf within the tree');
    const path: Promise<Uint8Array>[] = [];
    let start = 0;
    let end = size;
    while (end - start > 1) {
      const split = start + largestPower(end - start - 1);
      if (index < split) {
        path.push(this.#range(split, end, size));
        end = split;
      } else {
        path.push(this.#range(start, split, size));
        start = split;
      }
    }
    return (await Promise.all(path)).reverse();
  }

  /** PROOF(oldSize, D[newSize]) (RFC 6962 §2.1.2). */
  async consistency(oldSize: number, newSize: number): Promise<readonly Uint8Array[]> {
    assert(oldSize > 0 && oldSize <= newSize, 'the older tree has leaves, and no more than the newer');
    const path: Promise<Uint8Array>[] = [];
    let start = 0;
    let end = newSize;
    while (oldSize !== end) {
      const split = start + largestPower(end - start - 1);
      if (oldSize <= split) {
        path.push(this.#range(split, end, newSize));
        end = split;
      } else {
        path.push(this.#range(start, split, newSize));
        start = split;
      }
    }
    // The subtree in which the older tree ends, unless it is that tree itself.
    if (start > 0) path.push(this.#range(start, end, newSize));
    return (await Promise.all(path)).reverse();
  }

  /** `SUBPROOF(oldSize, D[newSize], false)`: what leads to the roots at both sizes (`prefixRoots`). */
  async prefix(oldSize: number, newSize: number): Promise<readonly Uint8Array[]> {
    const [path, root] = await Promise.all([this.consistency(oldSize, newSize), this.root(oldSize)]);
    return oldSize === largestPower(oldSize) ? [root, ...path] : path;
  }

  /** The hashes that lead from all leaves [first, end) at once to the root (`LeafRange`), from left to right. */
  beside(range: { readonly first: number; readonly end: number }, size: number): Promise<readonly Uint8Array[]> {
    return Promise.all(besideRange(range, size).map(({ start, end }) => this.#range(start, end, size)));
  }

  /** One leaf's hash. */
  leaf(index: number, size: number): Promise<Uint8Array> {
    return this.#range(index, index + 1, size);
  }

  /** MTH of the leaves [start, end); `start` is a multiple of the largest power of two below the count. */
  async #range(start: number, end: number, size: number): Promise<Uint8Array> {
    const count = end - start;
    const power = largestPower(count);
    if (power === count) return this.#subtree(start, count, size);
    return nodeHash(await this.#subtree(start, power, size), await this.#range(start + power, end, size));
  }

  /** MTH of a perfect subtree: a node of some tile. */
  async #subtree(start: number, count: number, size: number): Promise<Uint8Array> {
    const height = Math.round(Math.log2(count));
    const level = Math.floor(height / TILE_HEIGHT);
    const within = height - level * TILE_HEIGHT;
    const first = start / TILE_WIDTH ** level;
    const index = Math.floor(first / TILE_WIDTH);
    const nodes = await this.#read(level, index, tileWidth(size, level, index));
    const node = nodes.node(within, (first % TILE_WIDTH) / 2 ** within);
    assert(node !== undefined, 'a tile has the nodes of its width');
    return node;
  }
}
