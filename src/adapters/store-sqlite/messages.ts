import type { ConfigIssue, ErrorCode } from '../../errors.ts';
import type { LogNumber } from '../../ports/log-store.ts';
import type { ReceiptQuery } from '../../ports/receipt-index.ts';

/** What the main thread asks of the worker, one variant per method of the ports. */
export type Question =
  | { readonly op: 'recover' | 'probe' | 'last-arrival' | 'claims' | 'structure' | 'close' }
  | { readonly op: 'newest'; readonly count: number }
  | { readonly op: 'commit' /** By `v8.serialize`. */; readonly changes: Uint8Array; readonly unlessKnown: string | undefined }
  | { readonly op: 'entries'; readonly log: LogNumber; readonly from: number; readonly bytesMax: number }
  | { readonly op: 'tile'; readonly log: LogNumber; readonly level: number; readonly index: number }
  | { readonly op: 'arrivals'; readonly afterSeq: number; readonly bytesMax: number }
  /** Ids hold no control characters (SPEC §1): one text is copied between threads far quicker than many. */
  | { readonly op: 'find'; readonly lines: string }
  | { readonly op: 'get'; readonly receiptId: string }
  | { readonly op: 'list'; readonly query: ReceiptQuery };

export type Call = Question & { readonly id: number };

/** An error in a form that crosses threads. */
export type Refusal =
  | { readonly kind: 'store-failed'; readonly message: string; readonly untilRestart: boolean }
  | { readonly kind: 'invalid-config'; readonly issues: readonly ConfigIssue[] }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

/** Id 0 is the answer to the opening itself. */
export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly refusal: Refusal };
