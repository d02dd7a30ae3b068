import { HASH_BYTES, nodeHash } from './hash.ts';

/** Levels of a tree in one tile. */
export const TILE_HEIGHT = 8;
/** Hashes in a full tile (C2SP tlog-tiles). */
export const TILE_WIDTH: number = 2 ** TILE_HEIGHT;

/** Which tile or entry bundle: `width` is 256, or less for a partial one. */
export interface TileName {
  readonly kind: 'tile' | 'entries';
  /** 0 of an entry bundle. */
  readonly level: number;
  readonly index: number;
  readonly width: number;
}

const LEVEL_MAX = 63;

/** The path below a log's prefix, as `tile/0/x001/234.p/17` or `tile/entries/000` (C2SP tlog-tiles, "APIs"). */
export function tilePath({ kind, level, index, width }: TileName): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? [];
  const path = groups.map((group, n) => (n === groups.length - 1 ? group : `x${group}`)).join('/');
  return `tile/${kind === 'entries' ? 'entries' : level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** Reads such a path; `undefined` for everything that `tilePath` would write otherwise. */
export function parseTilePath(path: string): TileName | undefined {
  const [, first = '', groups = '', partial] = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path) ?? [];
  if (groups === '') return undefined;
  const isEntries = first === 'entries';
  const level = isEntries ? 0 : Number(first);
  const index = Number(groups.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (level > LEVEL_MAX || !Number.isSafeInteger(index) || width < 1 || (partial !== undefined && width >= TILE_WIDTH)) return undefined;
  const name: TileName = { kind: isEntries ? 'entries' : 'tile', level, index, width };
  return tilePath(name) === path ? name : undefined;
}

/** How many hashes the tile has in a tree of `size` leaves: 0 where there is no such tile yet. */
export function tileWidth(size: number, level: number, index: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

/** A full tile with all the nodes that its hashes have above them: what proofs are read from. 511 hashes. */
export class TileNodes {
  /** By height above the tile's own hashes; each `count × 32` bytes. */
  readonly #rows: readonly Uint8Array[];

  constructor(hashes: Uint8Array) {
    const rows = [hashes];
    for (let row = hashes; row.length > HASH_BYTES; rows.push(row)) row = parents(row);
    this.#rows = rows;
  }

  /** The tile's own hashes. */
  get hashes(): Uint8Array {
    return this.#rows[0] ?? new Uint8Array();
  }

  /** The node `height` (0..8) above the tile's hashes, the `position`-th there. */
  node(height: number, position: number): Uint8Array | undefined {
    const node = this.#rows[height]?.subarray(position * HASH_BYTES, (position + 1) * HASH_BYTES);
    return node?.length === HASH_BYTES ? node : undefined;
  }
}

/** Pairs hashed together; an odd one at the end is left out, for it has no parent within the tile. */
function parents(row: Uint8Array): Uint8Array {
  const count = Math.floor(row.length / HASH_BYTES / 2);
  const above = new Uint8Array(count * HASH_BYTES);
  for (let n = 0; n < count; n += 1) {
    const at = 2 * n * HASH_BYTES;
    above.set(nodeHash(row.subarray(at, at + HASH_BYTES), row.subarray(at + HASH_BYTES, at + 2 * HASH_BYTES)), n * HASH_BYTES);
  }
  return above;
}
