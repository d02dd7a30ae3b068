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
  if (!areHashes([oldRoot, newRoot, ...path])) return false;
  // Where the old tree is one perfect subtree, its root is the first node, and the proof leaves it out.
  const isPerfect = oldSize === largestPower(oldSize);
  const [first, ...rest] = isPerfect ? [oldRoot, ...path] : path;
  return first !== undefined && leadsToBoth({ oldSize, oldRoot, newSize, newRoot, path: rest }, first);
}

function leadsToBoth({ oldSize, oldRoot, newSize, newRoot, path }: ConsistencyProof, first: Uint8Array): boolean {
  let node = oldSize - 1;
  let last = newSize - 1;
  while (node % 2 === 1) {
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  let oldReached = first;
  let newReached = first;
  for (const sibling of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      oldReached = nodeHash(sibling, oldReached);
      newReached = nodeHash(sibling, newReached);
      while (node % 2 === 0 && node !== 0) {
        node = Math.floor(node / 2);
        last = Math.floor(last / 2);
      }
    } else newReached = nodeHash(newReached, sibling);
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(oldReached, oldRoot) && equalBytes(newReached, newRoot);
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
