import { ReceiptSyncError, RottenError } from '../errors.ts';
import { entryKind, isEntry, KIND_RECEIPT, recordedAt } from '../log/entry.ts';
import { type GroupItem, wholeItems } from '../log/group.ts';
import { readItem } from '../log/stored-item.ts';
import type { AuditedStore, LogClaim } from '../ports/audited-store.ts';
import { OWN_LOG, RECEIVED_LOG } from '../ports/log-store.ts';
import type { KnownReceipt } from '../ports/receipt-index.ts';
import { equalBytes } from '../std/bytes.ts';
import { HASH_BYTES, leafHash } from '../tlog/hash.ts';
import { TILE_WIDTH, tileWidth } from '../tlog/tile.ts';
import type { Tell } from './finding.ts';
import type { AuditedTree } from './stored-tree.ts';

/** Frames read at once: no commit waits longer than that behind an audit. */
const READ_BYTES = 256 * 1024;

/** How far a walk has come. */
export interface Walked {
  readonly total: number;
  readonly verified: number;
  readonly lastVerifiedAt: bigint | undefined;
}

export interface LogWalkOptions {
  readonly store: AuditedStore;
  readonly region: string;
  readonly claim: LogClaim;
  /** The first entry to look at. */
  readonly first: number;
  readonly tell: Tell;
  readonly rest: () => Promise<void>;
  readonly onEntries: (entries: number) => void;
}

interface Placed {
  readonly index: number;
  readonly item: GroupItem;
  /** Entries of a group of the log without a tree follow each other by 1. */
  readonly isFirstOfGroup: boolean;
}

/** A walk over the entries of one stored log, a tile's width at a time. */
export class LogWalk {
  readonly #options: LogWalkOptions;
  #total = 0;
  #verified = 0;
  #lastVerifiedAt: bigint | undefined;
  #lastRecordedAt: bigint | undefined;

  constructor(options: LogWalkOptions) {
    this.#options = options;
  }

  get walked(): Walked {
    return { total: this.#total, verified: this.#verified, lastVerifiedAt: this.#lastVerifiedAt };
  }

  /** `tree`: what the entries must lead to; `undefined`: nothing does, or there is none. */
  async all(tree: AuditedTree | undefined): Promise<Walked> {
    const { claim, first, rest, onEntries, tell } = this.#options;
    let span: Placed[] = [];
    for await (const placed of this.#entries()) {
      span.push(placed);
      if ((placed.index + 1) % TILE_WIDTH !== 0) continue;
      await this.#span(span, tree);
      span = [];
      onEntries(placed.index + 1 - first);
      await rest();
    }
    await this.#span(span, tree);
    onEntries(claim.size - first);
    if (this.#lastRecordedAt !== undefined && this.#lastRecordedAt !== claim.lastRecordedAt)
      tell('time', 'The time of the last entry is not the one that the store remembers');
    return this.walked;
  }

  /** Entries in order; what is not there, or does not add up, is told of and passed over. */
  async *#entries(): AsyncGenerator<Placed, void, undefined> {
    const { store, claim, first, tell } = this.#options;
    let at = first;
    while (at < claim.size) {
      const groups = await store.entries(claim.log, at, READ_BYTES);
      const next = groups[0]?.start ?? claim.size;
      if (next > at) tell('entry', `Entries ${at} to ${next - 1} are not there`, { index: at });
      at = Math.max(at, next);
      for (const group of groups) {
        if (group.start > at || group.start >= claim.size) break;
        const end = Math.max(at + 1, group.start + group.count);
        const items = wholeItems(group);
        if (items === undefined) tell('entry', `Entries ${group.start} to ${group.start + group.count - 1} are not whole`, { index: group.start });
        for (const [n, item] of (items ?? []).slice(at - group.start).entries())
          yield { index: at + n, item, isFirstOfGroup: at + n === group.start || n === 0 };
        at = end;
      }
    }
  }

  async #span(span: readonly Placed[], tree: AuditedTree | undefined): Promise<void> {
    const [first] = span;
    if (first === undefined) return;
    const hashes = await this.#hashes(Math.floor(first.index / TILE_WIDTH), tree);
    const read = span.map(({ item }) => readItem(item));
    const known = await this.#options.store.find(read.map((each) => (each.kind === 'receipt' ? each.id : '')));
    for (const [n, placed] of span.entries()) {
      const reading = read[n];
      const isTimely = this.#isTimely(placed);
      const isLed = this.#isLed(placed, { tree, hashes });
      if (reading?.kind !== 'receipt') {
        this.#without(placed, reading?.kind === 'unsound' ? reading.problem : undefined);
        continue;
      }
      this.#total += 1;
      const isIndexed = await this.#isIndexed(placed, reading, known[n]);
      if (!isTimely || !isLed || !isIndexed) continue;
      this.#verified += 1;
      this.#lastVerifiedAt = recordedAt(placed.item.entry);
    }
  }

  /** The hashes that the tree has over these entries; `undefined` where nothing leads to them. */
  async #hashes(tile: number, tree: AuditedTree | undefined): Promise<Uint8Array | undefined> {
    const width = tree === undefined ? 0 : tileWidth(tree.size, 0, tile);
    if (tree === undefined || width === 0) return undefined;
    try {
      return (await tree.tiles.nodes(0, tile, width)).hashes;
    } catch (error) {
      if (!(error instanceof RottenError)) throw error;
      this.#options.tell('entry', `Entries ${tile * TILE_WIDTH} to ${tile * TILE_WIDTH + width - 1} can not be told: ${error.message}`, {
        index: tile * TILE_WIDTH,
      });
      return undefined;
    }
  }

  /** Does the entry lead to the root? A log without a tree has none to lead to. */
  #isLed({ index, item }: Placed, { tree, hashes }: { readonly tree: AuditedTree | undefined; readonly hashes: Uint8Array | undefined }): boolean {
    if (this.#options.claim.log === RECEIVED_LOG) return true;
    if (tree === undefined || hashes === undefined) return false;
    const at = (index % TILE_WIDTH) * HASH_BYTES;
    // Beyond the tree: told of as a whole.
    if (at >= hashes.length) return false;
    if (equalBytes(leafHash(item.entry), hashes.subarray(at, at + HASH_BYTES))) return true;
    this.#options.tell('entry', `Entry ${index} does not lead to the root`, { index });
    return false;
  }

  /** `recorded_at` rises strictly; in the log that has no tree by 1 within a group: nothing else vouches for it. */
  #isTimely({ index, item, isFirstOfGroup }: Placed): boolean {
    const { claim, tell } = this.#options;
    if (!isEntry(item.entry)) return false;
    const at = recordedAt(item.entry);
    const before = this.#lastRecordedAt;
    this.#lastRecordedAt = at;
    const mayJump = isFirstOfGroup || claim.log !== RECEIVED_LOG;
    if (before === undefined || (at > before && (mayJump || at === before + 1n))) return true;
    tell('time', `The time of entry ${index} does not follow from the one before it`, { index });
    return false;
  }

  /** An entry without a receipt that can be read. */
  #without({ index, item }: Placed, problem: string | undefined): void {
    const { tell } = this.#options;
    if (problem !== undefined) {
      this.#total += item.canonical.length > 0 ? 1 : 0;
      tell('receipt', `Entry ${index} is ${problem}`, { index });
    } else if (entryKind(item.entry) === KIND_RECEIPT && !this.#isRefused(index)) tell('receipt', `Entry ${index} is without its receipt`, { index });
  }

  /** Does the index know this receipt, by this digest and at this place? */
  async #isIndexed({ index }: Placed, { id, digest }: { readonly id: string; readonly digest: Uint8Array }, known: KnownReceipt | undefined): Promise<boolean> {
    const { claim, tell } = this.#options;
    const bad = (problem: string): false => {
      tell('index', `Entry ${index}: the index of receipts ${problem}`, { index, receiptId: id });
      return false;
    };
    if (this.#isRefused(index)) return (await this.#isKeptAsRefused({ index, id, digest })) ? true : bad('does not have it as refused');
    if (known === undefined) return bad('does not know it');
    if (!equalBytes(known.digest, digest)) return bad('has another digest of it');
    const places = known.places.filter(({ log }) => log === claim.log);
    if (places.some((place) => place.index === index)) return true;
    const [place] = places;
    if (place === undefined) return bad('does not know it in this log');
    return place.index < index && (await this.#holds(place.index, id)) ? true : bad(`has it at ${place.index}`);
  }

  /** What is refused is found by its id all the same. Where the read itself meets something rotten, that is told of elsewhere too. */
  async #isKeptAsRefused({ index, id, digest }: { readonly index: number; readonly id: string; readonly digest: Uint8Array }): Promise<boolean> {
    const { store, claim } = this.#options;
    try {
      const refused = (await store.get(id))?.refused ?? [];
      return refused.some((entry) => entry.log === claim.log && entry.index === index && equalBytes(entry.digest, digest));
    } catch (error) {
      // It may have crossed threads.
      if (!(error instanceof ReceiptSyncError && error.code === 'ROTTEN')) throw error;
      return false;
    }
  }

  /** The same receipt may stand in a log again: its first place is the one that is indexed. */
  async #holds(index: number, id: string): Promise<boolean> {
    const { store, claim } = this.#options;
    const [group] = await store.entries(claim.log, index, 0);
    const item = group === undefined ? undefined : wholeItems(group)?.[index - group.start];
    const read = item === undefined ? undefined : readItem(item);
    return read?.kind === 'receipt' && read.id === id;
  }

  /** Entries of a mirrored log that this region refuses: stored, and not indexed (SPEC §4). */
  #isRefused(index: number): boolean {
    const { claim, region } = this.#options;
    return claim.log !== OWN_LOG && claim.refused.some((range) => range.region === region && range.first <= index && index <= range.last);
  }
}
