import type { Clock } from '../ports/clock.ts';
import type { Delivery, DeliveryReport, MirrorHeaders, MirrorReport, Parcel, Peer } from '../ports/peer.ts';
import type { Failure } from '../region/failure.ts';

/** What one request of a link needs. */
export interface Exchange {
  readonly peer: Peer;
  readonly parcels: readonly Parcel[];
  /** Covers the whole exchange, the answer's body included (SPEC §3.1). */
  readonly timeoutMs: number;
  /** The link's own end. */
  readonly signal: AbortSignal;
}

/** One request, ended by whichever comes first: the answer, the timeout, the end of the link. Never rejects. */
export function exchange(clock: Clock, request: Exchange): Promise<DeliveryReport> {
  const { peer, parcels, timeoutMs, signal } = request;
  return within(clock, {
    timeoutMs,
    signal,
    ask: (abort) => peer.deliver(parcels, { sentAtMs: clock.wallMs(), signal: abort }),
    otherwise: (failure) => ({ deliveries: parcels.map((): Delivery => ({ kind: 'failed', failure })), batchMax: undefined }),
  });
}

/** The same for a batch of the mirror protocol. */
export function exchangeBatch(
  { clock, peer, headers, timeoutMs }: { readonly clock: Clock; readonly peer: Peer; readonly headers: MirrorHeaders; readonly timeoutMs: number },
  batch: Uint8Array,
  signal: AbortSignal,
): Promise<MirrorReport> {
  const ask = (abort: AbortSignal): Promise<MirrorReport> => peer.mirror(batch, { ...headers, signal: abort });
  return within(clock, { timeoutMs, signal, ask, otherwise: (failure) => ({ kind: 'failed', failure }) });
}

/** Asks a remote with a timeout over the whole exchange; what goes wrong becomes a value by `otherwise`. Never rejects. */
export function within<Answer>(
  clock: Clock,
  asking: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly ask: (signal: AbortSignal) => Promise<Answer>;
    readonly otherwise: (failure: Failure) => Answer;
  },
): Promise<Answer> {
  const { timeoutMs, signal, ask, otherwise } = asking;
  const abort = new AbortController();
  return new Promise((resolve) => {
    const end = (answer: Answer): void => {
      cancelTimer();
      signal.removeEventListener('abort', stop);
      resolve(answer);
    };
    // Only what has not answered is aborted: an abort is not cheap, and after an answer there is nothing left to end.
    const give = (failure: Failure): void => {
      end(otherwise(failure));
      abort.abort(ENDED);
    };
    const stop = (): void => give(broken('Network error: the link was stopped'));
    const cancelTimer = clock.after(timeoutMs, () => give(timedOut(timeoutMs)));
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    else ask(abort.signal).then(end, (error: unknown) => end(otherwise(broken(`Network error: ${String(error)}`))));
  });
}

/** The reason of every abort here; nobody looks at it. */
const ENDED = new Error('The exchange has ended');

function timedOut(timeoutMs: number): Failure {
  return { code: 'TIMEOUT', message: `Request timeout after ${timeoutMs}ms`, retryable: true, consequence: 'owed', countsAgainst: true };
}

function broken(message: string): Failure {
  return { code: 'UNREACHABLE', message, retryable: true, consequence: 'owed', countsAgainst: true };
}
