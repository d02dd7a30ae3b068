import { createHash } from 'node:crypto';
import { ReceiptSyncError } from '../src/errors.ts';
import { OWN_LOG } from '../src/ports/log-store.ts';
import type { SyncEvent } from '../src/ports/observer.ts';
import type { Receipt } from '../src/receipt/receipt.ts';
import { assert } from '../src/std/assert.ts';
import { allArrive } from './checkers/all-arrive.ts';
import { allCertified } from './checkers/all-certified.ts';
import { type Checker, Violation } from './checkers/checker.ts';
import { durable } from './checkers/durable.ts';
import { evidence } from './checkers/evidence.ts';
import { firstWins } from './checkers/first-wins.ts';
import { isExpected, noFalseAlarm } from './checkers/no-false-alarm.ts';
import { noPhantom } from './checkers/no-phantom.ts';
import { oneCertificate } from './checkers/one-certificate.ts';
import { oneContent } from './checkers/one-content.ts';
import { ownLog } from './checkers/own-log.ts';
import { sameLogs } from './checkers/same-logs.ts';
import { Host } from './host.ts';
import { Net } from './net.ts';
import { Random } from './random.ts';
import { swarm } from './swarm.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Simulated time with faults, and the most that may pass after them until nothing is owed. */
const STORM_MS = 30_000;
const CALM_MS_MAX = 600_000;

/** What a seed did, for sums over many. */
export interface RunReport {
  readonly seed: number;
  /** The same seed has the same hash of everything that happened. */
  readonly traceHash: string;
  readonly simulatedMs: number;
  /** How often each kind of thing happened. */
  readonly counts: ReadonlyMap<string, number>;
}

/** One seed: a cluster, a workload, faults, and then a calm in which everything must come right. Throws Violation. */
export async function runSeed(seed: number): Promise<RunReport> {
  return new World(seed).run();
}

class World {
  readonly #seed: number;
  readonly #random: Random;
  readonly #clock = new VirtualClock();
  readonly #net: Net;
  readonly #hosts: readonly Host[];
  readonly #checkers: readonly Checker[] = [
    durable(),
    oneContent(),
    oneCertificate(),
    noPhantom(),
    ownLog(),
    allArrive(),
    allCertified(),
    evidence(),
    firstWins(),
    sameLogs(),
    noFalseAlarm(),
  ];
  readonly #trace = createHash('sha256');
  readonly #counts = new Map<string, number>();
  #violation: unknown;
  #stormIsOver = false;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
    const random = this.#random;
    const rate = (most: number): number => (random.chance(0.4) ? 0 : random.uniform() * most);
    this.#net = new Net(this.#clock, random.fork(), { latencyMs: 1 + random.below(60), loss: rate(0.2), duplication: rate(0.2), delay: rate(0.05) });
    this.#net.onAnswer = (region, parcel, answer) => {
      if (answer.kind === 'acknowledged') this.#promise(region, parcel.receiptId, parcel.digest);
    };
    const cosigned = (region: string, text: string): void => {
      for (const checker of this.#checkers) checker.cosigned?.(region, text);
    };
    const world = { clock: this.#clock, net: this.#net, observe: (region: string, event: SyncEvent) => this.#note(region, event), cosigned };
    // Of its own stream: 64 lines take more conflicts than a seed has time for.
    const refusedLinesMax = new Random(seed ^ 0x5eed).pick([1, 2, 4, 64]);
    const machines = swarm(random).map(({ settings, signing }) => ({ settings, signing: signing && { ...signing, refusedLinesMax } }));
    this.#hosts = machines.map((machine) => new Host(machine, random.fork(), world));
  }

  async run(): Promise<RunReport> {
    const over = Promise.allSettled(this.#hosts.map((host) => host.start()));
    await this.#clock.runUntil(() => this.#hosts.every(({ region }) => region !== undefined), 1_000);
    await over;
    this.#clients();
    this.#rivals();
    this.#faults();
    await this.#clock.advance(STORM_MS);
    await this.#calm();
    if (this.#violation !== undefined) throw this.#violation;
    for (const checker of this.#checkers) this.#guarded(checker, () => checker.finished(this.#hosts));
    if (this.#violation !== undefined) throw this.#violation;
    this.#countConflicts();
    return { seed: this.#seed, traceHash: this.#trace.digest('hex'), simulatedMs: this.#clock.monotonicMs(), counts: this.#counts };
  }

  /** Clients that submit, repeat, and now and then bring another content under an id in use. */
  #clients(): void {
    const random = this.#random.fork();
    const clients = 1 + random.below(6);
    const ids = 1 + random.below(60);
    const conflicts = random.chance(0.5) ? 0 : random.uniform() * 0.2;
    for (let client = 0; client < clients; client += 1) {
      const next = (): void => {
        if (this.#stormIsOver) return;
        const ticks = random.chance(conflicts) ? 2 : 1;
        const receipt = { receiptId: `r${random.below(ids)}`, transactionId: '', hash: Uint8Array.of(1), ticks, spanId: 1n, committed: true };
        void this.#submit(random.pick(this.#hosts), receipt, random).finally(() => this.#clock.after(random.uniform() * 800, next));
      };
      this.#clock.after(random.uniform() * 500, next);
    }
  }

  /** In some seeds, applications that bring two contents under one new id to two regions at once, again and again, among others that do not. */
  #rivals(): void {
    // Of its own stream: seeds that have none of it are as they were.
    const random = new Random(this.#seed ^ 0x71_7a15);
    if (random.chance(0.7)) return;
    const everyMs = 50 + random.below(1_500);
    const share = random.uniform();
    let count = 0;
    const next = (): void => {
      if (this.#stormIsOver) return;
      count += 1;
      const receipt = { receiptId: `rival-${count}`, transactionId: '', hash: Uint8Array.of(1), ticks: 1, spanId: 1n, committed: true };
      void this.#submit(random.pick(this.#hosts), receipt, random);
      if (random.chance(share)) void this.#submit(random.pick(this.#hosts), { ...receipt, ticks: 2 }, random);
      this.#clock.after(random.uniform() * 2 * everyMs, next);
    };
    this.#clock.after(0, next);
  }

  async #submit(host: Host, receipt: Receipt, random: Random): Promise<void> {
    const { region } = host;
    if (region === undefined) return;
    const life = host.starts;
    const waitFor = random.pick(['quorum', 'all', 'local'] as const);
    const gaveUp = this.#clock.sleep(500 + random.below(20_000));
    try {
      const call = region.sync(receipt, { waitFor, deadlineMs: random.chance(0.3) ? random.below(3_000) : undefined });
      const result = await Promise.race([call, gaveUp]);
      if (result === undefined || host.starts !== life || host.region === undefined) return;
      this.#count(`outcome ${result.outcome}`);
      this.#trace.update(`${this.#clock.monotonicMs()} ${host.id} ${result.receiptId} ${result.outcome} ${result.weight}\n`);
      this.#promise(host.id, result.receiptId, result.digest);
      for (const checker of this.#checkers) this.#guarded(checker, () => checker.returned?.(host, result, this.#hosts));
    } catch (error) {
      if (!(error instanceof ReceiptSyncError)) this.#violation ??= error;
      else this.#count(`refused ${error.code}`);
    }
  }

  /** Crashes, cuts, full disks, failing fsyncs, jumping clocks: each at its own rate, which may be none. */
  #faults(): void {
    const random = this.#random.fork();
    const everyMs = (most: number): number => (random.chance(0.3) ? Number.POSITIVE_INFINITY : 500 + random.uniform() * most);
    const kinds: readonly (readonly [string, number, () => void])[] = [
      ['crash', everyMs(10_000), () => this.#powerCut(random.pick(this.#hosts), 100 + random.below(8_000))],
      ['cut', everyMs(8_000), () => this.#cut(random)],
      ['full disk', everyMs(20_000), () => this.#fill(random.pick(this.#hosts), random.below(5_000))],
      ['failed fsync', everyMs(20_000), () => this.#failFsync(random.pick(this.#hosts), random.below(3_000))],
      ['slow disk', everyMs(20_000), () => this.#slowDown(random.pick(this.#hosts), random.below(5_000))],
      ['clock jump', everyMs(20_000), () => this.#clock.jumpWall((random.uniform() - 0.5) * 63_000_000_000)],
    ];
    for (const [kind, meanMs, happen] of kinds) {
      const again = (): void => {
        if (this.#stormIsOver || meanMs === Number.POSITIVE_INFINITY) return;
        this.#clock.after(meanMs * 2 * random.uniform(), () => {
          if (this.#stormIsOver) return;
          this.#count(kind);
          this.#trace.update(`${this.#clock.monotonicMs()} ${kind}\n`);
          happen();
          again();
        });
      };
      again();
    }
  }

  #powerCut(host: Host, downMs: number): void {
    if (host.region === undefined) return;
    host.crash();
    this.#clock.after(downMs, () => void host.start().catch((error: unknown) => (this.#violation ??= error)));
  }

  #cut(random: Random): void {
    const [a, b] = [random.pick(this.#hosts).id, random.pick(this.#hosts).id];
    const ways = random.chance(0.5) ? [`${a}>${b}`] : [`${a}>${b}`, `${b}>${a}`];
    for (const way of ways) this.#net.cuts.add(way);
    this.#clock.after(random.below(10_000), () => {
      for (const way of ways) this.#net.cuts.delete(way);
    });
  }

  #fill({ faults }: Host, forMs: number): void {
    faults.isFull = true;
    this.#clock.after(forMs, () => {
      faults.isFull = false;
    });
  }

  /** After a failed fsync the region takes nothing until it is restarted: so somebody restarts it. */
  #failFsync(host: Host, afterMs: number): void {
    host.faults.failsNext = true;
    this.#clock.after(afterMs, () => {
      host.faults.failsNext = false;
      this.#powerCut(host, 200);
    });
  }

  #slowDown({ faults }: Host, forMs: number): void {
    faults.fsyncMs = 200;
    this.#clock.after(forMs, () => {
      faults.fsyncMs = 1;
    });
  }

  /** No more faults: every machine is up, every way open; then nothing may be owed within a bound. */
  async #calm(): Promise<void> {
    this.#stormIsOver = true;
    Object.assign(this.#net.weather, { loss: 0, duplication: 0, delay: 0 });
    const untilMs = this.#clock.monotonicMs() + CALM_MS_MAX;
    await this.#clock.advance(20_000);
    this.#net.cuts.clear();
    for (const host of this.#hosts) {
      Object.assign(host.faults, { fsyncMs: 1, isFull: false, failsNext: false });
      if (host.region?.overview().store === 'failed') this.#powerCut(host, 100);
    }
    while (this.#clock.monotonicMs() < untilMs && !(await this.#isQuiet())) await this.#clock.advance(2_000);
    // A sync point a second, and what a crash has swallowed is told again every ten.
    await this.#clock.advance(30_000);
    assert(
      this.#hosts.every(({ region }) => region !== undefined),
      'every machine is up again',
    );
  }

  async #isQuiet(): Promise<boolean> {
    const status = Promise.all(this.#hosts.map(async ({ region }) => region?.status()));
    let all: readonly (readonly { readonly owedCount: number }[] | undefined)[] = [];
    void status.then((known) => (all = known));
    await this.#clock.advance(10);
    return all.length > 0 && all.every((links) => links?.every(({ owedCount }) => owedCount === 0) === true);
  }

  /** What only conflicts bring about. */
  #countConflicts(): void {
    for (const { disk, signing } of this.#hosts) {
      const places = [...disk.index.values()].flatMap((known) => known.places.filter(({ log }) => log === OWN_LOG).slice(1));
      for (const _ of places) this.#count('appended again');
      for (const { kept } of disk.logs.values()) for (const { slot } of kept) if (slot > 0) this.#count('kept for ever');
      if ((disk.logs.get(OWN_LOG)?.refused.length ?? 0) > (signing?.refusedLinesMax ?? 0)) this.#count('more refused than lines');
    }
  }

  #promise(region: string, receiptId: string, digest: string): void {
    for (const checker of this.#checkers) checker.acknowledged?.({ region, receiptId, digest });
  }

  #note(region: string, event: SyncEvent): void {
    // Within these faults nobody forgets, forks or sends twice: an alarm that says so is wrong.
    if (event.kind === 'alarm' && !isExpected(event.alarm)) this.#violation ??= new Violation(`seed ${this.#seed}: false alarm: ${event.message}`);
    this.#count(event.kind);
    this.#trace.update(`${this.#clock.monotonicMs()} ${region} ${JSON.stringify(event)}\n`);
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  #guarded(checker: Checker, check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#violation ??= error instanceof Violation ? new Violation(`seed ${this.#seed}: ${checker.name}: ${error.message}`) : error;
    }
  }
}
