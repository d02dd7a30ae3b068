import type { KnownReceipt, LogNumber, Place, RefusedEntry } from '../log/changes.ts';
import type { Receipt } from '../receipt/receipt.ts';

export type { KnownReceipt, Place, RefusedEntry } from '../log/changes.ts';

/** A place of a receipt, with what its entry there says. */
export interface StoredPlace extends Place {
  readonly recordedAt: bigint;
  /** The hash of its entry: what the log's tree must have at this place. 32 bytes. */
  readonly leaf: Uint8Array;
}

/** Entries `first` to `last` (included) of a log that are not what was stored. */
export interface RottenRange {
  readonly log: LogNumber;
  readonly first: number;
  readonly last: number;
}

/** A receipt with what this region knows of it. */
export interface StoredReceipt {
  readonly receipt: Receipt;
  readonly digest: Uint8Array;
  readonly places: readonly StoredPlace[];
  /** Other contents under this id that stand in mirrored logs, and that this region refuses (SPEC §4). */
  readonly refused: readonly RefusedEntry[];
  /** Of the entry that came first: never another one later. */
  readonly recordedAt: bigint;
  /** Its place in the order of arrival here: what `ReceiptQuery.after` takes. */
  readonly cursor: string;
}

/** One page in order of arrival. `after` is a cursor from `next`; absent: from the beginning. Every condition that is there must hold. */
export interface ReceiptQuery {
  readonly after?: string | undefined;
  /** 1..1,000. */
  readonly limit: number;
  readonly transactionId?: string | undefined;
  /** Unix ms: recorded here (by the first arrival) at this time or later. */
  readonly sinceMs?: number | undefined;
  /** Unix ms: recorded here before this time. */
  readonly untilMs?: number | undefined;
}

export interface ReceiptPage {
  readonly receipts: readonly StoredReceipt[];
  /** What was left out because it has rotted, whatever was asked for: nobody can say what it was. */
  readonly rotten: readonly RottenRange[];
  /** Where to go on; also at the end, so that a follower can wait for more. */
  readonly next: string;
  /** False: the search stopped at the limit, or at the work it does in one go, and more may follow `next`. */
  readonly atEnd: boolean;
}

/** Look-ups by id and in order of arrival. Sees exactly what `commit` has made durable. */
export interface ReceiptIndex {
  /** One answer per id, in the order asked. */
  find(ids: readonly string[]): Promise<readonly (KnownReceipt | undefined)[]>;
  /** The whole receipt, its digest recomputed from the stored content, each copy checked against its entry. Rejects with RottenError where one differs. */
  get(id: string): Promise<StoredReceipt | undefined>;
  list(query: ReceiptQuery): Promise<ReceiptPage>;
}
