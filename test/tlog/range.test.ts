import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { equalBytes } from '../../src/std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { leafHash, nodeHash } from '../../src/tlog/hash.ts';
import { largestPower } from '../../src/tlog/proof.ts';
import { besideRange, LeafRange } from '../../src/tlog/range.ts';

const SIZE_MAX = 40;
const LEAVES = Array.from({ length: SIZE_MAX }, (_, n) => leafHash(Buffer.from(`entry ${n}`)));

/** MTH straight from RFC 6962 §2.1. */
function mth(start: number, end: number): Uint8Array {
  if (end - start === 1) return LEAVES[start] ?? new Uint8Array();
  const split = start + largestPower(end - start - 1);
  return nodeHash(mth(start, split), mth(split, end));
}

function rootOfRange(first: number, leaves: readonly Uint8Array[], size: number, beside: readonly Uint8Array[]): Uint8Array | undefined {
  const range = new LeafRange(first);
  for (const leaf of leaves) range.add(leaf);
  return range.root(size, beside);
}

test('every range of every tree leads to its root, with a few hashes beside it', () => {
  for (let size = 1; size <= SIZE_MAX; size += 1) {
    const { edge } = append(EMPTY_EDGE, Buffer.concat(LEAVES.slice(0, size)));
    for (let first = 0; first < size; first += 1) {
      for (let end = first + 1; end <= size; end += 1) {
        const beside = besideRange({ first, end }, size).map((subtree) => mth(subtree.start, subtree.end));
        assert.ok(beside.length <= 2 * Math.ceil(Math.log2(size + 1)));
        assert.ok(equalBytes(rootOfRange(first, LEAVES.slice(first, end), size, beside) ?? new Uint8Array(), rootOf(edge)), `${first}-${end} of ${size}`);
      }
    }
  }
});

test('a leaf dropped, doubled, swapped or moved, and a hash more or less, leads to another root or to none', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: SIZE_MAX }), fc.nat(), fc.nat(), fc.nat(), (size, a, b, c) => {
      const first = a % size;
      const end = first + 1 + (b % (size - first));
      const beside = besideRange({ first, end }, size).map((subtree) => mth(subtree.start, subtree.end));
      const root = mth(0, size);
      const leaves = LEAVES.slice(first, end);
      const at = c % leaves.length;
      const isIt = (other: readonly Uint8Array[], from: number, hashes: readonly Uint8Array[], of = size): boolean =>
        equalBytes(rootOfRange(from, other, of, hashes) ?? new Uint8Array(), root);
      assert.ok(isIt(leaves, first, beside));
      assert.ok(!isIt(leaves.toSpliced(at, 1), first, beside));
      assert.ok(!isIt(leaves.toSpliced(at, 0, leaves[at] ?? new Uint8Array()), first, beside));
      if (at > 0) assert.ok(!isIt(leaves.with(at, leaves[at - 1] ?? new Uint8Array()).with(at - 1, leaves[at] ?? new Uint8Array()), first, beside));
      if (first > 0) assert.ok(!isIt(leaves, first - 1, beside));
      assert.ok(!isIt(leaves, first, [...beside, root]));
      if (beside.length > 0) assert.ok(!isIt(leaves, first, beside.slice(1)));
      assert.ok(!isIt([], first, beside));
    }),
    { numRuns: 2_000 },
  );
});
