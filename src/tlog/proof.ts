import { equalBytes } from '../std/bytes.ts';
import { HASH_BYTES, nodeHash, SIZE_MAX } from './hash.ts';

/** A leaf's way to the root, from its sibling up (RFC 6962 §2.1.1). */
export interface InclusionProof {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/**
 * The root that a leaf at `index` leads to by `path` in a tree of `size` leaves, or `undefined` where index, size and path can't
 * belong together: the length of the path is exactly that of RFC 6962 §2.1.1, and all its hashes have 32 bytes.
 */
export function inclusionRoot({ index, size, leaf, path }: InclusionProof): Uint8Array | undefined {
  if (!isCount(size) || !isCount(index) || index >= size || !areHashes([leaf, ...path])) return undefined;
  let node = index;
  let last = size - 1;
  let root = leaf;
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      root = nodeHash(sibling, root);
      // Where the last node of a row has no sibling it rises as it is.
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else root = nodeHash(root, sibling);
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? root : undefined;
}

/** Does the path lead from this leaf to this root? */
export function verifyInclusion(proof: InclusionProof, root: Uint8Array): boolean {
  const reached = inclusionRoot(proof);
  return reached !== undefined && equalBytes(reached, root);
}

/** Two trees, the one grown from the other (RFC 6962 §2.1.2). */
export interface ConsistencyProof {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly newSize: number;
  readonly newRoot: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/**
 * Is the newer tree the older one with leaves appended? Strict: the path has exactly the length of RFC 6962 §2.1.2. From a tree
 * without leaves there is nothing to prove, and so no proof: refused.
 */
export function verifyConsistency({ oldSize, oldRoot, newSize, newRoot, path }: ConsistencyProof): boolean {
  if (!isCount(oldSize) || !isCount(newSize) || oldSize === 0 || oldSize > newSize) return false;
  if (oldSize === newSize) return path.length === 0 && equalBytes(oldRoot, newRoot);
  // Where the old tree is one perfect subtree, its root is the first node, and the proof leaves it out.
  const isPerfect = oldSize === largestPower(oldSize);
  const reached = prefixRoots({ oldSize, newSize, path: isPerfect ? [oldRoot, ...path] : path });
  return reached !== undefined && equalBytes(reached.oldRoot, oldRoot) && equalBytes(reached.newRoot, newRoot);
}

/** The roots of one tree at two of its sizes. */
export interface PrefixRoots {
  readonly oldRoot: Uint8Array;
  readonly newRoot: Uint8Array;
}

/**
 * The roots that a path leads to: `SUBPROOF(oldSize, D[newSize], false)` of RFC 6962 §2.1.2, so a consistency proof that names its
 * first node also where that is the older tree's root. If `newRoot` is the root of some tree of `newSize` leaves, `oldRoot` is the
 * root of its first `oldSize` ones: hashes can't be found that lead to the one and to another of the other. `undefined` where sizes
 * (0 < old < new) and length do not belong together.
 */
export function prefixRoots({ oldSize, newSize, path }: Pick<ConsistencyProof, 'oldSize' | 'newSize' | 'path'>): PrefixRoots | undefined {
  if (!isCount(oldSize) || !isCount(newSize) || oldSize === 0 || oldSize >= newSize || !areHashes(path)) return undefined;
  const [first, ...rest] = path;
  if (first === undefined) return undefined;
  let node = oldSize - 1;
  let last = newSize - 1;
  while (node % 2 === 1) {
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  let oldRoot = first;
  let newRoot = first;
  for (const sibling of rest) {
    if (last === 0) return undefined;
    if (node % 2 === 1 || node === last) {
      oldRoot = nodeHash(sibling, oldRoot);
      newRoot = nodeHash(sibling, newRoot);
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else newRoot = nodeHash(newRoot, sibling);
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? { oldRoot, newRoot } : undefined;
}

/** The largest power of two that is at most `count` (≥ 1). */
export function largestPower(count: number): number {
  let power = 1;
  while (power * 2 <= count) power *= 2;
  return power;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= SIZE_MAX;
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((hash) => hash.length === HASH_BYTES);
}
