import { assert } from '../std/assert.ts';
import { EMPTY_ROOT, HASH_BYTES, nodeHash, SIZE_MAX } from './hash.ts';
import { TILE_HEIGHT, TILE_WIDTH, TileNodes } from './tile.ts';

/** A tile that has become full: `TILE_WIDTH` hashes, never changed again (C2SP tlog-tiles, "Merkle Tree"). */
export interface FullTile {
  readonly level: number;
  readonly index: number;
  /** 8,192 bytes. */
  readonly hashes: Uint8Array;
}

/**
 * The right edge of a tree: all that it takes to go on appending and to know the root. Never changed: appending gives a new one, so
 * that an append which was not made durable leaves nothing behind.
 */
export interface Edge {
  readonly size: number;
  /** The perfect subtrees that the size is made of, by height; `undefined` where its bit is 0. */
  readonly subtrees: readonly (Uint8Array | undefined)[];
  /** By level: the hashes of the tile that is not full yet, perhaps none. */
  readonly partials: readonly Uint8Array[];
}

/** Of a tree without leaves. */
export const EMPTY_EDGE: Edge = { size: 0, subtrees: [], partials: [] };

/** A tree that has grown. */
export interface Grown {
  readonly edge: Edge;
  /** Those that became full by it, in the order in which they did. */
  readonly tiles: readonly FullTile[];
}

/** Appends leaf hashes (`count × 32` bytes), one after the other (RFC 6962 §2.1). */
export function append(edge: Edge, leaves: Uint8Array): Grown {
  assert(leaves.length % HASH_BYTES === 0, 'leaves are whole hashes');
  const growing = new Growing(edge, leaves.length / HASH_BYTES);
  for (let at = 0; at < leaves.length; at += HASH_BYTES) growing.add(leaves.subarray(at, at + HASH_BYTES));
  return growing.done();
}

/** The root (RFC 6962 §2.1): the subtrees hashed together from the right. */
export function rootOf(edge: Edge): Uint8Array {
  let root: Uint8Array | undefined;
  for (const subtree of edge.subtrees) {
    if (subtree === undefined) continue;
    root = root === undefined ? subtree : nodeHash(subtree, root);
  }
  return root ?? EMPTY_ROOT;
}

/** The edge that these partial tiles make, by level; `undefined` if their widths are not those of a tree of `size` leaves. */
export function edgeOf(size: number, partials: readonly Uint8Array[]): Edge | undefined {
  const nodes = partials.map((hashes) => new TileNodes(hashes));
  const subtrees: (Uint8Array | undefined)[] = [];
  for (const [level, hashes] of partials.entries()) {
    const width = Math.floor(size / TILE_WIDTH ** level) % TILE_WIDTH;
    if (hashes.length !== width * HASH_BYTES) return undefined;
    for (let height = 0; height < TILE_HEIGHT; height += 1) {
      const isPart = Math.floor(width / 2 ** height) % 2 === 1;
      // The last perfect subtree of this height: all before it belong to higher ones.
      const subtree = isPart ? nodes[level]?.node(height, Math.floor(width / 2 ** height) - 1) : undefined;
      subtrees.push(subtree === undefined ? undefined : Uint8Array.from(subtree));
    }
  }
  if (Math.floor(size / TILE_WIDTH ** partials.length) > 0) return undefined;
  return { size, subtrees, partials: partials.map((hashes) => Uint8Array.from(hashes)) };
}

/** A tile being filled. */
interface Filling {
  readonly hashes: Uint8Array;
  used: number;
}

class Growing {
  #size: number;
  readonly #subtrees: (Uint8Array | undefined)[];
  readonly #filling: Filling[];
  readonly #tiles: FullTile[] = [];

  constructor(edge: Edge, count: number) {
    assert(edge.size + count <= SIZE_MAX, 'a tree has less than 2^53 leaves');
    this.#size = edge.size;
    this.#subtrees = [...edge.subtrees];
    this.#filling = edge.partials.map(refill);
  }

  add(leaf: Uint8Array): void {
    let hash = leaf;
    let height = 0;
    this.#put(0, hash);
    while (this.#subtrees[height] !== undefined) {
      hash = nodeHash(this.#subtrees[height] ?? hash, hash);
      this.#subtrees[height] = undefined;
      height += 1;
      if (height % TILE_HEIGHT === 0) this.#put(height / TILE_HEIGHT, hash);
    }
    // A copy: the leaves belong to whoever called.
    this.#subtrees[height] = height === 0 ? new Uint8Array(hash) : hash;
    this.#size += 1;
  }

  done(): Grown {
    const partials = this.#filling.map(({ hashes, used }) => hashes.slice(0, used));
    return { edge: { size: this.#size, subtrees: this.#subtrees, partials }, tiles: this.#tiles };
  }

  #put(level: number, hash: Uint8Array): void {
    const filling = this.#filling[level] ?? refill(new Uint8Array());
    this.#filling[level] = filling;
    filling.hashes.set(hash, filling.used);
    filling.used += HASH_BYTES;
    if (filling.used < TILE_WIDTH * HASH_BYTES) return;
    const leavesBefore = this.#size + 1;
    this.#tiles.push({ level, index: leavesBefore / TILE_WIDTH ** (level + 1) - 1, hashes: filling.hashes });
    this.#filling[level] = refill(new Uint8Array());
  }
}

function refill(partial: Uint8Array): Filling {
  const hashes = new Uint8Array(TILE_WIDTH * HASH_BYTES);
  hashes.set(partial);
  return { hashes, used: partial.length };
}
