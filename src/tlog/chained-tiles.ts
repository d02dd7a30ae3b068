import { RottenError } from '../errors.ts';
import { assert } from '../std/assert.ts';
import { equalBytes } from '../std/bytes.ts';
import { type Edge, edgeOf, rootOf } from './edge.ts';
import { HASH_BYTES } from './hash.ts';
import { TILE_HEIGHT, TILE_WIDTH, TileNodes, tilePath, tileWidth } from './tile.ts';

/** Gives the hashes of a tile as they lie somewhere, or `undefined` where there are none. Nothing of it is trusted. */
export type FetchTile = (level: number, index: number, width: number) => Promise<Uint8Array | undefined>;

/** What to take instead of a tile that is not what it should be: its hashes from elsewhere, which are checked like the first. */
export type OtherTile = (level: number, index: number, problem: string) => Promise<Uint8Array | undefined>;

/** Tiles kept with all their nodes, 16 KiB each: 4 MiB of the most recently used. */
const TILES_MAX = 256;

/**
 * Tiles of one tree, each chained to its root: the right edge is known to lead to it, and a full tile counts only if its own root is
 * the hash that the tile above has at its place, which is checked the same way. So a tile that is served twice is checked once, and
 * no hash is believed that the signed root does not vouch for.
 */
export class ChainedTiles {
  readonly #edge: () => Edge;
  readonly #fetch: FetchTile;
  readonly #otherwise: OtherTile | undefined;
  readonly #known = new Map<string, TileNodes>();

  /** `edge`: the right edge of the tree as it is now, trusted; it only ever grows. */
  constructor(edge: () => Edge, fetch: FetchTile, otherwise?: OtherTile) {
    this.#edge = edge;
    this.#fetch = fetch;
    this.#otherwise = otherwise;
  }

  /** The first `width` hashes of a tile, and the nodes above them. The tree has so many. Rejects with RottenError where they are not its own. */
  async nodes(level: number, index: number, width: number): Promise<TileNodes> {
    const edge = this.#edge();
    assert(width <= tileWidth(edge.size, level, index), 'a tile of the tree is asked for');
    // The width is part of the name: a partial tile never changes either.
    const name = `${level}/${index}/${width}`;
    const known = this.#known.get(name);
    if (known !== undefined) return this.#keep(name, known);
    if (width === TILE_WIDTH) return this.#keep(name, await this.#full(edge, level, index));
    const hashes = await this.#hashes(edge, level, index);
    return this.#keep(name, new TileNodes(hashes.subarray(0, width * HASH_BYTES)));
  }

  async #hashes(edge: Edge, level: number, index: number): Promise<Uint8Array> {
    if (tileWidth(edge.size, level, index) === TILE_WIDTH) return (await this.nodes(level, index, TILE_WIDTH)).hashes;
    const partial = edge.partials[level];
    assert(partial !== undefined, 'an edge has a partial tile at each of its levels');
    return partial;
  }

  async #full(edge: Edge, level: number, index: number): Promise<TileNodes> {
    // The tile above first: where that is broken nothing can be said of this one.
    const above = await this.#hashes(edge, level + 1, Math.floor(index / TILE_WIDTH));
    const at = (index % TILE_WIDTH) * HASH_BYTES;
    const root = above.subarray(at, at + HASH_BYTES);
    const nodes = chainedTo(root, await this.#fetch(level, index, TILE_WIDTH));
    if (typeof nodes !== 'string') return nodes;
    const problem = `${tilePath({ kind: 'tile', level, index, width: TILE_WIDTH })} ${nodes}`;
    const other = chainedTo(root, await this.#otherwise?.(level, index, problem));
    if (typeof other === 'string') throw new RottenError(problem);
    return other;
  }

  #keep(name: string, nodes: TileNodes): TileNodes {
    this.#known.delete(name);
    this.#known.set(name, nodes);
    const oldest = this.#known.keys().next();
    if (this.#known.size > TILES_MAX && oldest.done !== true) this.#known.delete(oldest.value);
    return nodes;
  }
}

/** The tile, or what is wrong with it. */
function chainedTo(root: Uint8Array, hashes: Uint8Array | undefined): TileNodes | string {
  if (hashes === undefined) return 'can not be had';
  if (hashes.length !== TILE_WIDTH * HASH_BYTES) return `has ${hashes.length} bytes, not ${TILE_WIDTH * HASH_BYTES}`;
  const nodes = new TileNodes(hashes);
  return equalBytes(nodes.node(TILE_HEIGHT, 0) ?? new Uint8Array(), root) ? nodes : 'does not lead to the root';
}

/** The ways in which the partial tile of a level may be had, best first; each may be absent, of a wrong length, or wrong. */
export type PartialCandidates = (level: number, index: number, width: number) => Promise<readonly Uint8Array[]>;

/**
 * The right edge of a tree of `size` leaves whose root is known, from partial tiles that are not: of each level's candidates those are
 * taken that lead to the root together. `undefined` where none do.
 */
export async function anchoredEdge(
  { size, root }: { readonly size: number; readonly root: Uint8Array },
  candidates: PartialCandidates,
): Promise<Edge | undefined> {
  let tried: readonly (readonly Uint8Array[])[] = [[]];
  for (let level = 0; TILE_WIDTH ** level <= size; level += 1) {
    const index = Math.floor(size / TILE_WIDTH ** (level + 1));
    const width = tileWidth(size, level, index);
    const here = width === 0 ? [new Uint8Array()] : distinct((await candidates(level, index, width)).filter(({ length }) => length === width * HASH_BYTES));
    tried = tried.flatMap((below) => here.map((partial) => [...below, partial]));
  }
  for (const partials of tried) {
    const edge = edgeOf(size, partials);
    if (edge !== undefined && equalBytes(rootOf(edge), root)) return edge;
  }
  return undefined;
}

function distinct(all: readonly Uint8Array[]): readonly Uint8Array[] {
  return all.filter((bytes, n) => !all.slice(0, n).some((before) => equalBytes(before, bytes)));
}
