import { concatBytes, equalBytes } from '../std/bytes.ts';
import { anchoredEdge, ChainedTiles } from '../tlog/chained-tiles.ts';
import type { Edge } from '../tlog/edge.ts';
import { HASH_BYTES } from '../tlog/hash.ts';
import { TILE_HEIGHT, TILE_WIDTH, TileNodes, tilePath } from '../tlog/tile.ts';

/** Where the parts of a tree lie. Nothing of it is trusted. */
export interface TreeSource {
  /** The hashes of a tile, or `undefined` where there is none: a store keeps no partial ones. */
  tile(level: number, index: number, width: number): Promise<Uint8Array | undefined>;
  /** The leaf hashes of `count` entries, or `undefined` where they can't be had. */
  leaves(first: number, count: number): Promise<Uint8Array | undefined>;
}

/** A size and a root that somebody has signed, or that a store says it has. */
export interface Head {
  readonly size: number;
  readonly root: Uint8Array;
}

/**
 * The right edge of the tree that has this root, from whatever parts lead to it: the partial tiles as they lie there; else what the tiles
 * and entries below make of them; else what those below these make of them. `undefined` where nothing does.
 */
export async function anchor(source: TreeSource, head: Head): Promise<Edge | undefined> {
  const first = await anchoredEdge(head, async (level, index, width) =>
    present(await source.tile(level, index, width), () => row(source, level, index, width)),
  );
  if (first !== undefined) return first;
  return anchoredEdge(head, async (level, index, width) =>
    [
      await source.tile(level, index, width),
      await row(source, level, index, width),
      level === 0 ? undefined : await row({ ...source, tile: (below, n) => row(source, below, n, TILE_WIDTH) }, level, index, width),
    ].filter((hashes) => hashes !== undefined),
  );
}

/** The tree's tiles, chained to its edge. A tile that is not what it should be is told of, and made anew from what is below it. */
export function chained(source: TreeSource, edge: Edge, tell: (problem: string) => void): ChainedTiles {
  return new ChainedTiles(
    () => edge,
    (level, index, width) => source.tile(level, index, width),
    (level, index, problem) => {
      tell(problem);
      return row(source, level, index, TILE_WIDTH);
    },
  );
}

/** Partial tiles that are served, and are not those of the tree. */
export async function checkPartials(source: TreeSource, edge: Edge, tell: (problem: string) => void): Promise<void> {
  for (const [level, partial] of edge.partials.entries()) {
    if (partial.length === 0) continue;
    const at = { level, index: Math.floor(edge.size / TILE_WIDTH ** (level + 1)), width: partial.length / HASH_BYTES };
    const served = await source.tile(at.level, at.index, at.width);
    const path = tilePath({ kind: 'tile', ...at });
    if (served === undefined) tell(`${path} can not be had`);
    else if (!equalBytes(served, partial)) tell(`${path} does not lead to the root`);
  }
}

/** The hashes that a tile should have by what is one level below it. */
async function row(source: TreeSource, level: number, index: number, width: number): Promise<Uint8Array | undefined> {
  if (level === 0) return source.leaves(index * TILE_WIDTH, width);
  const roots: Uint8Array[] = [];
  for (let n = index * TILE_WIDTH; n < index * TILE_WIDTH + width; n += 1) {
    const below = await source.tile(level - 1, n, TILE_WIDTH);
    const root = below?.length === TILE_WIDTH * HASH_BYTES ? new TileNodes(below).node(TILE_HEIGHT, 0) : undefined;
    if (root === undefined) return undefined;
    roots.push(root);
  }
  return concatBytes(roots);
}

async function present(bytes: Uint8Array | undefined, otherwise: () => Promise<Uint8Array | undefined>): Promise<readonly Uint8Array[]> {
  const found = bytes ?? (await otherwise());
  return found === undefined ? [] : [found];
}
