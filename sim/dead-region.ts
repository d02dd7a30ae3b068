import { Host, type Machine } from './host.ts';
import { simulated } from './keys.ts';
import { Net } from './net.ts';
import { Random } from './random.ts';
import { machineOf } from './swarm.ts';
import { VirtualClock } from './virtual-clock.ts';
import { receiptOf } from './workload/submit.ts';

/** What becomes of one region: nothing, no way to it or from it, no power, a disk or ways a hundred times as slow. */
export type Trouble = 'none' | 'cut off' | 'no power' | 'slow disk' | 'far away';

/** A cluster, one of its regions, and the callers of the others. */
export interface Scene {
  readonly seed: number;
  readonly regions: number;
  /** With keys, or by the plain protocol. */
  readonly isMirrored: boolean;
  /** The quorum is all of them: then it is not met without. */
  readonly isNeeded: boolean;
  /** Simulated time with the trouble. */
  readonly troubleMs: number;
}

/** What the callers of the other regions waited for their quorum. */
export interface Waits {
  readonly calls: number;
  /** Calls that had no quorum in time. */
  readonly without: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Timers that were set at the end: what a region keeps of a remote that is gone must not grow with the time. */
  readonly timers: number;
}

/** Between two calls at one region, at the mean. */
const EVERY_MS = 60;
/** Before the trouble: links find out how far the others are. */
const BEFORE_MS = 3_000;
const LATENCY_MS = 20;
/** So much farther than the others is the one that gets into trouble: nobody's quorum waits for it before. */
const FARTHER = 3;
const FAR_AWAY = 300;
/** Far beyond any wait for a quorum. */
const CALL_MS_MAX = 10_000;

/** One run: the same callers at the same moments, whatever the trouble. */
export async function waitsWith(trouble: Trouble, scene: Scene): Promise<Waits> {
  return new Cluster(scene).run(trouble);
}

class Cluster {
  readonly #scene: Scene;
  readonly #clock = new VirtualClock();
  readonly #net: Net;
  readonly #hosts: readonly Host[];
  readonly #victim: Host;
  readonly #waits: number[] = [];
  #without = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    const random = new Random(scene.seed);
    this.#net = new Net(this.#clock, random.fork(), { latencyMs: LATENCY_MS, loss: 0, duplication: 0, delay: 0 });
    const world = { clock: this.#clock, net: this.#net, observe: () => undefined, cosigned: () => undefined };
    this.#hosts = machines(scene).map((machine) => new Host(machine, random.fork(), world));
    const victim = this.#hosts.at(-1);
    if (victim === undefined) throw new RangeError('a cluster has regions');
    this.#victim = victim;
    this.#net.distances.set(victim.id, FARTHER);
  }

  async run(trouble: Trouble): Promise<Waits> {
    for (const host of this.#hosts) void host.start();
    await this.#clock.runUntil(() => this.#hosts.every(({ region }) => region !== undefined), 1_000);
    await this.#clock.advance(BEFORE_MS);
    this.#strike(trouble);
    const random = new Random(this.#scene.seed ^ 0xca11);
    for (const host of this.#hosts) if (host !== this.#victim) this.#callers(host, random.fork());
    await this.#clock.advance(this.#scene.troubleMs);
    const timers = this.#clock.waiting;
    await this.#clock.advance(CALL_MS_MAX);
    const sorted = this.#waits.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
    return { calls: sorted.length + this.#without, without: this.#without, p50Ms: at(0.5), p99Ms: at(0.99), timers };
  }

  #strike(trouble: Trouble): void {
    const { id, faults } = this.#victim;
    if (trouble === 'no power') this.#victim.crash();
    else if (trouble === 'cut off') this.#net.walls.add((from, to) => from === id || to === id);
    else if (trouble === 'slow disk') faults.fsyncMs *= 100;
    else if (trouble === 'far away') this.#net.distances.set(id, FAR_AWAY);
  }

  /** They call at moments of their own, whether or not those before have their answer. */
  #callers(host: Host, random: Random): void {
    const endMs = this.#clock.monotonicMs() + this.#scene.troubleMs;
    let count = 0;
    const next = (): void => {
      if (this.#clock.monotonicMs() >= endMs) return;
      count += 1;
      void this.#call(host, `${host.id}-${count}`);
      this.#clock.after(2 * EVERY_MS * random.uniform(), next);
    };
    this.#clock.after(2 * EVERY_MS * random.uniform(), next);
  }

  async #call({ region }: Host, receiptId: string): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const result = await region?.sync(receiptOf(receiptId), { waitFor: 'quorum', deadlineMs: CALL_MS_MAX - 1_000 });
    if (result?.quorumAchieved === true) this.#waits.push(this.#clock.monotonicMs() - startMs);
    else this.#without += 1;
  }
}

function machines({ regions, isMirrored, isNeeded }: Scene): readonly Machine[] {
  const weights = Array.from({ length: regions }, () => 1);
  const quorumThreshold = isNeeded ? regions : Math.floor(regions / 2) + 1;
  return weights.map((_, n) => {
    const { settings, signing } = machineOf({ weights, quorumThreshold, n });
    return { settings, signing: isMirrored && signing !== undefined ? simulated(signing) : undefined };
  });
}
