import type { ReceiptIndex, ReceiptQuery, RottenRange, StoredReceipt } from '../ports/receipt-index.ts';
import type { Standing, StandingState } from './standing.ts';

/** Receipts of one page of the store, where their state decides which of them are wanted. */
const STORE_PAGE_RECEIPTS = 1_000;
/** Pages of the store that one answer may cost, a few ms each. Beyond, it is short and says where to go on. */
const STORE_PAGES_MAX = 256;

/** What is looked for; every condition that is there must hold. */
export interface ListQuery extends ReceiptQuery {
  readonly state?: StandingState | undefined;
}

/** A receipt and how it stands. */
export interface Listed {
  readonly stored: StoredReceipt;
  readonly standing: Standing;
}

/** Receipts in order of arrival. `next` is absent at the end of what there is now. */
export interface ListPage {
  readonly receipts: readonly Listed[];
  /** What was left out because it has rotted; a range may come again with the next page. */
  readonly rotten: readonly RottenRange[];
  readonly next: string | undefined;
}

/** Looks until the page is full or the store is at its end. The store works in small bites, so that commits go on between them. */
export async function list(
  parts: { readonly index: Pick<ReceiptIndex, 'list'>; readonly standingOf: (stored: StoredReceipt) => Standing },
  query: ListQuery,
): Promise<ListPage> {
  const { state, limit, ...wanted } = query;
  const receipts: Listed[] = [];
  const rotten: RottenRange[] = [];
  let after = query.after;
  for (let pages = 0; pages < STORE_PAGES_MAX; pages += 1) {
    const room = limit - receipts.length;
    const page = await parts.index.list({ ...wanted, after, limit: state === undefined ? room : STORE_PAGE_RECEIPTS });
    const listed = page.receipts.map((stored): Listed => ({ stored, standing: parts.standingOf(stored) }));
    const fitting = listed.filter(({ standing }) => state === undefined || standing.state === state);
    receipts.push(...fitting.slice(0, room));
    rotten.push(...page.rotten);
    if (fitting.length > room) return { receipts, rotten, next: receipts.at(-1)?.stored.cursor };
    if (page.atEnd) return { receipts, rotten, next: undefined };
    after = page.next;
    if (receipts.length === limit) break;
  }
  return { receipts, rotten, next: after };
}
