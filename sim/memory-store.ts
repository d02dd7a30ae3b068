import { ReceiptSyncError, RottenError, StoreFailedError } from '../src/errors.ts';
import { recordedAt, recordedFrom } from '../src/log/entry.ts';
import { type GroupItem, itemAt } from '../src/log/group.ts';
import { readItem } from '../src/log/stored-item.ts';
import type { EvidenceFiles } from '../src/ports/evidence-files.ts';
import { type Changes, type Group, type LogNumber, type LogStore, type NewGroup, OWN_LOG, type Recovered } from '../src/ports/log-store.ts';
import type { KnownReceipt, Place, ReceiptIndex, ReceiptPage, ReceiptQuery, RottenRange, StoredReceipt } from '../src/ports/receipt-index.ts';
import { parseCanonical } from '../src/receipt/canonical.ts';
import { assert } from '../src/std/assert.ts';
import { equalBytes, sha256, toHex, utf8Bytes } from '../src/std/bytes.ts';
import { leafHash } from '../src/tlog/hash.ts';
import { type MemoryDisk, rowKey, tileKey } from './memory-disk.ts';

/** How a disk behaves; the simulator changes it while the store runs. */
export interface DiskWeather {
  /** Resolves when an fsync would have returned; rejects if it fails. Never settles once the machine is off. */
  fsync(): Promise<void>;
  /** A read's way to the platter and back. */
  read(): Promise<void>;
  isFull(): boolean;
  /** Of a write whose fsync failed or never returned: is it there all the same? */
  survives(): boolean;
  /** What a read gives back of bytes that are on the platter. */
  readBack(bytes: Uint8Array): Uint8Array;
}

export const CALM: DiskWeather = {
  fsync: () => Promise.resolve(),
  read: () => Promise.resolve(),
  isFull: () => false,
  survives: () => false,
  readBack: (bytes) => bytes,
};

/** The in-memory engine: the ports' contract, with a crash model. What was not synced is lost, or by chance is not. */
export class MemoryStore implements LogStore, ReceiptIndex {
  readonly #disk: MemoryDisk;
  readonly #weather: DiskWeather;
  #poison: StoreFailedError | undefined;
  #underWay: Changes | undefined;
  #isClosed = false;
  /** What a failed commit has left can be read like everything else, and is gone with the process. */
  #unsure: MemoryDisk | undefined;

  constructor(disk: MemoryDisk, weather: DiskWeather = CALM) {
    if (disk.isOpen) throw new StoreFailedError('The disk is in use', { untilRestart: true });
    disk.isOpen = true;
    this.#disk = disk;
    this.#weather = weather;
  }

  /** After a failed fsync it takes nothing any more. */
  get isPoisoned(): boolean {
    return this.#poison !== undefined;
  }

  /** The power is gone: a commit under way is wholly there or wholly not. */
  crash(): void {
    if (this.#underWay !== undefined && this.#weather.survives()) this.#disk.apply(this.#underWay);
    this.#underWay = undefined;
    this.#isClosed = true;
    this.#disk.isOpen = false;
  }

  async recover(): Promise<Recovered> {
    await this.#reading();
    if (this.#disk.isRottenAtEdge) throw new StoreFailedError('The newest entries of a log are not what was stored', { untilRestart: true });
    const { logs, offsets, parked, cosigned, alarms, storeId } = this.#disk;
    this.#disk.starts += 1;
    return {
      storeId,
      starts: this.#disk.starts,
      forgot: this.#disk.forgot,
      logs: new Map(logs),
      offsets: [...offsets].map(([region, offset]) => ({ region, offset })),
      parked: [...parked.values()],
      cosigned: [...cosigned.values()],
      alarms: [...alarms.values()].sort((a, b) => a.id - b.id),
    };
  }

  async commit(changes: Changes, unlessKnown?: readonly string[]): Promise<readonly (KnownReceipt | undefined)[] | undefined> {
    this.#writing({ evenIfFull: unlessKnown !== undefined });
    if (unlessKnown !== undefined) {
      const known = await this.find(unlessKnown);
      if (known.some((each) => each !== undefined)) return known;
      this.#writing();
    }
    const sizes = new Map(changes.groups.map(({ log }) => [log, this.#disk.size(log)]));
    for (const { log, start, count } of changes.groups) {
      assert(start === sizes.get(log), 'a group starts at the size of its log');
      sizes.set(log, start + count);
    }
    this.#underWay = changes;
    try {
      await this.#weather.fsync();
    } catch (error) {
      if (this.#weather.survives()) this.#disk.apply(changes);
      else {
        this.#unsure = this.#disk.copy();
        this.#unsure.apply(changes);
      }
      this.#underWay = undefined;
      this.#poison = new StoreFailedError('fsync failed', { cause: error, untilRestart: true });
      throw this.#poison;
    }
    // A process without power hears nothing any more: else it would sign what is perhaps not there.
    if (this.#isClosed) return new Promise(() => undefined);
    this.#underWay = undefined;
    this.#disk.apply(changes);
    return undefined;
  }

  async probe(): Promise<void> {
    this.#writing();
    await this.#weather.fsync();
  }

  async entries(log: LogNumber, from: number, bytesMax: number): Promise<readonly Group[]> {
    await this.#reading();
    const wanted = (this.#read.groups.get(log) ?? []).filter((group) => group.start + group.count > from);
    let bytes = 0;
    return wanted
      .filter((group, n) => {
        bytes += group.frame.length;
        return n === 0 || bytes <= bytesMax;
      })
      .map((group) => this.#readBack(group));
  }

  async tile(log: LogNumber, level: number, index: number): Promise<Uint8Array | undefined> {
    await this.#reading();
    const { tiles, rot } = this.#read;
    const key = tileKey(log, level, index);
    const hashes = rot.get(key) ?? tiles.get(key);
    return hashes === undefined ? undefined : this.#weather.readBack(hashes);
  }

  async find(ids: readonly string[]): Promise<readonly (KnownReceipt | undefined)[]> {
    await this.#reading();
    return ids.map((id) => {
      const known = this.#read.index.get(id);
      return known === undefined
        ? undefined
        : { digest: this.#read.rot.get(rowKey(id)) ?? known.digest, places: known.places.map(({ log, index }) => ({ log, index })).sort(inOrder) };
    });
  }

  async get(id: string): Promise<StoredReceipt | undefined> {
    await this.#reading();
    return this.#stored(id);
  }

  async list(query: ReceiptQuery): Promise<ReceiptPage> {
    await this.#reading();
    if (query.after !== undefined && !/^[0-9]{1,15}\.[0-9]{1,5}$/.test(query.after)) throw new ReceiptSyncError('INVALID_QUERY', 'No such cursor');
    const { transactionId, sinceMs = 0, untilMs } = query;
    const { arrivals } = this.#read;
    const receipts: StoredReceipt[] = [];
    const rotten: RottenRange[] = [];
    let at = query.after === undefined ? 0 : Number(query.after.split('.')[0]);
    for (; at < arrivals.length && receipts.length < query.limit; at += 1) {
      const { id = '', log = OWN_LOG, index = 0, recordedAt: recorded = 0n } = arrivals[at] ?? {};
      if (cursorOf(this.#read.index.get(id)) !== `${at + 1}.0` || recorded < recordedFrom(sinceMs)) continue;
      if (untilMs !== undefined && recorded >= recordedFrom(untilMs)) continue;
      const stored = this.#sound(id);
      if (stored === 'rotten') rotten.push({ log, first: index, last: index });
      else if (stored !== undefined && (transactionId === undefined || stored.receipt.transactionId === transactionId)) receipts.push(stored);
    }
    return { receipts, rotten, next: `${at}.0`, atEnd: at >= arrivals.length };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#disk.isOpen = false;
  }

  #sound(id: string): StoredReceipt | 'rotten' | undefined {
    try {
      return this.#stored(id);
    } catch (error) {
      if (error instanceof RottenError) return 'rotten';
      throw error;
    }
  }

  /** As the real store reads it: every copy must be what its entry commits to, and what the index says (`adapters/store-sqlite/reader.ts`). */
  get #read(): MemoryDisk {
    return this.#unsure ?? this.#disk;
  }

  #stored(id: string): StoredReceipt | undefined {
    const known = this.#read.index.get(id);
    const cursor = cursorOf(known);
    if (known === undefined || cursor === undefined) return undefined;
    const digest = this.#read.rot.get(rowKey(id)) ?? known.digest;
    const refused = this.#read.refused.get(id) ?? [];
    for (const place of refused) this.#item(place, { id, digest: place.digest });
    const places = known.places.map((place) => ({ ...place, item: this.#item(place, { id, digest }) })).sort(inOrder);
    const first = places.reduce((least, place) => (place.arrival < least.arrival ? place : least));
    return {
      receipt: parseCanonical(first.item.canonical),
      digest,
      places: places.map(({ log, index, item: { entry } }) => ({ log, index, recordedAt: recordedAt(entry), leaf: leafHash(entry) })),
      recordedAt: recordedAt(first.item.entry),
      cursor,
      refused,
    };
  }

  /** Throws RottenError where it is not the receipt of this id and digest. */
  #item({ log, index }: Place, { id, digest }: { readonly id: string; readonly digest: Uint8Array }): GroupItem {
    const group = this.#read.groupAt(log, index);
    const item = group === undefined ? undefined : itemAt(this.#readBack(group), index - group.start);
    const read = item === undefined ? undefined : readItem(item);
    if (item === undefined || read?.kind !== 'receipt' || read.id !== id || !equalBytes(read.digest, digest))
      throw new RottenError(`The stored copy of this receipt is damaged: entry ${index} of log ${log}`);
    return item;
  }

  #readBack<Read extends NewGroup>(group: Read): Read {
    const before = this.#read.frame(group);
    const frame = this.#weather.readBack(before);
    return frame === group.frame ? group : { ...group, frame };
  }

  #writing({ evenIfFull } = { evenIfFull: false }): void {
    if (this.#isClosed) throw new StoreFailedError('The store is closed', { untilRestart: true });
    if (this.#poison !== undefined) throw this.#poison;
    if (!evenIfFull && this.#weather.isFull()) throw new StoreFailedError('The disk is full: nothing was stored', { untilRestart: false });
  }

  async #reading(): Promise<void> {
    if (this.#isClosed) throw new StoreFailedError('The store is closed', { untilRestart: true });
    await this.#weather.read();
  }
}

/** Evidence on a disk: what was kept is there, whatever happens; what is being kept may not come to be. */
export class MemoryFiles implements EvidenceFiles {
  readonly #disk: MemoryDisk;
  readonly #weather: Pick<DiskWeather, 'isFull'>;

  constructor(disk: MemoryDisk, weather: Pick<DiskWeather, 'isFull'> = CALM) {
    this.#disk = disk;
    this.#weather = weather;
  }

  async keep(text: string): Promise<string> {
    if (this.#weather.isFull()) throw new Error('ENOSPC');
    if (this.#disk.keeping !== undefined) await this.#disk.keeping(this.#disk);
    const name = toHex(sha256(utf8Bytes(text)));
    this.#disk.evidence.set(name, text);
    return name;
  }

  async read(name: string): Promise<string | undefined> {
    return this.#disk.evidence.get(name);
  }
}

/** The place of its first arrival. */
function cursorOf(known: { readonly places: readonly { readonly arrival: number }[] } | undefined): string | undefined {
  return known === undefined ? undefined : `${Math.min(...known.places.map(({ arrival }) => arrival)) + 1}.0`;
}

function inOrder(a: Place, b: Place): number {
  return a.log - b.log || a.index - b.index;
}
