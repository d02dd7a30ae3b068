import { isEntry, recordedAt } from '../log/entry.ts';
import { wholeItems } from '../log/group.ts';
import { readItem } from '../log/stored-item.ts';
import { type Group, type LogStore, OWN_LOG } from '../ports/log-store.ts';
import type { Parcel } from '../ports/peer.ts';
import { parseCanonical } from '../receipt/canonical.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { receiptJson } from '../receipt/wire.ts';
import { assert } from '../std/assert.ts';
import { toHex } from '../std/bytes.ts';
import type { Rotten } from './rotten.ts';

/** Receipts of the own log kept in memory for the links: those just committed are sent without being read back. Half a second of the busiest. */
const RECENT_RECEIPTS_MAX = 8_192;
/** JSON bytes of one request: a peer listener takes 4 MiB (CONTRACT §4). A UTF-16 unit is at most three bytes of UTF-8. */
const REQUEST_BYTES_MAX = 4 * 1024 * 1024;
/** What the envelope adds to a receipt: its time, and a region's name of at most 128 bytes. */
const ENVELOPE_BYTES = 256;
/** Bytes asked of the store at once when a link is behind. */
const READ_BYTES_MAX = 1024 * 1024;

/** An own entry that carries no receipt: evidence, or one whose content is gone. Nothing that a plain remote is owed (SPEC §3.1). */
export const NO_RECEIPT = 'no receipt';
/** An own entry whose receipt is not what was stored: it is not sent. */
export const ROTTEN_RECEIPT = 'rotten';

/** What stands at one place of the own log. */
export type TailItem = Parcel | typeof NO_RECEIPT | typeof ROTTEN_RECEIPT;

/** Reads the own log as parcels: the newest from memory, older ones from the store. */
export class Tail {
  readonly #store: LogStore;
  readonly #rotten: Rotten;
  /** Index of `#recent[0]`. */
  #start = 0;
  #recent: TailItem[] = [];
  /** The last stretch read from the store: links behind read it in order. */
  #stretch: { readonly start: number; readonly parcels: readonly TailItem[] } = { start: 0, parcels: [] };

  constructor({ store, rotten }: { readonly store: LogStore; readonly rotten: Rotten }, size: number) {
    this.#store = store;
    this.#rotten = rotten;
    this.#start = size;
  }

  /** Keeps what was just committed from `start`, the end of what was there before: receipts, and then entries that are none. */
  append(
    { start, end }: { readonly start: number; readonly end: number },
    receipts: readonly { readonly receipt: Receipt; readonly digest: Uint8Array }[],
  ): void {
    assert(start === this.#start + this.#recent.length, 'the tail has no holes');
    for (const { receipt, digest } of receipts) this.#recent.push(parcelOf(receipt, digest));
    while (this.#start + this.#recent.length < end) this.#recent.push(NO_RECEIPT);
    // Trimmed by halves, so that the copying costs little per receipt.
    const over = this.#recent.length - RECENT_RECEIPTS_MAX;
    if (over <= 0) return;
    const dropped = over + RECENT_RECEIPTS_MAX / 2;
    this.#recent = this.#recent.slice(dropped);
    this.#start += dropped;
  }

  /** The parcels at these indexes, ascending and all below the own log's size: as many of the first ones as fit one request. */
  async parcels(indexes: readonly number[]): Promise<readonly TailItem[]> {
    const parcels: TailItem[] = [];
    let bytes = 0;
    let isReadAgain = false;
    for (const index of indexes) {
      let parcel = this.#known(index) ?? (await this.#readFrom(index));
      // A disk may give it back another time (seed 5147): it is asked once a request.
      if (parcel === ROTTEN_RECEIPT && !isReadAgain) {
        isReadAgain = true;
        parcel = await this.#readFrom(index);
      }
      if (parcel === undefined) break;
      bytes += typeof parcel === 'string' ? 0 : 3 * parcel.json.length + ENVELOPE_BYTES;
      if (bytes > REQUEST_BYTES_MAX && parcels.length > 0) break;
      parcels.push(parcel);
    }
    return parcels;
  }

  /** `recorded_at` of an own entry, or `undefined` beyond the end, and where it has rotted. */
  async recordedAt(index: number): Promise<bigint | undefined> {
    for (const group of await this.#store.entries(OWN_LOG, index, 0)) {
      const entry = wholeItems(group)?.[index - group.start]?.entry;
      if (entry !== undefined && isEntry(entry)) return recordedAt(entry);
    }
    return undefined;
  }

  #known(index: number): TailItem | undefined {
    return this.#recent[index - this.#start] ?? this.#stretch.parcels[index - this.#stretch.start];
  }

  async #readFrom(index: number): Promise<TailItem | undefined> {
    const groups = await this.#store.entries(OWN_LOG, index, READ_BYTES_MAX);
    const start = groups[0]?.start ?? index;
    const parcels = groups.flatMap((group) => this.#itemsOf(group));
    this.#stretch = { start, parcels };
    return parcels[index - start];
  }

  /** Each checked against its entry's commitment: a plain remote has nothing to check it by. */
  #itemsOf(group: Group): readonly TailItem[] {
    const items = wholeItems(group) ?? Array.from({ length: group.count }, () => undefined);
    return items.map((item, n) => {
      const read = item === undefined ? undefined : readItem(item);
      if (read?.kind === 'bare') return NO_RECEIPT;
      if (item !== undefined && read?.kind === 'receipt') return parcelOf(parseCanonical(item.canonical), read.digest);
      this.#rotten.tell(`Entry ${group.start + n} of the own log is not what was stored`);
      return ROTTEN_RECEIPT;
    });
  }
}

function parcelOf(receipt: Receipt, digest: Uint8Array): Parcel {
  return { receiptId: receipt.receiptId, json: receiptJson(receipt), digest: toHex(digest) };
}
