import { ALARMS_KEPT, type AlarmRecord } from '../src/log/alarm.ts';
import { type RecoveredLog, TEXTS_KEPT } from '../src/log/changes.ts';
import { recordedAt } from '../src/log/entry.ts';
import { groupItems } from '../src/log/group.ts';
import { frameLeaves } from '../src/log/growth.ts';
import { unionOf } from '../src/log/refused-lines.ts';
import {
  type Changes,
  type LogNumber,
  type NewGroup,
  OWN_LOG,
  type ParkedReceipt,
  RECEIVED_LOG,
  type RemoteCosigned,
  type TreeGrowth,
} from '../src/ports/log-store.ts';
import type { Place, RefusedEntry } from '../src/ports/receipt-index.ts';
import { receiptIdOf } from '../src/receipt/canonical.ts';
import { assert } from '../src/std/assert.ts';
import { concatBytes, equalBytes } from '../src/std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../src/tlog/edge.ts';
import { TILE_WIDTH } from '../src/tlog/tile.ts';

interface Arrival extends Place {
  readonly id: string;
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
  /** What becomes of a file before it is durable: rejects where it is not written, never settles where the power goes; without it nothing does. */
  keeping: ((disk: MemoryDisk) => Promise<void>) | undefined;
  /** Frames and tiles that are not any more what was written, by `frameKey` and `tileKey`; and digests in rows of the index, by id. */
  readonly rot: Map<string, Uint8Array> = new Map();
  starts = 0;
  forgot: string | undefined;
  /** Transactions that it holds. */
  commits = 0;
  /** Set while a store is open on it: one at a time. */
  isOpen = false;

  constructor(storeId = '00000000000000000000000000000000') {
    this.storeId = storeId;
  }

  /** As it is now, on another disk of the same id. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk(this.storeId);
    for (const [log, groups] of this.groups) copy.groups.set(log, [...groups]);
    for (const [id, { digest, places }] of this.index) copy.index.set(id, { digest, places: [...places] });
    copy.arrivals.push(...this.arrivals);
    fill(copy.refused, this.refused);
    fill(copy.offsets, this.offsets);
    fill(copy.parked, this.parked);
    fill(copy.cosigned, this.cosigned);
    fill(copy.tiles, this.tiles);
    fill(copy.logs, this.logs);
    fill(copy.alarms, this.alarms);
    fill(copy.evidence, this.evidence);
    fill(copy.rot, this.rot);
    Object.assign(copy, { starts: this.starts, forgot: this.forgot, commits: this.commits, keeping: this.keeping });
    return copy;
  }

  size(log: LogNumber): number {
    const last = this.groups.get(log)?.at(-1);
    return last === undefined ? 0 : last.start + last.count;
  }

  /** The group that holds an entry, as it was written. */
  groupAt(log: LogNumber, index: number): NewGroup | undefined {
    const groups = this.groups.get(log) ?? [];
    let [low, high] = [0, groups.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((groups[middle]?.start ?? 0) <= index) low = middle + 1;
      else high = middle;
    }
    const group = groups[low - 1];
    return group !== undefined && index < group.start + group.count ? group : undefined;
  }

  /** A group's frame as it is read now. */
  frame({ log, start, frame }: Pick<NewGroup, 'log' | 'start' | 'frame'>): Uint8Array {
    return this.rot.get(frameKey(log, start)) ?? frame;
  }

  /** Has something rotted that a start has to read: entries of a tile that is not full yet? */
  get isRottenAtEdge(): boolean {
    return [...this.groups].some(([log, groups]) => {
      const { size = 0, edge } = this.logs.get(log) ?? {};
      const from = size - (size % TILE_WIDTH);
      return edge !== undefined && groups.some(({ start, count }) => start + count > from && this.rot.has(frameKey(log, start)));
    });
  }

  /** One transaction, whole. */
  apply(changes: Changes): void {
    this.commits += 1;
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
      this.arrivals.push({ log, index, id, recordedAt: recordedAt(entry) });
    }
  }

  #grow({ log, size, root, tiles }: TreeGrowth): void {
    for (const { level, index, hashes } of tiles) this.tiles.set(tileKey(log, level, index), hashes);
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

/** The name of a group's frame among what has rotted. */
export function frameKey(log: LogNumber, start: number): string {
  return `frame ${log}/${start}`;
}

/** … of a tile. */
export function tileKey(log: LogNumber, level: number, index: number): string {
  return `${log}/${level}/${index}`;
}

/** … and of the digest in a row of the index. */
export function rowKey(id: string): string {
  return `row ${id}`;
}

function fill<Key, Value>(to: Map<Key, Value>, from: ReadonlyMap<Key, Value>): void {
  for (const [key, value] of from) to.set(key, value);
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
