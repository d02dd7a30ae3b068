import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { equalBytes } from '../../src/std/bytes.ts';
import { anchoredEdge, ChainedTiles } from '../../src/tlog/chained-tiles.ts';
import { append, type Edge, EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { leafHash } from '../../src/tlog/hash.ts';
import { Prover } from '../../src/tlog/prover.ts';
import { TILE_WIDTH, tileWidth } from '../../src/tlog/tile.ts';

const SIZE = 3 * TILE_WIDTH ** 2 + 2 * TILE_WIDTH + 7;

interface Grown {
  readonly edge: Edge;
  readonly tiles: Map<string, Uint8Array>;
}

function grow(size: number): Grown {
  const leaves = new Uint8Array(32 * size);
  for (let n = 0; n < size; n += 1) leaves.set(leafHash(Buffer.from(`entry ${n}`)), 32 * n);
  const { edge, tiles } = append(EMPTY_EDGE, leaves);
  return { edge, tiles: new Map(tiles.map(({ level, index, hashes }) => [`${level}/${index}`, hashes])) };
}

const whole = grow(SIZE);

function chainOver(tiles: ReadonlyMap<string, Uint8Array>, edge: Edge = whole.edge): ChainedTiles {
  return new ChainedTiles(
    () => edge,
    (level, index) => Promise.resolve(tiles.get(`${level}/${index}`)),
  );
}

/** The tiles with one bit of one of them turned over. */
function flipped(name: string, random: Random): ReadonlyMap<string, Uint8Array> {
  const hashes = Uint8Array.from(whole.tiles.get(name) ?? new Uint8Array());
  const at = random.below(hashes.length);
  hashes[at] = (hashes[at] ?? 0) ^ (1 << random.below(8));
  return new Map([...whole.tiles, [name, hashes]]);
}

test('a tile is given out as it is, at any width that the tree had, and proofs are made from it', async () => {
  const chain = chainOver(whole.tiles);
  for (const name of whole.tiles.keys()) {
    const [level = 0, index = 0] = name.split('/').map(Number);
    for (const width of [1, 100, TILE_WIDTH])
      assert.ok(equalBytes((await chain.nodes(level, index, width)).hashes, whole.tiles.get(name)?.subarray(0, 32 * width) ?? new Uint8Array()), name);
  }
  assert.ok(equalBytes(await new Prover((...at) => chain.nodes(...at)).root(SIZE), rootOf(whole.edge)));
});

test('a bit that has turned over in any tile is noticed in that tile, and in all that is below it', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = new Random(seed);
  for (const name of ['0/0', '0/255', '0/769', '1/0', '1/2']) {
    const [level = 0, index = 0] = name.split('/').map(Number);
    const tiles = flipped(name, random);
    await assert.rejects(chainOver(tiles).nodes(level, index, TILE_WIDTH), { code: 'ROTTEN' }, `${name}, seed ${seed}`);
    await assert.rejects(chainOver(tiles).nodes(level, index, 1), { code: 'ROTTEN' }, `${name}, seed ${seed}`);
    if (level === 0) continue;
    await assert.rejects(chainOver(tiles).nodes(0, TILE_WIDTH * index + 3, TILE_WIDTH), { code: 'ROTTEN' }, `${name}, seed ${seed}`);
  }
  await chainOver(flipped('0/9', random)).nodes(0, 10, TILE_WIDTH);
});

test('a tile that is not there, or cut, is no tile', async () => {
  await assert.rejects(chainOver(new Map()).nodes(0, 0, TILE_WIDTH), { code: 'ROTTEN' });
  const cut = new Map([...whole.tiles, ['0/0', whole.tiles.get('0/0')?.subarray(32) ?? new Uint8Array()]]);
  await assert.rejects(chainOver(cut).nodes(0, 0, TILE_WIDTH), { code: 'ROTTEN' });
});

test('an edge is made of the partial tiles that lead to the root, whichever of the candidates they are', async () => {
  const { edge } = whole;
  const root = rootOf(edge);
  const bad = (level: number): Uint8Array => Uint8Array.from(edge.partials[level] ?? new Uint8Array(), (byte) => byte ^ 1);
  const good = (level: number): Uint8Array => edge.partials[level] ?? new Uint8Array();
  const found = await anchoredEdge({ size: SIZE, root }, async (level) => (level === 1 ? [bad(1), good(1)] : [good(level), bad(level)]));
  assert.deepEqual(found?.partials, edge.partials);
  assert.equal(await anchoredEdge({ size: SIZE, root }, async (level) => [bad(level)]), undefined);
  assert.equal(await anchoredEdge({ size: SIZE, root }, async () => []), undefined);
  assert.equal(await anchoredEdge({ size: SIZE - 1, root }, async (level, _index, width) => [good(level).subarray(0, 32 * width)]), undefined);
  assert.equal(tileWidth(SIZE, 0, Math.floor(SIZE / TILE_WIDTH)), 7);
});
