import { ReceiptSyncError, StoreFailedError } from '../src/errors.ts';
import { ALARMS_KEPT, type AlarmRecord } from '../src/log/alarm.ts';
import { type RecoveredLog, TEXTS_KEPT } from '../src/log/changes.ts';
import { recordedAt, recordedFrom } from '../src/log/entry.ts';
import { groupItems } from '../src/log/group.ts';
import { frameLeaves } from '../src/log/growth.ts';
import { unionOf } from '../src/log/refused-lines.ts';
import type { EvidenceFiles } from '../src/ports/evidence-files.ts';
import {
  type Changes,
  type Group,
  type LogNumber,
  type LogStore,
  type NewGroup,
  OWN_LOG,
  type ParkedReceipt,
  RECEIVED_LOG,
  type Recovered,
  type RemoteCosigned,
  type TreeGrowth,
} from '../src/ports/log-store.ts';
import type { KnownReceipt, Place, ReceiptIndex, ReceiptPage, ReceiptQuery, RefusedEntry, StoredReceipt } from '../src/ports/receipt-index.ts';
import { parseCanonical, receiptDigest, receiptIdOf } from '../src/receipt/canonical.ts';
import { assert } from '../src/std/assert.ts';
import { concatBytes, equalBytes, sha256, toHex, utf8Bytes } from '../src/std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../src/tlog/edge.ts';
import { leafHash } from '../src/tlog/hash.ts';

interface Arrival extends Place {
  readonly canonical: Uint8Array;
  readonly entry: Uint8Array;
  readonly recordedAt: bigint;
}

interface Indexed {
  readonly digest: Uint8Array;
  readonly places: (Place & { readonly arrival: number })[];
}

/** What is on stable storage: outlives every store that is opened on it. */
export class MemoryDisk {
  readonly storeId: string;
  readonly groups: Map<LogNumber, NewGroup[]> = new Map();
  readonly index: Map<string, Indexed> = new Map();
  /** By id. */
  readonly refused: Map<string, readonly RefusedEntry[]> = new Map();
  readonly arrivals: Arrival[] = [];
  readonly offsets: Map<string, number> = new Map();
  readonly parked: Map<string, ParkedReceipt> = new Map();
  readonly cosigned: Map<string, RemoteCosigned> = new Map();
  readonly tiles: Map<string, Uint8Array> = new Map();
  readonly logs: Map<LogNumber, RecoveredLog> = new Map();
  readonly alarms: Map<number, AlarmRecord> = new Map();
  /** What is kept in `evidence/`, by name. */
  readonly evidence: Map<string, string> = new Map();
  starts = 0;
  forgot: string | undefined;
  /** Set while a store is open on it: one at a time. */
  isOpen = false;

  constructor(storeId = '00000000000000000000000000000000') {
    this.storeId = storeId;
  }

  size(log: LogNumber): number {
    const last = this.groups.get(log)?.at(-1);
    return last === undefined ? 0 : last.start + last.count;
  }

  /** One transaction, whole. */
  apply(changes: Changes): void {
    for (const { log, origin } of changes.mirrored) this.logs.set(log, { ...EMPTY_LOG, origin, edge: EMPTY_EDGE });
    for (const group of changes.groups) this.#append(group);
    for (const growth of changes.trees) this.#grow(growth);
    for (const text of changes.texts) this.#change(text.log, ({ texts }) => ({ texts: [...texts, text].slice(-TEXTS_KEPT) }));
    for (const { log, ...range } of changes.refusals) this.#change(log, ({ refused }) => ({ refused: unionOf([...refused, range]) }));
    for (const note of changes.notes)
      this.#change(note.log, ({ certified }) => ({ certified: certified !== undefined && certified.size > note.size ? certified : note }));
    for (const range of changes.joined) this.#change(OWN_LOG, ({ joined }) => ({ joined: [...joined, range] }));
    for (const text of changes.kept)
      this.#change(text.log, ({ kept }) => ({ kept: [...kept.filter(({ slot }) => slot !== text.slot), text].sort((a, b) => a.slot - b.slot) }));
    for (const cosigned of changes.cosigned) this.cosigned.set(cosigned.region, cosigned);
    for (const reason of changes.forgot) this.forgot = reason;
    for (const alarm of changes.alarms) this.alarms.set(alarm.id, alarm);
    const oldest = Math.max(0, ...this.alarms.keys()) - ALARMS_KEPT;
    for (const { id, acknowledged } of this.alarms.values()) if (id <= oldest && acknowledged !== undefined) this.alarms.delete(id);
    for (const { region, offset } of changes.offsets) this.offsets.set(region, offset);
    for (const parked of changes.parked) this.parked.set(`${parked.region}/${parked.index}`, parked);
  }

  #append(group: NewGroup): void {
    const { log, start, frame, digests } = group;
    const groups = this.groups.get(log) ?? [];
    this.groups.set(log, groups);
    groups.push(group);
    const lastRecordedAt = recordedAt([...groupItems(frame)].at(-1)?.entry ?? new Uint8Array(10));
    this.#change(log, () => ({ size: start + group.count, lastRecordedAt }));
    for (const [n, { entry, canonical }] of [...groupItems(frame)].entries()) {
      if (canonical.length === 0) {
        this.#change(log, ({ others }) => ({ others: others + 1 }));
        continue;
      }
      const [id, index, digest] = [receiptIdOf(canonical), start + n, digests.subarray(32 * n, 32 * n + 32)];
      if (group.refused.includes(n)) {
        this.refused.set(id, [...(this.refused.get(id) ?? []), { log, index, digest }]);
        continue;
      }
      const known = this.index.get(id) ?? { digest, places: [] };
      this.index.set(id, known);
      assert(group.again.includes(n) === known.places.some((place) => place.log === log), 'a log holds a receipt once, or says that it is again');
      known.places.push({ log, index, arrival: this.arrivals.length });
      this.arrivals.push({ log, index, canonical, entry, recordedAt: recordedAt(entry) });
    }
  }

  #grow({ log, size, root, tiles }: TreeGrowth): void {
    for (const { level, index, hashes } of tiles) this.tiles.set(`${log}/${level}/${index}`, hashes);
    this.#change(log, ({ edge = EMPTY_EDGE }) => {
      const grown = (this.groups.get(log) ?? []).filter(({ start, count }) => start >= edge.size && start + count <= size);
      const next = append(edge, concatBytes(grown.map(({ frame, count }) => frameLeaves(frame, count)))).edge;
      assert(equalBytes(rootOf(next), root), 'a root is that of its entries');
      return { edge: next };
    });
  }

  #change(log: LogNumber, change: (before: RecoveredLog) => Partial<RecoveredLog>): void {
    const before = this.logs.get(log) ?? { ...EMPTY_LOG, edge: log === RECEIVED_LOG ? undefined : EMPTY_EDGE };
    this.logs.set(log, { ...before, ...change(before) });
  }
}

const EMPTY_LOG: RecoveredLog = {
  size: 0,
  lastRecordedAt: 0n,
  origin: undefined,
  edge: undefined,
  texts: [],
  others: 0,
  refused: [],
  joined: [],
  certified: undefined,
  kept: [],
};

/** How a disk behaves; the simulator changes it while the store runs. */
export interface DiskWeather {
  /** Resolves when an fsync would have returned; rejects if it fails. Never settles once the machine is off. */
  fsync(): Promise<void>;
  /** A read's way to the platter and back. */
  read(): Promise<void>;
  isFull(): boolean;
  /** Of a write whose fsync failed or never returned: is it there all the same? */
  survives(): boolean;
}

export const CALM: DiskWeather = { fsync: () => Promise.resolve(), read: () => Promise.resolve(), isFull: () => false, survives: () => false };

/** The in-memory engine: the ports' contract, with a crash model. What was not synced is lost, or by chance is not. */
export class MemoryStore implements LogStore, ReceiptIndex {
  readonly #disk: MemoryDisk;
  readonly #weather: DiskWeather;
  #poison: StoreFailedError | undefined;
  #underWay: Changes | undefined;
  #isClosed = false;

  constructor(disk: MemoryDisk, weather: DiskWeather = CALM) {
    if (disk.isOpen) throw new StoreFailedError('The disk is in use', { untilRestart: true });
    disk.isOpen = true;
    this.#disk = disk;
    this.#weather = weather;
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
    const wanted = (this.#disk.groups.get(log) ?? []).filter((group) => group.start + group.count > from);
    let bytes = 0;
    return wanted.filter((group, n) => {
      bytes += group.frame.length;
      return n === 0 || bytes <= bytesMax;
    });
  }

  async tile(log: LogNumber, level: number, index: number): Promise<Uint8Array | undefined> {
    await this.#reading();
    return this.#disk.tiles.get(`${log}/${level}/${index}`);
  }

  async find(ids: readonly string[]): Promise<readonly (KnownReceipt | undefined)[]> {
    await this.#reading();
    return ids.map((id) => {
      const known = this.#disk.index.get(id);
      return known === undefined ? undefined : { digest: known.digest, places: known.places.map(({ log, index }) => ({ log, index })).sort(inOrder) };
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
    const { arrivals } = this.#disk;
    const receipts: StoredReceipt[] = [];
    let at = query.after === undefined ? 0 : Number(query.after.split('.')[0]);
    for (; at < arrivals.length && receipts.length < query.limit; at += 1) {
      const { canonical = new Uint8Array(), recordedAt: recorded = 0n } = arrivals[at] ?? {};
      const stored = this.#stored(receiptIdOf(canonical));
      if (stored?.cursor !== `${at + 1}.0` || recorded < recordedFrom(sinceMs)) continue;
      if (untilMs !== undefined && recorded >= recordedFrom(untilMs)) continue;
      if (transactionId === undefined || stored.receipt.transactionId === transactionId) receipts.push(stored);
    }
    return { receipts, rotten: [], next: `${at}.0`, atEnd: at >= arrivals.length };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#disk.isOpen = false;
  }

  #stored(id: string): StoredReceipt | undefined {
    const known = this.#disk.index.get(id);
    const first = this.#disk.arrivals[Math.min(...(known?.places ?? []).map(({ arrival }) => arrival))];
    if (known === undefined || first === undefined) return undefined;
    const places = known.places
      .map(({ log, index, arrival }) => {
        const { recordedAt: at = 0n, entry = new Uint8Array() } = this.#disk.arrivals[arrival] ?? {};
        return { log, index, recordedAt: at, leaf: leafHash(entry) };
      })
      .sort(inOrder);
    const cursor = `${Math.min(...known.places.map(({ arrival }) => arrival)) + 1}.0`;
    return {
      receipt: parseCanonical(first.canonical),
      digest: receiptDigest(first.canonical),
      places,
      recordedAt: first.recordedAt,
      cursor,
      refused: this.#disk.refused.get(id) ?? [],
    };
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

/** Evidence on a disk: what was kept is there, whatever happens. */
export class MemoryFiles implements EvidenceFiles {
  readonly #disk: MemoryDisk;

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
  }

  async keep(text: string): Promise<string> {
    const name = toHex(sha256(utf8Bytes(text)));
    this.#disk.evidence.set(name, text);
    return name;
  }

  async read(name: string): Promise<string | undefined> {
    return this.#disk.evidence.get(name);
  }
}

function inOrder(a: Place, b: Place): number {
  return a.log - b.log || a.index - b.index;
}
