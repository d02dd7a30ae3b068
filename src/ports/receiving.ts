import type { LogNumber } from '../log/changes.ts';
import type { LogText } from '../log/log-text.ts';
import type { MirrorWord } from '../log/mirror-answer.ts';
import type { Receipt } from '../receipt/receipt.ts';
import type { Note } from '../tlog/note.ts';
import type { TileName } from '../tlog/tile.ts';
import type { MirrorHeaders, Shown } from './peer.ts';
import type { StoredReceipt } from './receipt-index.ts';

/** What a region answers to a receipt that came by the plain protocol; `acknowledged` only after an fsync covers it. */
export type ReceiveAnswer =
  | { readonly kind: 'acknowledged'; readonly digest: Uint8Array; readonly duplicate: boolean }
  | { readonly kind: 'conflict'; readonly held: Uint8Array; readonly offered: Uint8Array }
  | { readonly kind: 'overloaded'; readonly retryAfterMs: number }
  | { readonly kind: 'store-failed'; readonly message: string }
  | { readonly kind: 'closed' };

/** Whose batch it is, once its checkpoint's signature has been checked. */
export interface BatchOrigin {
  readonly region: string;
  readonly note: Note;
  readonly text: LogText;
}

/** What a mirror answers to a batch (SPEC §3.2). */
export type MirrorAnswer =
  | MirrorWord
  | { readonly kind: 'size'; readonly size: number }
  /** 403 a signature, 404 the origin, 422 what the batch says, 503 a region that signs nothing. */
  | { readonly kind: 'rejected'; readonly status: 403 | 404 | 422 | 503; readonly reason: string }
  | { readonly kind: 'overloaded'; readonly retryAfterMs: number }
  | { readonly kind: 'store-failed'; readonly message: string }
  | { readonly kind: 'closed' };

/** The logs that this region serves (SPEC §2, "Read API"). */
export interface ServedLog {
  /** A note: signed by its origin, cosigned by this region; `undefined` while there is none. */
  checkpoint(): string | undefined;
  resource(name: TileName): Promise<Uint8Array | undefined>;
}

/** The side of a region that the peer listener speaks to. */
export interface Receiving {
  readonly regionId: string;
  /** One answer per receipt, in order; never rejects. */
  receive(receipts: readonly Receipt[]): Promise<readonly ReceiveAnswer[]>;
  getStored(receiptId: string): Promise<StoredReceipt | undefined>;
  /** Checks a batch's checkpoint before the rest is read (SPEC §3.2 a); a rejection is the answer. */
  admitBatch(checkpoint: Uint8Array): BatchOrigin | (MirrorAnswer & { readonly kind: 'rejected' });
  /** Takes a whole batch of an origin that was admitted; never rejects. */
  receiveBatch(origin: BatchOrigin, bytes: Uint8Array, headers: Partial<MirrorHeaders>): Promise<MirrorAnswer>;
  /** The region whose log is mirrored under this number. */
  originOf(log: LogNumber): string | undefined;
  /** The own log, or that of an origin line's SHA-256 in hex. */
  servedLog(originHash: string | undefined): ServedLog | undefined;
  /** What other regions compare with what they have (SPEC §3.2). */
  shown(): Shown;
  /** Store writable, recovered, not draining: local only. */
  isReady(): boolean;
}
