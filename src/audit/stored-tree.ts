import { ReceiptSyncError } from '../errors.ts';
import { wholeItems } from '../log/group.ts';
import { parseLogText } from '../log/log-text.ts';
import type { AuditedStore, LogClaim } from '../ports/audited-store.ts';
import { concatBytes, equalBytes } from '../std/bytes.ts';
import type { ChainedTiles } from '../tlog/chained-tiles.ts';
import type { Edge } from '../tlog/edge.ts';
import { leafHash } from '../tlog/hash.ts';
import { parseNote } from '../tlog/note.ts';
import { Prover } from '../tlog/prover.ts';
import { TILE_WIDTH } from '../tlog/tile.ts';
import type { Tell } from './finding.ts';
import { anchor, chained, type Head, type TreeSource } from './tree.ts';

/** Frames read at once. */
const READ_BYTES = 1024 * 1024;

/** A stored log's tree as far as something leads to its root. */
export interface AuditedTree {
  /** Entries below are led to by `tiles`. */
  readonly size: number;
  readonly tiles: ChainedTiles;
  readonly prover: Prover;
}

/**
 * The tree of a stored log. Of a running region its edge is known; else it is looked for: at the size that the store says, and where nothing leads
 * to that root, at the largest signed checkpoint that something leads to, so that one rotten entry at the end does not take all the others with it.
 */
export async function auditedTree(
  { store, claim, edge: known }: { readonly store: AuditedStore; readonly claim: LogClaim; readonly edge: Edge | undefined },
  tell: Tell,
): Promise<AuditedTree | undefined> {
  const source = storedSource(store, claim.log);
  const edge = known ?? (await found(source, claim, tell));
  if (edge === undefined) return undefined;
  const tiles = chained(source, edge, (problem) => tell('tile', problem));
  const prover = new Prover((level, index, width) => tiles.nodes(level, index, width));
  if (known !== undefined && claim.root !== undefined && claim.size <= known.size && !equalBytes(await prover.root(claim.size), claim.root))
    tell('root', `The stored root at size ${claim.size} is not that of the entries`);
  return { size: edge.size, tiles, prover };
}

async function found(source: TreeSource, claim: LogClaim, tell: Tell): Promise<Edge | undefined> {
  const { size, root } = claim;
  const edge = root === undefined ? undefined : await anchor(source, { size, root });
  if (edge !== undefined || (root === undefined && size === 0)) return edge;
  tell('root', `The entries and tiles do not lead to the stored root at size ${size}`);
  for (const head of signedHeads(claim)) {
    const older = await anchor(source, head);
    if (older === undefined) continue;
    if (older.size < size) tell('entry', `Entries ${older.size} to ${size - 1} can not be told: what is signed over the others ends before them`);
    return older;
  }
  return undefined;
}

/** Sizes and roots of the checkpoints that are kept of a log, largest first. Whether the signatures verify is looked at elsewhere. */
function signedHeads({ certified, texts, size: stored }: LogClaim): readonly Head[] {
  const notes = [...texts.map(({ note }) => note), ...(certified === undefined ? [] : [certified.note])];
  return notes
    .flatMap((note) => {
      try {
        return [parseLogText(parseNote(note).text)];
      } catch (error) {
        if (error instanceof ReceiptSyncError) return [];
        throw error;
      }
    })
    .filter(({ size }) => size > 0 && size <= stored)
    .toSorted((a, b) => b.size - a.size);
}

function storedSource(store: AuditedStore, log: LogClaim['log']): TreeSource {
  return {
    tile: async (level, index, width) => (width === TILE_WIDTH ? store.tile(log, level, index) : undefined),
    leaves: async (first, count) => {
      const leaves: Uint8Array[] = [];
      while (leaves.length < count) {
        const from = first + leaves.length;
        const groups = await store.entries(log, from, READ_BYTES);
        const [group] = groups;
        const items = group === undefined ? undefined : wholeItems(group)?.slice(from - group.start);
        if (group === undefined || items === undefined || group.start > from || items.length === 0) return undefined;
        for (const { entry } of items.slice(0, count - leaves.length)) leaves.push(leafHash(entry));
      }
      return concatBytes(leaves);
    },
  };
}
