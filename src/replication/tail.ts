import { recordedAt } from '../log/entry.ts';
import { groupItems } from '../log/group.ts';
import { type LogStore, OWN_LOG } from '../ports/log-store.ts';
import type { Parcel } from '../ports/peer.ts';
import { parseCanonical, receiptDigest } from '../receipt/canonical.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { receiptJson } from '../receipt/wire.ts';
import { assert } from '../std/assert.ts';

/** Receipts of the own log kept in memory for the links: those just committed are sent without being read back. Half a second of the busiest. */
const RECENT_RECEIPTS_MAX = 8_192;
/** JSON bytes of one request: a peer listener takes 4 MiB (CONTRACT §4), and the estimate is generous. */
const REQUEST_BYTES_MAX = 3 * 1024 * 1024;
/** Bytes asked of the store at once when a link is behind. */
const READ_BYTES_MAX = 1024 * 1024;

/** Reads the own log as parcels: the newest from memory, older ones from the store. */
export class Tail {
  readonly #store: LogStore;
  /** Index of `#recent[0]`. */
  #start = 0;
  #recent: Parcel[] = [];
  /** The last stretch read from the store: links behind read it in order. */
  #stretch: { readonly start: number; readonly parcels: readonly Parcel[] } = { start: 0, parcels: [] };

  constructor(store: LogStore, size: number) {
    this.#store = store;
    this.#start = size;
  }

  /** Keeps what was just committed at `start`, the end of what was there before. */
  append(start: number, receipts: readonly { readonly receipt: Receipt; readonly digest: Uint8Array }[]): void {
    assert(start === this.#start + this.#recent.length, 'the tail has no holes');
    for (const { receipt, digest } of receipts) this.#recent.push(new SealedParcel(receipt, digest));
    // Trimmed by halves, so that the copying costs little per receipt.
    const over = this.#recent.length - RECENT_RECEIPTS_MAX;
    if (over <= 0) return;
    const dropped = over + RECENT_RECEIPTS_MAX / 2;
    this.#recent = this.#recent.slice(dropped);
    this.#start += dropped;
  }

  /** The parcels at these indexes, ascending and all below the own log's size: as many of the first ones as fit one request. */
  async parcels(indexes: readonly number[]): Promise<readonly Parcel[]> {
    const parcels: Parcel[] = [];
    let bytes = 0;
    for (const index of indexes) {
      const parcel = this.#known(index) ?? (await this.#readFrom(index));
      if (parcel === undefined) break;
      bytes += jsonBytesAtMost(parcel);
      if (bytes > REQUEST_BYTES_MAX && parcels.length > 0) break;
      parcels.push(parcel);
    }
    return parcels;
  }

  /** `recorded_at` of an own entry, or `undefined` beyond the end. */
  async recordedAt(index: number): Promise<bigint | undefined> {
    for (const group of await this.#store.entries(OWN_LOG, index, 0)) {
      let at = group.start;
      for (const item of groupItems(group.frame)) {
        if (at === index) return recordedAt(item.entry);
        at += 1;
      }
    }
    return undefined;
  }

  #known(index: number): Parcel | undefined {
    return this.#recent[index - this.#start] ?? this.#stretch.parcels[index - this.#stretch.start];
  }

  async #readFrom(index: number): Promise<Parcel | undefined> {
    const groups = await this.#store.entries(OWN_LOG, index, READ_BYTES_MAX);
    const start = groups[0]?.start ?? index;
    const parcels = groups.flatMap((group) => [...groupItems(group.frame)].map(({ canonical }) => parcelOf(canonical)));
    this.#stretch = { start, parcels };
    return parcels[index - start];
  }
}

/** What a receipt can take as JSON: six bytes a character where all are escaped, two a byte of the hash, and the rest. */
function jsonBytesAtMost({ receipt }: Parcel): number {
  return 6 * (receipt.receiptId.length + receipt.transactionId.length) + 2 * receipt.hash.length + 256;
}

function parcelOf(canonical: Uint8Array): Parcel {
  return new SealedParcel(parseCanonical(canonical), receiptDigest(canonical));
}

/** A parcel whose JSON is made when the first link sends it, and kept for the others. */
class SealedParcel implements Parcel {
  readonly receipt: Receipt;
  readonly digest: Uint8Array;
  #json: string | undefined;

  constructor(receipt: Receipt, digest: Uint8Array) {
    this.receipt = receipt;
    this.digest = digest;
  }

  get json(): string {
    this.#json ??= receiptJson(this.receipt);
    return this.#json;
  }
}
