import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Observer } from '../ports/observer.ts';
import type { Delivery, Parcel, Peer } from '../ports/peer.ts';
import type { Word } from '../quorum/tally.ts';
import type { Failure } from '../region/failure.ts';
import type { Alarms } from './alarms.ts';
import type { Call } from './call-book.ts';
import { exchange } from './exchange.ts';
import type { Owed } from './owed.ts';
import { Reach, type ReachStatus } from './reach.ts';
import { inCallBackoffMs } from './retry.ts';
import { NO_RECEIPT, ROTTEN_RECEIPT, type Tail, type TailItem } from './tail.ts';

/** Calls that may wait on one link; a remote that hangs must not hold the memory of all (GOALS R8). */
const CALLS_MAX = 16_384;
/** Requests in flight: single receipts to a remote that takes no batches, or batches. Old receipts take at most half. */
const IN_FLIGHT_SINGLE = 32;
const IN_FLIGHT_BATCH = 4;
/** Old receipts in one request: small enough that fresh ones never wait long behind it in the remote's turn. */
const BACKGROUND_BATCH = 1_024;
/** A request that asks whether the remote is back carries no more than this. */
const PROBE_BATCH = 64;

/** Told what the remote said of each receipt. Synchronous; must not throw. */
export interface LinkListener {
  acknowledged(index: number): void;
  refused(index: number, failure: Failure): void;
  attemptFailed(index: number, failure: Failure): void;
  gaveUp(index: number, failure: Failure): void;
}

export interface LinkOptions {
  readonly remote: { readonly regionId: string; readonly timeoutMs: number };
  readonly maxRetries: number;
  readonly retryBackoffMs: number;
  readonly peer: Peer;
  readonly tail: Tail;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly observe: Observer;
  readonly alarms: Alarms;
  readonly listener: LinkListener;
  /** Something was answered: the durable offset may have moved. */
  readonly progressed: () => void;
  /** Records a final refusal; false if the store failed. */
  readonly park: (index: number, failure: Failure) => Promise<boolean>;
}

interface Request {
  readonly indexes: readonly number[];
  readonly kind: 'calls' | 'backlog' | 'deferred';
  readonly probe: boolean;
}

/** What became of a request: one parcel and one delivery an index, as far as they fitted. */
interface Attempted {
  readonly parcels: readonly TailItem[];
  readonly deliveries: readonly (Delivery | typeof NO_RECEIPT | undefined)[];
  readonly batchMax: number | undefined;
}

/** What a link shows of itself. */
export interface LinkStatus extends ReachStatus {
  readonly owedCount: number;
  readonly owedFrom: number | undefined;
}

/** A way to one remote, by whatever protocol: what everybody else in this room asks of it. */
export interface RegionLink {
  /** Entries below it were answered, durably, or are told by other means. */
  readonly offset: number;
  isAvailable(): boolean;
  status(): LinkStatus;
  /** What the remote has said of an own entry, and why where it refused it. */
  said(index: number): { readonly word: Word; readonly refusal?: Failure };
  /** A caller waits for this entry. */
  ring(index: number, receiptId: string): void;
  start(): void;
  stop(): void;
}

/**
 * All that one region knows of and sends to one remote, by the plain protocol (SPEC §3.1). Callers' receipts have a schedule of
 * attempts; everything else that is owed follows on the link's own clock, for ever (SPEC §7). Nothing here is durable but the
 * offset below which every entry was answered: after a crash the rest is sent again, and is a duplicate there.
 */
export class Link implements RegionLink {
  readonly #options: LinkOptions;
  readonly #owed: Owed;
  readonly #inFlight = new Set<Request>();
  readonly #abort = new AbortController();
  readonly #reach: Reach;
  #batchMax: number | undefined;
  #cancelTimer: (() => void) | undefined;
  #waking = false;

  constructor(options: LinkOptions, owed: Owed) {
    const { remote, ...rest } = options;
    this.#options = options;
    this.#owed = owed;
    this.#reach = new Reach({ ...rest, regionId: remote.regionId });
  }

  /** Every own entry below this was answered, durably. */
  get offset(): number {
    return this.#owed.offset;
  }

  isAvailable(): boolean {
    return this.#reach.isAvailable();
  }

  status(): LinkStatus {
    const owed = this.#owed;
    return {
      ...this.#reach.status(),
      owedCount: owed.count,
      owedFrom: owed.count > 0 ? owed.offset : undefined,
    };
  }

  /** What the remote has said of an own entry, and why where it refused it. */
  said(index: number): { readonly word: Word; readonly refusal?: Failure } {
    // A reader of the store may see an entry before its commit's answer has come here.
    const standing = index < this.#owed.size ? this.#owed.standing(index) : 'owed';
    if (standing === 'refused') return { word: standing, refusal: this.#owed.refusal(index) };
    return { word: standing === 'acknowledged' ? standing : undefined };
  }

  /** The own log goes on from `start` with so many receipts, owed there, and then with entries that are none. */
  owe(start: number, added: { readonly receipts: number; readonly size: number }): void {
    this.#owed.add(start, start + added.receipts);
    this.#owed.pass(added.size);
    this.#wakeSoon();
  }

  /** A caller waits for this entry: it gets a schedule of its own, unless its answer is known. */
  ring(index: number, receiptId: string): void {
    const { listener } = this.#options;
    const standing = this.#owed.standing(index);
    if (standing === 'acknowledged') listener.acknowledged(index);
    else if (standing === 'refused') listener.refused(index, this.#owed.refusal(index));
    else if (this.#owed.calls.get(index) === undefined && this.#owed.calls.size >= CALLS_MAX) listener.gaveUp(index, linkIsFull());
    else this.#owed.call(index, receiptId);
    this.#wakeSoon();
  }

  /** Begins with what is owed from before. */
  start(): void {
    this.#wakeSoon();
  }

  /** Ends all attempts. What is owed stays owed. */
  stop(): void {
    this.#abort.abort();
    this.#cancelTimer?.();
  }

  /** One wake for all rings of the same turn. */
  #wakeSoon(): void {
    if (this.#waking) return;
    this.#waking = true;
    void Promise.resolve().then(() => {
      this.#waking = false;
      this.#wake();
    });
  }

  #wake(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const now = this.#options.clock.monotonicMs();
    while (!this.#abort.signal.aborted) {
      const request = this.#pick(now);
      if (request === undefined) break;
      this.#send(request);
    }
    const dueMs = this.#nextDueMs(now);
    if (dueMs === undefined || this.#abort.signal.aborted) return;
    this.#cancelTimer = this.#options.clock.after(Math.max(0, dueMs - now), () => this.#wake());
  }

  #pick(now: number): Request | undefined {
    const probe = this.#reach.isBarred();
    if (probe ? this.#inFlight.size > 0 : this.#inFlight.size >= this.#slots()) return undefined;
    if (!probe || now >= this.#reach.probeDueMs) {
      const calls = this.#owed.takeCalls(now, this.#batch(this.#batchMax ?? 1));
      if (calls.length > 0) return { indexes: calls, kind: 'calls', probe };
    }
    if (now < this.#reach.backgroundDueMs || this.#backgroundInFlight() >= this.#slots() / 2) return undefined;
    return this.#pickBackground(now, probe);
  }

  #pickBackground(now: number, probe: boolean): Request | undefined {
    const backlog = this.#owed.takeBacklog(this.#batch(probe ? PROBE_BATCH : BACKGROUND_BATCH));
    if (backlog.length > 0) return { indexes: backlog, kind: 'backlog', probe };
    const deferred = this.#owed.takeDeferred(probe ? Number.POSITIVE_INFINITY : now, this.#batch(PROBE_BATCH));
    return deferred.length > 0 ? { indexes: deferred, kind: 'deferred', probe } : undefined;
  }

  /** When something can be picked next, or `undefined` if only an answer or a ring can change that. */
  #nextDueMs(now: number): number | undefined {
    const barred = this.#reach.isBarred();
    if (barred ? this.#inFlight.size > 0 : this.#inFlight.size >= this.#slots()) return undefined;
    const callsDueMs = this.#owed.calls.nextDueMs(now) ?? Number.POSITIVE_INFINITY;
    const ownDueMs = barred ? Math.max(callsDueMs, this.#reach.probeDueMs) : callsDueMs;
    const restDueMs = barred && this.#owed.hasRest() ? 0 : this.#owed.restDueMs();
    const backgroundBusy = this.#backgroundInFlight() >= this.#slots() / 2;
    const backgroundDueMs = backgroundBusy ? Number.POSITIVE_INFINITY : Math.max(restDueMs, this.#reach.backgroundDueMs);
    const due = Math.min(ownDueMs, backgroundDueMs);
    return due === Number.POSITIVE_INFINITY ? undefined : due;
  }

  #slots(): number {
    return (this.#batchMax ?? 1) > 1 ? IN_FLIGHT_BATCH : IN_FLIGHT_SINGLE;
  }

  #batch(most: number): number {
    return Math.min(most, this.#batchMax ?? 1);
  }

  #backgroundInFlight(): number {
    let count = 0;
    for (const request of this.#inFlight) if (request.kind !== 'calls') count += 1;
    return count;
  }

  #send(request: Request): void {
    this.#inFlight.add(request);
    if (request.probe) this.#reach.probing();
    void this.#attempt(request).then((report) => {
      this.#inFlight.delete(request);
      if (this.#abort.signal.aborted) return;
      this.#finish(request, report);
      this.#options.progressed();
      this.#wake();
    });
  }

  /** One request of the link. Never rejects: what goes wrong is a failure of every receipt in it. */
  async #attempt(request: Request): Promise<Attempted> {
    const { tail, peer, clock, remote } = this.#options;
    const found: readonly TailItem[] = await tail.parcels(request.indexes).catch(() => []);
    if (found.length === 0) return { parcels: [], deliveries: request.indexes.map(() => UNREADABLE), batchMax: this.#batchMax };
    const parcels = found.filter((parcel) => typeof parcel !== 'string');
    const asked = { timeoutMs: remote.timeoutMs, parcels, signal: this.#abort.signal, peer };
    const report = parcels.length === 0 ? { deliveries: [], batchMax: this.#batchMax } : await exchange(clock, asked);
    if (parcels.length === found.length) return { ...report, parcels };
    const answers = report.deliveries.values();
    const deliveries = found.map((item) => (item === NO_RECEIPT ? NO_RECEIPT : item === ROTTEN_RECEIPT ? ROTTEN : answers.next().value));
    return { ...report, parcels: found, deliveries };
  }

  #finish(request: Request, report: Attempted): void {
    const failures: Failure[] = [];
    let reached = false;
    let ended = request.kind !== 'calls';
    for (const [n, index] of request.indexes.entries()) {
      const delivery = report.deliveries[n];
      if (delivery === undefined || delivery === NO_RECEIPT) {
        if (delivery === undefined) this.#owed.putBack(index);
        // Evidence in our log, say: a remote that does not mirror it has no use for it.
        else this.#owed.acknowledged(index);
        continue;
      }
      const parcel = report.parcels[n];
      const outcome = this.#settle(index, { parcel: typeof parcel === 'string' ? undefined : parcel, delivery, request });
      if (delivery.kind === 'failed') failures.push(delivery.failure);
      else reached = true;
      ended ||= outcome === 'ended';
    }
    if (report.deliveries.length > 0) this.#batchMax = report.batchMax;
    if (reached) this.#reached(failures[0]);
    else if (failures[0] !== undefined) this.#failed(request, { failure: failures[0], ended });
    if (request.kind === 'deferred') this.#owed.deferredEnded(failures.length === 0, this.#now() + this.#wait(this.#owed.deferredFailures));
  }

  /** What one receipt's answer means for it; `ended` if a sync failed for good by it. */
  #settle(index: number, answer: { readonly parcel: Parcel | undefined; readonly delivery: Delivery; readonly request: Request }): 'ended' | 'open' {
    const { listener, observe, remote } = this.#options;
    const call = this.#owed.calls.get(index);
    const receiptId = answer.parcel?.receiptId ?? call?.receiptId ?? '';
    const { delivery } = answer;
    if (delivery.kind === 'failed') return this.#settleFailure(index, { call, failure: delivery.failure, request: answer.request });
    if (delivery.kind === 'refused') {
      observe({ kind: 'refused', receiptId, region: remote.regionId, code: delivery.failure.code, message: delivery.failure.message });
      void this.#park(index, delivery.failure);
      listener.refused(index, delivery.failure);
      return 'open';
    }
    this.#owed.acknowledged(index);
    this.#reach.synced();
    observe({ kind: 'delivered', receiptId, region: remote.regionId, attempt: call?.attempts ?? 1 });
    listener.acknowledged(index);
    return 'open';
  }

  #settleFailure(index: number, attempt: { readonly call: Call | undefined; readonly failure: Failure; readonly request: Request }): 'ended' | 'open' {
    const { call, failure, request } = attempt;
    const { maxRetries, retryBackoffMs, observe, remote, listener } = this.#options;
    if (call === undefined) {
      this.#owed.defer(index, this.#now() + this.#wait(this.#owed.deferredFailures));
      return 'open';
    }
    listener.attemptFailed(index, failure);
    if (request.probe) return this.#giveUp(call, failure, 'circuit-open');
    if (!failure.retryable) return this.#giveUp(call, failure, 'not-retryable');
    if (call.attempts > maxRetries) return this.#giveUp(call, { ...failure, message: `Max retries exhausted: ${failure.message}` }, 'exhausted');
    const backoffMs = inCallBackoffMs(call.attempts, retryBackoffMs);
    observe({ kind: 'retrying', receiptId: call.receiptId, region: remote.regionId, attempt: call.attempts, retriesMax: maxRetries, backoffMs });
    this.#owed.calls.retryAt(call, this.#now() + backoffMs);
    return 'open';
  }

  /** The call ends here; the receipt stays owed, on the link's own clock. */
  #giveUp(call: Call, failure: Failure, reason: 'exhausted' | 'not-retryable' | 'circuit-open'): 'ended' {
    const { observe, remote, listener, maxRetries } = this.#options;
    const { receiptId } = call;
    this.#owed.calls.close(call);
    this.#owed.defer(call.index, this.#now() + this.#wait(this.#owed.deferredFailures));
    observe({ kind: 'gave-up', receiptId, region: remote.regionId, reason, retriesMax: maxRetries, code: failure.code, message: failure.message });
    listener.gaveUp(call.index, failure);
    return 'ended';
  }

  async #park(index: number, failure: Failure): Promise<void> {
    this.#owed.parking(index, failure);
    const durable = await this.#options.park(index, failure);
    this.#owed.parked(index, { durable, dueMs: this.#now() + this.#wait(0) });
    this.#options.progressed();
    // Where the store could not record it, it is owed again, and nothing else may come to wake the link (seed 1018).
    this.#wakeSoon();
  }

  #reached(failure: Failure | undefined): void {
    // The remote was away as a whole: what was put off because of that is no longer odd.
    if (this.#reach.reached(failure)) this.#owed.resumeDeferred();
  }

  #failed(request: Request, outcome: { readonly failure: Failure; readonly ended: boolean }): void {
    const { failure, ended } = outcome;
    this.#reach.failed(failure, { ended, own: request.kind !== 'calls', probe: request.probe });
    if (!request.probe) return;
    for (const call of this.#owed.calls.abandonReady()) this.#giveUp(call, circuitIsOpen(failure), 'circuit-open');
  }

  #wait(failures: number): number {
    return this.#reach.waitMs(failures);
  }

  #now(): number {
    return this.#options.clock.monotonicMs();
  }
}

/** The own copy is not what was stored: it is not sent. */
const ROTTEN: Delivery = {
  kind: 'failed',
  failure: { code: 'REFUSED', message: 'The stored copy has rotted, and is not sent', retryable: false, consequence: 'owed', countsAgainst: false },
};

/** The local store did not give the receipt back: no fault of the remote, tried again. */
const UNREADABLE: Delivery = {
  kind: 'failed',
  failure: { code: 'UNREACHABLE', message: 'Network error: the local store could not be read', retryable: true, consequence: 'owed', countsAgainst: false },
};

/** Why a call is not tried while the circuit is open. */
export function circuitIsOpen(last: Failure): Failure {
  return { code: 'CIRCUIT_OPEN', message: `Circuit open: ${last.message}`, retryable: true, consequence: 'owed', countsAgainst: false };
}

function linkIsFull(): Failure {
  return { code: 'CIRCUIT_OPEN', message: `Circuit open: ${CALLS_MAX} receipts wait on this link`, retryable: true, consequence: 'owed', countsAgainst: false };
}
