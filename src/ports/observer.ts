import type { AlarmKind } from '../log/alarm.ts';
import type { FailureCode } from '../region/failure.ts';

/** Everything that is worth a log line, a metric or a live event, from one union (CONTRACT §1, §5). */
export type SyncEvent =
  | { readonly kind: 'ready'; readonly region: string }
  | { readonly kind: 'accepted'; readonly receiptId: string; readonly remotes: number; readonly threshold: number }
  | { readonly kind: 'delivered'; readonly receiptId: string; readonly region: string; readonly attempt: number }
  | {
      readonly kind: 'retrying';
      readonly receiptId: string;
      readonly region: string;
      readonly attempt: number;
      readonly retriesMax: number;
      readonly backoffMs: number;
    }
  | {
      readonly kind: 'gave-up';
      readonly receiptId: string;
      readonly region: string;
      readonly reason: 'exhausted' | 'not-retryable' | 'circuit-open';
      readonly retriesMax: number;
      readonly code: FailureCode;
      readonly message: string;
    }
  | { readonly kind: 'refused'; readonly receiptId: string; readonly region: string; readonly code: FailureCode; readonly message: string }
  | { readonly kind: 'quorum'; readonly receiptId: string; readonly weight: number; readonly threshold: number }
  | { readonly kind: 'settled'; readonly receiptId: string; readonly synced: number; readonly total: number; readonly quorum: boolean }
  | { readonly kind: 'verified'; readonly receiptId: string; readonly confirmed: number; readonly total: number; readonly verdict: string }
  | { readonly kind: 'conflict'; readonly receiptId: string; readonly digest: string; readonly offeredDigest: string; readonly from: 'application' | 'peer' }
  /** The second content stands in the log of `region`, at `index`: stored, and refused. */
  | {
      readonly kind: 'conflict';
      readonly receiptId: string;
      readonly digest: string;
      readonly offeredDigest: string;
      readonly from: 'mirror';
      readonly region: string;
      readonly index: number;
    }
  | { readonly kind: 'region-available'; readonly region: string }
  | { readonly kind: 'region-unavailable'; readonly region: string; readonly failureCount: number }
  | { readonly kind: 'circuit'; readonly region: string; readonly state: 'closed' | 'open' | 'half_open' }
  | { readonly kind: 'store-failed'; readonly message: string; readonly untilRestart: boolean }
  | { readonly kind: 'store-recovered' }
  | { readonly kind: 'alarm'; readonly id: string; readonly alarm: AlarmKind; readonly region: string; readonly message: string }
  /** It has ended by itself, or an operator has acknowledged it: then with a reason, which is empty otherwise. */
  | { readonly kind: 'alarm-ended'; readonly id: string; readonly alarm: AlarmKind; readonly region: string; readonly reason: string }
  | { readonly kind: 'resync'; readonly dropped: number }
  | { readonly kind: 'draining' };

/** Told of every event, in order, synchronously: must be quick and must not throw. */
export type Observer = (event: SyncEvent) => void;
