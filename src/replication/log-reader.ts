import { RottenError } from '../errors.ts';
import { type GroupItem, itemAt, wholeItems } from '../log/group.ts';
import type { LogHead } from '../log/heads.ts';
import type { LogNumber, LogStore } from '../ports/log-store.ts';
import { concatBytes, equalBytes } from '../std/bytes.ts';
import { ChainedTiles } from '../tlog/chained-tiles.ts';
import { EMPTY_EDGE } from '../tlog/edge.ts';
import { HASH_BYTES, leafHash } from '../tlog/hash.ts';
import { Prover } from '../tlog/prover.ts';
import { TILE_WIDTH, type TileName, type TileNodes, tileWidth } from '../tlog/tile.ts';
import type { Rotten } from './rotten.ts';

/** Frames read at once for an entry bundle. */
const READ_BYTES = 256 * 1024;

/**
 * Reads one log of this region, its own or one that it mirrors: tiles, entries, proofs. Only what is durable, and only what leads to the
 * root that this region signs: the right edge was checked against the stored root at the start, and everything read from the store is
 * checked against that edge. Rejects with RottenError for what does not.
 */
export class LogReader {
  readonly prover: Prover;
  readonly #store: LogStore;
  readonly #log: LogNumber;
  readonly #head: () => LogHead;
  readonly #tiles: ChainedTiles;

  constructor({ store, rotten }: { readonly store: LogStore; readonly rotten: Rotten }, log: LogNumber, head: () => LogHead) {
    this.#store = store;
    this.#log = log;
    this.#head = head;
    this.#tiles = new ChainedTiles(
      () => head().edge ?? EMPTY_EDGE,
      (level, index) => store.tile(log, level, index),
    );
    // Told of here: a proof that can't be made may be no more than a question left open to whoever asked (`claims.ts`).
    this.prover = new Prover((level, index, width) => rotten.during(() => this.#tiles.nodes(level, index, width)));
  }

  /** The bytes of a tile or entry bundle (C2SP tlog-tiles); `undefined` where the tree has no such one yet. */
  async resource({ kind, level, index, width }: TileName): Promise<Uint8Array | undefined> {
    if (tileWidth(this.#head().size, level, index) < width) return undefined;
    const nodes = await this.#tiles.nodes(level, index, width);
    return kind === 'entries' ? this.#bundle(index, nodes, width) : nodes.hashes;
  }

  /** One entry with what is stored beside it, or `undefined` beyond the end. */
  async entry(index: number): Promise<GroupItem | undefined> {
    if (index >= this.#head().size) return undefined;
    const [group] = await this.#store.entries(this.#log, index, 0);
    const item = (group === undefined ? undefined : itemAt(group, index - group.start)) ?? this.#gap(index);
    await this.checkLeaf(index, leafHash(item.entry));
    return item;
  }

  /** Entries `first` to `end` (not included) in order, each checked. */
  async *entries(first: number, end: number): AsyncGenerator<{ readonly at: number; readonly item: GroupItem }, void, undefined> {
    if (first >= end) return;
    for await (const read of this.#items(first)) {
      await this.checkLeaf(read.at, leafHash(read.item.entry));
      yield read;
      if (read.at === end - 1) return;
    }
  }

  /** Is this the hash of the entry there? Rejects with RottenError if not. Of an entry that this region has just begun to hold nothing is known yet. */
  async checkLeaf(index: number, leaf: Uint8Array): Promise<void> {
    const { size, edge } = this.#head();
    if (index >= size || edge === undefined) return;
    const tile = Math.floor(index / TILE_WIDTH);
    const nodes = await this.#tiles.nodes(0, tile, tileWidth(size, 0, tile));
    if (!equalBytes(leaf, nodes.node(0, index % TILE_WIDTH) ?? new Uint8Array()))
      throw new RottenError(`Entry ${index} of log ${this.#log} does not lead to the root`);
  }

  /** `count × lp16 entry`. */
  async #bundle(index: number, nodes: TileNodes, width: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    const leaves: Uint8Array[] = [];
    for await (const { item } of this.#items(index * TILE_WIDTH)) {
      const { entry } = item;
      parts.push(Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry);
      leaves.push(leafHash(entry));
      if (leaves.length === width) break;
    }
    if (!equalBytes(concatBytes(leaves), nodes.hashes.subarray(0, width * HASH_BYTES)))
      throw new RottenError(`The entries of log ${this.#log} from ${index * TILE_WIDTH} on do not lead to the root`);
    return concatBytes(parts);
  }

  /** Entries from `first` on as they lie in the store. Rejects with RottenError where they do not add up. */
  async *#items(first: number): AsyncGenerator<{ readonly at: number; readonly item: GroupItem }, void, undefined> {
    for (let from = first; ; ) {
      const groups = await this.#store.entries(this.#log, from, first === from ? 0 : READ_BYTES);
      if (groups.length === 0) this.#gap(from);
      for (const group of groups) {
        for (const item of (wholeItems(group) ?? this.#gap(from)).slice(Math.max(0, from - group.start))) {
          yield { at: from, item };
          from += 1;
        }
      }
    }
  }

  #gap(at: number): never {
    throw new RottenError(`The entries of log ${this.#log} from ${at} on are not whole`);
  }
}
