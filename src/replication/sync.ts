import { ClosedError, OverloadedError, ReceiptConflictError, ReceiptSyncError } from '../errors.ts';
import type { ReceiptJob } from '../log/decide.ts';
import type { Clock } from '../ports/clock.ts';
import type { Observer } from '../ports/observer.ts';
import type { Place } from '../ports/receipt-index.ts';
import type { Roster } from '../quorum/roster.ts';
import { canonicalBytes, receiptDigest } from '../receipt/canonical.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { QuorumNotReachedError } from '../region/quorum-error.ts';
import type { SyncError, SyncOutcome, SyncResult } from '../region/sync-result.ts';
import { toHex } from '../std/bytes.ts';
import type { Committer } from './commit.ts';
import type { RegionLink } from './link.ts';
import type { Sync, WaitFor, WaitingRoom } from './waiting-room.ts';

/** Callers that may wait at once. More are told to come back: their receipts would be safe, their memory not. */
const CALLERS_MAX = 65_536;
const OVERLOAD_RETRY_AFTER_MS = 1_000;

/** How a caller wants to wait; without `deadlineMs` as long as attempts are made. */
export interface SyncOptions {
  readonly waitFor: WaitFor;
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
}

/** What a sync works with. */
export interface SyncParts {
  readonly committer: Committer;
  readonly room: WaitingRoom;
  readonly links: readonly RegionLink[];
  readonly roster: Roster;
  readonly clock: Clock;
  readonly observe: Observer;
  readonly syncEnabled: boolean;
  /** Callers that may wait, where it is not the usual number. */
  readonly callersMax?: number | undefined;
  readonly isDraining: () => boolean;
  /** The certificate of an own receipt, once there is one, wherever it stands by then. */
  readonly certificate: (entry: { readonly index: number; readonly receiptId: string }) => Promise<string>;
  /** Who has signed for an entry that this region holds a certificate of, and that certificate. */
  readonly certified: (receiptId: string, place: Place) => CertifiedEntry;
}

/** An entry of whatever log that is certified. */
export interface CertifiedEntry {
  readonly by: ReadonlySet<string>;
  certificate(): Promise<string>;
}

type Admitted =
  | { readonly kind: 'own'; readonly sync: Sync; readonly duplicate: boolean }
  /** Nothing was stored: another region's log holds it, certified. */
  | { readonly kind: 'certified'; readonly place: Place };

/**
 * The story of one receipt (DESIGN §4): stored durably here, rung on every link, awaited as the caller wishes. Throws
 * ReceiptConflictError for a second content, StoreFailedError, OverloadedError, ClosedError; rejects with the signal's reason if
 * that fires. Nothing that the networks do throws.
 */
export async function syncReceipt(parts: SyncParts, receipt: Receipt, options: SyncOptions): Promise<SyncResult> {
  options.signal?.throwIfAborted();
  if (parts.isDraining()) throw new ClosedError();
  if (parts.room.waiters >= (parts.callersMax ?? CALLERS_MAX)) throw new OverloadedError('Too many callers wait for a quorum', OVERLOAD_RETRY_AFTER_MS);
  const canonical = canonicalBytes(receipt);
  const job: ReceiptJob = { from: 'application', receiptId: receipt.receiptId, receipt, canonical, digest: receiptDigest(canonical) };
  const admitted = await orAborted(commitAndRing(parts, job), options.signal);
  if (admitted.kind === 'certified') return certifiedResult(parts, job, admitted.place);
  const { sync, duplicate } = admitted;
  if (parts.syncEnabled) await awaitSync(parts, sync, options);
  return resultOf(parts, sync, { digest: toHex(job.digest), duplicate });
}

/** What a call is told of a receipt that is certified in another region's log: a duplicate that has its quorum (SPEC §4). */
export function certifiedResult(parts: SyncParts, known: { readonly receiptId: string; readonly digest: Uint8Array }, place: Place): SyncResult {
  const { roster, certified } = parts;
  const { by, certificate } = certified(known.receiptId, place);
  const synced = roster.remotes.filter(({ regionId }) => by.has(regionId));
  return {
    receiptId: known.receiptId,
    outcome: 'quorum',
    quorumAchieved: true,
    // This region holds it, and does not refuse it: it counts whoever else has signed.
    syncedRegions: synced.length + 1,
    totalRegions: roster.remotes.length + 1,
    weight: synced.reduce((sum, { weight }) => sum + weight, roster.localWeight),
    threshold: roster.threshold,
    errors: [],
    pending: roster.remotes.flatMap(({ regionId }) => (by.has(regionId) ? [] : [regionId])),
    digest: toHex(known.digest),
    duplicate: true,
    certificate,
  };
}

/** Waits for an entry of the own log that is durable already, with a new schedule where none is running. */
export async function resumeSync(
  parts: SyncParts,
  entry: { readonly index: number; readonly receiptId: string; readonly digest: Uint8Array },
  options: SyncOptions,
): Promise<SyncResult> {
  const sync = admitAndRing(parts, entry.index, entry.receiptId);
  await awaitSync(parts, sync, options);
  return resultOf(parts, sync, { digest: toHex(entry.digest), duplicate: true });
}

function commitAndRing(parts: SyncParts, job: ReceiptJob): Promise<Admitted> {
  return new Promise((resolve, reject) => {
    parts.committer.submit(job, {
      answered: (answer) => {
        if (answer.kind === 'conflict') {
          reject(conflict(parts, job, answer.held));
          return;
        }
        if (answer.kind === 'certified') {
          resolve(answer);
          return;
        }
        // In the same breath as the commit's answer: the links are rung before they look for work.
        resolve({ kind: 'own', sync: admitAndRing(parts, answer.index, job.receiptId), duplicate: answer.kind === 'known' });
      },
      failed: reject,
    });
  });
}

function conflict(parts: SyncParts, job: ReceiptJob, held: Uint8Array): ReceiptConflictError {
  const digests = { held: toHex(held), offered: toHex(job.digest) };
  parts.observe({ kind: 'conflict', receiptId: job.receiptId, digest: digests.held, offeredDigest: digests.offered, from: 'application' });
  return new ReceiptConflictError(job.receiptId, digests);
}

function admitAndRing(parts: SyncParts, index: number, receiptId: string): Sync {
  const { room, links, observe, roster, syncEnabled } = parts;
  if (syncEnabled) observe({ kind: 'accepted', receiptId, remotes: roster.remotes.length, threshold: roster.threshold });
  const { sync, isNew } = room.admit(index, receiptId);
  if (isNew) for (const link of links) link.ring(index, receiptId);
  return sync;
}

async function awaitSync(parts: SyncParts, sync: Sync, options: SyncOptions): Promise<void> {
  const { over, leave } = parts.room.wait(sync, options.waitFor);
  const cancelDeadline = options.deadlineMs === undefined ? undefined : parts.clock.after(options.deadlineMs, leave);
  try {
    await orAborted(over, options.signal);
  } finally {
    cancelDeadline?.();
    leave();
  }
}

/** The promise, or the signal's reason if that fires first. The work behind the promise goes on (CONTRACT §1). */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return signal === undefined ? promise : orReason(promise, signal);
}

async function orReason<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function resultOf(parts: SyncParts, sync: Sync, known: { readonly digest: string; readonly duplicate: boolean }): SyncResult {
  const { roster, syncEnabled } = parts;
  const { verdict, weight, synced } = sync.tally;
  const outcome: SyncOutcome = syncEnabled ? (verdict === 'reached' ? 'quorum' : verdict === 'lost' ? 'refused' : 'pending') : 'disabled';
  const result: SyncResult = {
    receiptId: sync.receiptId,
    outcome,
    quorumAchieved: outcome === 'quorum',
    syncedRegions: syncEnabled ? synced : 0,
    totalRegions: syncEnabled ? roster.remotes.length + 1 : 0,
    weight: syncEnabled ? weight : 0,
    threshold: roster.threshold,
    errors: roster.remotes.flatMap(({ regionId }, n) => errorOf(regionId, sync, n)),
    pending: roster.remotes.flatMap(({ regionId }, n) => (sync.words[n] === undefined ? [regionId] : [])),
    digest: known.digest,
    duplicate: known.duplicate,
    certificate: () => certificateOf(parts, sync, result),
  };
  return result;
}

async function certificateOf(parts: SyncParts, sync: Sync, result: SyncResult): Promise<string> {
  if (!parts.syncEnabled || result.outcome === 'refused') throw new QuorumNotReachedError(result);
  try {
    return await parts.certificate(sync);
  } catch (error) {
    // Plain acknowledgements alone make a quorum, and never a certificate (SPEC §3).
    if (error instanceof ReceiptSyncError && error.code === 'NOT_CERTIFIED') throw new QuorumNotReachedError(result);
    throw error;
  }
}

function errorOf(region: string, sync: Sync, remote: number): readonly SyncError[] {
  const failure = sync.failures[remote];
  if (failure === undefined || sync.words[remote] === 'acknowledged') return [];
  return [{ region, code: failure.code, message: failure.message, retryable: failure.retryable }];
}
