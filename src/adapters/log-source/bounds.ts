import { ENTRY_BYTES_MAX } from '../../log/entry.ts';
import { HASH_BYTES } from '../../tlog/hash.ts';
import { TILE_WIDTH, type TileName } from '../../tlog/tile.ts';

/** A checkpoint with the signatures of 100 regions, and 64 refused lines. */
export const CHECKPOINT_BYTES_MAX: number = 64 * 1024;

/** What a tile or entry bundle takes at most. */
export function bytesMaxOf({ kind }: TileName): number {
  return TILE_WIDTH * (kind === 'tile' ? HASH_BYTES : 2 + ENTRY_BYTES_MAX);
}
