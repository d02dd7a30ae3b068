import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Peer } from '../ports/peer.ts';
import type { Evidence } from './evidence.ts';
import { within } from './exchange.ts';

/** Regions look at each other this often, each at its own time: between half and one and a half of it. */
const ROUND_MS = 5_000;

/** A remote that keeps logs and shows them. */
export interface WatchedRemote {
  readonly regionId: string;
  readonly peer: Peer;
  readonly timeoutMs: number;
  /** One that is known to be away is not asked: its link finds out when it is back. */
  readonly isReachable: () => boolean;
}

export interface WatchOptions {
  readonly remotes: readonly WatchedRemote[];
  readonly evidence: Evidence;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** Asks every remote now and then what it has of all logs, one small request each, and holds that against what is here. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #abort = new AbortController();
  readonly #timers = new Map<string, () => void>();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  start(): void {
    for (const remote of this.#options.remotes) this.#wait(remote);
  }

  stop(): void {
    this.#abort.abort();
    for (const cancel of this.#timers.values()) cancel();
  }

  #wait(remote: WatchedRemote): void {
    const { clock, entropy } = this.#options;
    if (this.#abort.signal.aborted) return;
    this.#timers.set(
      remote.regionId,
      // The loop's next turn is its own: nobody waits for a round.
      clock.after(ROUND_MS * (0.5 + entropy.uniform()), () => void this.#round(remote).finally(() => this.#wait(remote))),
    );
  }

  async #round({ regionId, peer, timeoutMs, isReachable }: WatchedRemote): Promise<void> {
    const { clock, evidence } = this.#options;
    if (!isReachable()) return;
    const held = evidence.heldOf(regionId);
    const { signal } = this.#abort;
    const shown = await within(clock, { timeoutMs, signal, ask: (abort) => peer.shown(abort), otherwise: () => undefined });
    if (shown !== undefined && !signal.aborted) await evidence.compare(regionId, shown, held);
  }
}
