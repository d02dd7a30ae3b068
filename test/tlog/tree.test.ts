import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../src/std/bytes.ts';
import { append, type Edge, EMPTY_EDGE, type FullTile, rootOf } from '../../src/tlog/edge.ts';
import { EMPTY_ROOT, leafHash, nodeHash } from '../../src/tlog/hash.ts';
import { largestPower, verifyConsistency, verifyInclusion } from '../../src/tlog/proof.ts';
import { Prover } from '../../src/tlog/prover.ts';
import { parseTilePath, TILE_WIDTH, TileNodes, tilePath, tileWidth } from '../../src/tlog/tile.ts';
import { proofCases, vector, vectorFiles, vectorText } from './vectors.ts';

function leavesOf(count: number): Uint8Array {
  const leaves = new Uint8Array(32 * count);
  for (let n = 0; n < count; n += 1) leaves.set(leafHash(Buffer.from(`entry ${n}`)), 32 * n);
  return leaves;
}

/** MTH straight from RFC 6962 §2.1. */
function naiveRoot(leaves: Uint8Array): Uint8Array {
  const count = leaves.length / 32;
  if (count === 0) return EMPTY_ROOT;
  if (count === 1) return leaves;
  const split = largestPower(count - 1) * 32;
  return nodeHash(naiveRoot(leaves.subarray(0, split)), naiveRoot(leaves.subarray(split)));
}

interface Tree {
  readonly edge: Edge;
  readonly tiles: ReadonlyMap<string, FullTile>;
}

function grow(leaves: Uint8Array, ...cuts: readonly number[]): Tree {
  let edge = EMPTY_EDGE;
  const tiles = new Map<string, FullTile>();
  const ends = [...cuts, leaves.length / 32].sort((a, b) => a - b);
  for (const end of ends) {
    const grown = append(edge, leaves.subarray(32 * edge.size, 32 * end));
    edge = grown.edge;
    for (const tile of grown.tiles) tiles.set(`${tile.level}/${tile.index}`, tile);
  }
  return { edge, tiles };
}

function proverOf({ edge, tiles }: Tree): Prover {
  const known = new Map<string, TileNodes>();
  return new Prover(async (level, index, width) => {
    const name = `${level}/${index}/${width}`;
    const hashes = tiles.get(`${level}/${index}`)?.hashes ?? edge.partials[level] ?? new Uint8Array();
    const nodes = known.get(name) ?? new TileNodes(hashes.subarray(0, 32 * width));
    known.set(name, nodes);
    return nodes;
  });
}

for (const kind of ['inclusion', 'consistency'] as const) {
  test(`every ${kind} proof of transparency-dev/merkle verifies or is refused as it should be`, () => {
    const cases = proofCases(`rfc6962-${kind}.json`);
    assert.equal(cases.length, 98);
    for (const { case: name, wantErr, numbers, hashes, proof } of cases) {
      const first = Number(numbers[kind === 'inclusion' ? 'leafIdx' : 'size1']);
      const second = Number(numbers[kind === 'inclusion' ? 'treeSize' : 'size2']);
      const none = new Uint8Array();
      const verified =
        kind === 'inclusion'
          ? verifyInclusion({ index: first, size: second, leaf: hashes['leafHash'] ?? none, path: proof }, hashes['root'] ?? none)
          : verifyConsistency({ oldSize: first, newSize: second, oldRoot: hashes['root1'] ?? none, newRoot: hashes['root2'] ?? none, path: proof });
      assert.equal(verified, !wantErr, name);
    }
  });
}

for (const name of ['log-1', 'log-256', 'log-257', 'log-600'] as const) {
  test(`${name} of another implementation has our tiles and our root`, async () => {
    const [, size = '', root = ''] = vectorText(name, 'checkpoint').split('\n');
    const entries: Uint8Array[] = [];
    const bundles = vectorFiles(name, 'tile', 'entries').toSorted();
    for (const file of bundles.filter((path) => !path.includes('.p/') || Number(size) % TILE_WIDTH === Number(path.split('/').at(-1)))) {
      const bundle = vector(name, 'tile', 'entries', file);
      for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at)) entries.push(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)));
    }
    assert.equal(entries.length, Number(size));
    const tree = grow(Buffer.concat(entries.map(leafHash)), 7, 300);
    assert.equal(Buffer.from(rootOf(tree.edge)).toString('base64'), root);
    for (const file of vectorFiles(name, 'tile').filter((path) => !path.startsWith('entries'))) {
      const tile = parseTilePath(`tile/${file}`);
      assert.ok(tile !== undefined, file);
      const ours = tree.tiles.get(`${tile.level}/${tile.index}`)?.hashes ?? tree.edge.partials[tile.level] ?? new Uint8Array();
      assert.equal(toHex(ours.subarray(0, 32 * tile.width)), toHex(vector(name, 'tile', file)), file);
    }
    const [, oldSize = '', oldRoot = ''] = name === 'log-1' ? ['', '1', root] : vectorText(name, 'checkpoint.old').split('\n');
    const path = await proverOf(tree).consistency(Number(oldSize), Number(size));
    const grown = { oldSize: Number(oldSize), oldRoot: Buffer.from(oldRoot, 'base64'), newSize: Number(size), newRoot: rootOf(tree.edge), path };
    assert.equal(verifyConsistency(grown), true);
  });
}

test('appending in any pieces gives the root of RFC 6962 at every size, the same tiles, and changes nothing that was there', () => {
  const leaves = leavesOf(700);
  fc.assert(
    fc.property(fc.nat(700), fc.array(fc.nat(700), { maxLength: 5 }), (size, cuts) => {
      const part = leaves.subarray(0, 32 * size);
      const tree = grow(part, ...cuts.filter((cut) => cut <= size));
      assert.equal(toHex(rootOf(tree.edge)), toHex(naiveRoot(part)));
      assert.equal([...tree.tiles.values()].filter(({ level }) => level === 0).length, Math.floor(size / 256));
      assert.equal(tree.edge.partials[0]?.length ?? 0, 32 * (size % 256));
      const before = toHex(rootOf(tree.edge));
      append(tree.edge, leaves.subarray(0, 32 * 300));
      assert.equal(toHex(rootOf(tree.edge)), before);
    }),
    { numRuns: 60 },
  );
});

test('proofs made from tiles verify for every leaf and size, and for no other leaf, size or root', async () => {
  const leaves = leavesOf(66_000);
  const tree = grow(leaves);
  const prover = proverOf(tree);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 66_000 }), fc.nat(), fc.nat(), async (size, a, b) => {
      const index = a % size;
      const older = 1 + (b % size);
      const root = await prover.root(size);
      const leaf = leaves.subarray(32 * index, 32 * index + 32);
      const path = await prover.inclusion(index, size);
      assert.equal(verifyInclusion({ index, size, leaf, path }, root), true);
      assert.equal(verifyInclusion({ index: (index + 1) % size, size, leaf, path }, root), size === 1);
      // Another size of the same shape to the right of the leaf has a path of the same hashes; the root tells them apart.
      assert.equal(verifyInclusion({ index, size, leaf, path: path.slice(1) }, root), size === 1);
      assert.equal(verifyInclusion({ index, size, leaf, path: [...path, leaf] }, root), false);
      assert.deepEqual(await prover.leaf(index, size), new Uint8Array(leaf));
      const proof = { oldSize: older, oldRoot: await prover.root(older), newSize: size, newRoot: root, path: await prover.consistency(older, size) };
      assert.equal(verifyConsistency(proof), true);
      assert.equal(verifyConsistency({ ...proof, oldRoot: Buffer.alloc(32, 7) }), false);
      assert.equal(verifyConsistency({ ...proof, path: [...proof.path, leaf] }), false);
    }),
    { numRuns: 150 },
  );
});

test('a tile path is read only as it is written', () => {
  assert.equal(tilePath({ kind: 'tile', level: 1, index: 1_234_067, width: 256 }), 'tile/1/x001/x234/067');
  assert.equal(tilePath({ kind: 'entries', level: 0, index: 0, width: 17 }), 'tile/entries/000.p/17');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 63 }), fc.maxSafeNat(), fc.integer({ min: 1, max: 256 }), (level, index, width) => {
      assert.deepEqual(parseTilePath(tilePath({ kind: 'tile', level, index, width })), { kind: 'tile', level, index, width });
    }),
  );
  const bad = [
    'tile/0/1',
    'tile/00/000',
    'tile/64/000',
    'tile/0/x000/001',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/001/002',
    'tile/0/000/',
  ];
  for (const path of [...bad, 'tile/entries/0000', 'tile/-1/000', 'tile/0/x999/x999/x999/x999/x999/999', '../tile/0/000', ''])
    assert.equal(parseTilePath(path), undefined, path);
});

test('a tree of 70,000 has the tiles that C2SP says', () => {
  assert.deepEqual(
    [
      tileWidth(70_000, 0, 272),
      tileWidth(70_000, 0, 273),
      tileWidth(70_000, 0, 274),
      tileWidth(70_000, 1, 0),
      tileWidth(70_000, 1, 1),
      tileWidth(70_000, 2, 0),
    ],
    [256, 112, 0, 256, 17, 1],
  );
});
