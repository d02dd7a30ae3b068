import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Observer } from '../ports/observer.ts';
import { type Circuit, CLOSED_CIRCUIT, circuitState, nextCircuit } from '../region/circuit.ts';
import type { Failure } from '../region/failure.ts';
import { type Alarms, PLAIN_ALARM } from './alarms.ts';
import { backgroundWaitMs, honouredRetryAfterMs, PAUSE_PROBE_MS } from './retry.ts';

/** Calls ring an open circuit at once, but not more often than this: a refused connection fails in a millisecond. */
const PROBE_SPACING_MS = 100;

export interface ReachOptions {
  readonly regionId: string;
  readonly retryBackoffMs: number;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly observe: Observer;
  readonly alarms: Alarms;
}

/** What a link shows of itself. */
export interface ReachStatus {
  readonly circuit: Circuit;
  readonly state: 'closed' | 'open' | 'half_open';
  readonly lastSyncMs: number | undefined;
  readonly lastError: Failure | undefined;
  readonly paused: Failure | undefined;
}

/** Is the remote there? Circuit, pause, and when the link may try again of its own accord (SPEC §7). The same for both protocols. */
export class Reach {
  readonly #options: ReachOptions;
  #circuit: Circuit = CLOSED_CIRCUIT;
  #paused: Failure | undefined;
  #lastSyncMs: number | undefined;
  #lastError: Failure | undefined;
  #backgroundDueMs = 0;
  #backgroundFailures = 0;
  #lastProbeMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  isAvailable(): boolean {
    return this.#circuit.kind === 'closed';
  }

  /** While open or paused only one request at a time goes out, to see whether the remote is back. */
  isBarred(): boolean {
    return this.#circuit.kind === 'open' || this.#paused !== undefined;
  }

  /** No attempt of the link's own before this; it has failed as a whole. */
  get backgroundDueMs(): number {
    return this.#backgroundDueMs;
  }

  /** No probe that a call rings for before this. */
  get probeDueMs(): number {
    return this.#lastProbeMs + PROBE_SPACING_MS;
  }

  status(): ReachStatus {
    return {
      circuit: this.#circuit,
      state: circuitState(this.#circuit),
      lastSyncMs: this.#lastSyncMs,
      lastError: this.#lastError,
      paused: this.#paused,
    };
  }

  /** Something was acknowledged. */
  synced(): void {
    this.#lastSyncMs = this.#options.clock.wallMs();
  }

  probing(): void {
    this.#turnCircuit('probe');
  }

  /** The remote has answered; `failure` is what was wrong with a part. Says whether the link was barred. */
  reached(failure?: Failure): boolean {
    const wasBarred = this.isBarred();
    this.#lastError = failure;
    this.#backgroundFailures = 0;
    this.#backgroundDueMs = 0;
    if (this.#paused !== undefined) this.#options.alarms.end('link-paused', this.#options.regionId);
    this.#paused = undefined;
    this.#turnCircuit('reached');
    return wasBarred;
  }

  /** A request has failed. `ended`: a sync failed for good by it. `own`: the link's own attempt, whose waits grow. */
  failed(failure: Failure, request: { readonly ended: boolean; readonly own: boolean; readonly probe: boolean }): void {
    const now = this.#options.clock.monotonicMs();
    this.#lastError = failure;
    const waitMs = Math.max(this.waitMs(this.#backgroundFailures), honouredRetryAfterMs(failure.retryAfterMs));
    this.#backgroundDueMs = Math.max(this.#backgroundDueMs, now + waitMs);
    if (request.own) this.#backgroundFailures += 1;
    if (failure.consequence === 'pause') this.#pause(failure, now);
    this.#turnCircuit(request.ended && failure.countsAgainst ? 'failed' : 'probe-failed');
    if (request.probe) this.#lastProbeMs = now;
  }

  /** The wait after so many failures of the link's own. */
  waitMs(failures: number): number {
    return backgroundWaitMs(failures, this.#options.retryBackoffMs, this.#options.entropy.uniform());
  }

  #pause(failure: Failure, now: number): void {
    const { alarms, regionId } = this.#options;
    // No await: a condition is not stored.
    void alarms.raise({ ...PLAIN_ALARM, alarm: 'link-paused', region: regionId, message: failure.message });
    this.#paused = failure;
    this.#backgroundDueMs = now + PAUSE_PROBE_MS;
  }

  #turnCircuit(event: 'failed' | 'reached' | 'probe' | 'probe-failed'): void {
    const { observe, regionId } = this.#options;
    const before = this.#circuit;
    this.#circuit = nextCircuit(before, event);
    const state = circuitState(this.#circuit);
    if (state !== circuitState(before)) observe({ kind: 'circuit', region: regionId, state });
    if (this.#circuit.kind === before.kind) return;
    if (this.#circuit.kind === 'open') observe({ kind: 'region-unavailable', region: regionId, failureCount: this.#circuit.failures });
    else observe({ kind: 'region-available', region: regionId });
  }
}
