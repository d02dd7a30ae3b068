import { append, type Edge, rootOf } from '../tlog/edge.ts';
import { HASH_BYTES, leafHash } from '../tlog/hash.ts';
import type { LogNumber, TreeGrowth } from './changes.ts';
import { groupItems } from './group.ts';

/** The leaf hashes of a frame's entries, `count × 32` bytes. */
export function frameLeaves(frame: Uint8Array, count: number): Uint8Array {
  const leaves = new Uint8Array(count * HASH_BYTES);
  let at = 0;
  for (const { entry } of groupItems(frame)) {
    leaves.set(leafHash(entry), at);
    at += HASH_BYTES;
  }
  return leaves;
}

/** A tree after a turn. */
export interface GrownTree {
  readonly edge: Edge;
  readonly growth: TreeGrowth;
}

/** A log's tree with these leaves appended: what the store keeps of it, and the edge that the next turn goes on from. */
export function growTree(log: LogNumber, edge: Edge, leaves: Uint8Array): GrownTree {
  const grown = append(edge, leaves);
  return { edge: grown.edge, growth: { log, size: grown.edge.size, root: rootOf(grown.edge), tiles: grown.tiles } };
}
