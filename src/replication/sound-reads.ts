import { RottenError } from '../errors.ts';
import type { LogNumber } from '../ports/log-store.ts';
import type { ReceiptIndex, ReceiptPage, ReceiptQuery, RottenRange, StoredReceipt } from '../ports/receipt-index.ts';
import { isRotten, type LogReaders, type Rotten } from './rotten.ts';

/** Receipts fetched at once when somebody iterates over all. */
const PAGE_RECEIPTS = 500;

/**
 * Receipts as they are served: the store has checked content, digest and commitment, here each entry is checked against the tree whose root
 * this region signs. A tile is checked once and then kept, so a page costs a comparison a receipt. What has rotted is not given out.
 */
export class SoundReads implements Pick<ReceiptIndex, 'get' | 'list'> {
  readonly #index: ReceiptIndex;
  readonly #readers: LogReaders;
  readonly #rotten: Rotten;
  readonly #durable: (log: LogNumber) => number;

  /** `durable`: entries of a log below this are on stable storage; a store whose commit failed may still show what it left (law 1). */
  constructor(parts: { readonly index: ReceiptIndex; readonly readers: LogReaders; readonly rotten: Rotten; readonly durable: (log: LogNumber) => number }) {
    this.#index = parts.index;
    this.#readers = parts.readers;
    this.#rotten = parts.rotten;
    this.#durable = parts.durable;
  }

  /** Rejects with RottenError where a copy is not what was stored. */
  get(receiptId: string): Promise<StoredReceipt | undefined> {
    return this.#rotten.during(async () => {
      const stored = this.#durablePart(await this.#index.get(receiptId));
      if (stored !== undefined) await this.#check(stored);
      return stored;
    });
  }

  /** A page without what has rotted, which it names. */
  async list(query: ReceiptQuery): Promise<ReceiptPage> {
    const page = await this.#index.list(query);
    for (const { log, first, last } of page.rotten) this.#rotten.tell(`Entries ${first} to ${last} of log ${log} are not what was stored`);
    const receipts: StoredReceipt[] = [];
    const rotten: RottenRange[] = [...page.rotten];
    for (const stored of page.receipts.flatMap((each) => this.#durablePart(each) ?? [])) {
      try {
        await this.#rotten.during(() => this.#check(stored));
        receipts.push(stored);
      } catch (error) {
        if (!isRotten(error)) throw error;
        const [place] = stored.places;
        if (place !== undefined) rotten.push({ log: place.log, first: place.index, last: place.index });
      }
    }
    return { ...page, receipts, rotten };
  }

  /** All receipts in order of arrival, after a cursor; ends with the last one, with RottenError where some were left out. */
  async *all(after: string | undefined): AsyncGenerator<StoredReceipt, void, undefined> {
    let cursor = after;
    let rotten = 0;
    for (let isMore = true; isMore; ) {
      const page = await this.list({ limit: PAGE_RECEIPTS, after: cursor });
      yield* page.receipts;
      rotten += page.rotten.length;
      isMore = !page.atEnd;
      cursor = page.next;
    }
    if (rotten > 0) throw new RottenError('Some of what is stored here has rotted, and was left out: look with receipts verify-chain');
  }

  /** Without the places that are not durable; `undefined` where all are so. */
  #durablePart(stored: StoredReceipt | undefined): StoredReceipt | undefined {
    const places = stored?.places.filter(({ log, index }) => index < this.#durable(log)) ?? [];
    if (stored === undefined || places.length === stored.places.length) return stored;
    return places.length === 0 ? undefined : { ...stored, places };
  }

  async #check({ places }: StoredReceipt): Promise<void> {
    for (const { log, index, leaf } of places) await this.#readers.of(log).checkLeaf(index, leaf);
  }
}
