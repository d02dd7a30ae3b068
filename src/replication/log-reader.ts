import { groupItems } from '../log/group.ts';
import type { LogHead } from '../log/heads.ts';
import type { LogNumber, LogStore } from '../ports/log-store.ts';
import { assert } from '../std/assert.ts';
import { concatBytes } from '../std/bytes.ts';
import { HASH_BYTES } from '../tlog/hash.ts';
import { Prover } from '../tlog/prover.ts';
import { TILE_WIDTH, type TileName, tileWidth } from '../tlog/tile.ts';

/** An entry with what is stored beside it. */
export interface ReadEntry {
  readonly entry: Uint8Array;
  readonly canonical: Uint8Array;
  readonly salt: Uint8Array;
}

/** Reads one log of this region, its own or one that it mirrors: tiles, entries, proofs. Only what is durable. */
export class LogReader {
  readonly prover: Prover;
  readonly #store: LogStore;
  readonly #log: LogNumber;
  readonly #head: () => LogHead;

  constructor(store: LogStore, log: LogNumber, head: () => LogHead) {
    this.#store = store;
    this.#log = log;
    this.#head = head;
    this.prover = new Prover(async (level, index, width) => {
      const hashes = await this.#hashes(level, index);
      assert(hashes !== undefined && hashes.length >= width * HASH_BYTES, 'a tile of the tree is there');
      return hashes;
    });
  }

  /** The bytes of a tile or entry bundle (C2SP tlog-tiles); `undefined` where the tree has no such one yet. */
  async resource({ kind, level, index, width }: TileName): Promise<Uint8Array | undefined> {
    const there = tileWidth(this.#head().size, level, index);
    if (there < width) return undefined;
    if (kind === 'entries') return this.#bundle(index * TILE_WIDTH, width);
    return (await this.#hashes(level, index))?.subarray(0, width * HASH_BYTES);
  }

  /** One entry, or `undefined` beyond the end. */
  async entry(index: number): Promise<ReadEntry | undefined> {
    for (const { start, frame } of await this.#store.entries(this.#log, index, 0)) {
      let at = start;
      for (const item of groupItems(frame)) {
        if (at === index) return item;
        at += 1;
      }
    }
    return undefined;
  }

  /** A full tile from the store, else the partial one at the edge. */
  async #hashes(level: number, index: number): Promise<Uint8Array | undefined> {
    const { size, edge } = this.#head();
    if (tileWidth(size, level, index) < TILE_WIDTH) return edge?.partials[level];
    return this.#store.tile(this.#log, level, index);
  }

  /** `count × lp16 entry`. */
  async #bundle(first: number, count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let at = first;
    while (at < first + count) {
      const groups = await this.#store.entries(this.#log, at, 256 * 1024);
      assert(groups.length > 0, 'the entries of a tile are there');
      for (const group of groups) {
        let index = group.start;
        for (const { entry } of groupItems(group.frame)) {
          if (index >= at && index < first + count) parts.push(Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry);
          index += 1;
        }
        at = Math.max(at, index);
      }
    }
    return concatBytes(parts);
  }
}
