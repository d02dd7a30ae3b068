import { assert } from '../std/assert.ts';
import { EMPTY_ROOT, nodeHash } from './hash.ts';
import { largestPower } from './proof.ts';
import { TILE_HEIGHT, TILE_WIDTH, TileNodes, tileWidth } from './tile.ts';

/** Gives the hashes of a tile, at least `width` of them; the tree is known to have so many. */
export type ReadTile = (level: number, index: number, width: number) => Promise<Uint8Array>;

/** Full tiles kept with all their nodes, 16 KiB each: 4 MiB of the most recently used. */
const TILES_MAX = 256;

/**
 * Makes roots and proofs of one tree from its tiles, at any size that it has had (RFC 6962 §2.1). What it reads is trusted: whoever
 * takes tiles from elsewhere checks them against a signed root.
 */
export class Prover {
  readonly #read: ReadTile;
  readonly #tiles = new Map<string, TileNodes>();

  constructor(read: ReadTile) {
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
    const nodes = await this.#nodes(level, Math.floor(first / TILE_WIDTH), size);
    const node = nodes.node(within, (first % TILE_WIDTH) / 2 ** within);
    assert(node !== undefined, 'a tile has the nodes of its width');
    return node;
  }

  async #nodes(level: number, index: number, size: number): Promise<TileNodes> {
    const width = tileWidth(size, level, index);
    // The width of a partial tile is part of its name: it never changes either.
    const name = `${level}/${index}/${width}`;
    const known = this.#tiles.get(name);
    if (known !== undefined) {
      this.#tiles.delete(name);
      this.#tiles.set(name, known);
      return known;
    }
    const nodes = new TileNodes((await this.#read(level, index, width)).subarray(0, width * 32));
    this.#tiles.set(name, nodes);
    const oldest = this.#tiles.keys().next();
    if (this.#tiles.size > TILES_MAX && oldest.done !== true) this.#tiles.delete(oldest.value);
    return nodes;
  }
}
