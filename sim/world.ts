import { createHash } from 'node:crypto';
import { StoreFailedError } from '../src/errors.ts';
import type { AlarmKind } from '../src/log/alarm.ts';
import type { SyncEvent } from '../src/ports/observer.ts';
import type { Receipt } from '../src/receipt/receipt.ts';
import type { SyncResult, Verification } from '../src/region/sync-result.ts';
import { assert } from '../src/std/assert.ts';
import { ACCUSATIONS, type BeyondCluster, type BeyondStage, beyondCluster, beyondFaults } from './beyond.ts';
import { allCheckers, beyondCheckers } from './checkers/all.ts';
import { type Checker, Violation } from './checkers/checker.ts';
import { EXPECTED, mayBeAccused } from './checkers/no-false-alarm.ts';
import type { Read } from './checkers/read-back.ts';
import { Fate } from './fate.ts';
import { aimedCrashes } from './faults/aimed.ts';
import { diskFaults, flipRate } from './faults/disks.ts';
import { evidenceFiles } from './faults/files.ts';
import { firstFaults } from './faults/first.ts';
import { machineFaults } from './faults/machines.ts';
import { roughNet } from './faults/net.ts';
import { partitions } from './faults/partitions.ts';
import { restless } from './faults/restless.ts';
import { stutters } from './faults/stutters.ts';
import { type Feature, featuresOf, type RunOptions } from './features.ts';
import { Host, type HostWorld, SOUND_DISK } from './host.ts';
import type { MemoryDisk } from './memory-disk.ts';
import { Net } from './net.ts';
import { Random } from './random.ts';
import { machinesOf } from './swarm.ts';
import { Tellings } from './tellings.ts';
import { VirtualClock } from './virtual-clock.ts';
import { clients, rivals } from './workload/clients.ts';
import { collectors } from './workload/collectors.ts';
import { bursts, readers } from './workload/readers.ts';
import { shoppers } from './workload/shoppers.ts';

/** Simulated time with faults. */
const STORM_MS = 30_000;
const STORMS_MS = [5_000, 10_000, 10_000, 20_000, STORM_MS] as const;
/**
 * From the last fault until nothing is owed: three times the longest that a link waits by itself (30 s), for what one delivery may make the
 * next one wait for.
 */
const OWED_MS_MAX = 90_000;
/** A machine whose store does not open is started again after this. */
const START_AGAIN_MS = 1_000;

/** What a seed did, for sums over many. */
export interface RunReport {
  readonly seed: number;
  /** The same seed has the same hash of everything that happened. */
  readonly traceHash: string;
  readonly simulatedMs: number;
  /** Simulated time from the end of the faults until nothing was owed; `undefined` where something may be owed for ever. */
  readonly owedMs: number | undefined;
  /** How often each kind of thing happened. */
  readonly counts: ReadonlyMap<string, number>;
}

/** One seed: a cluster, a workload, faults, and then a calm in which everything must come right. Throws Violation. */
export async function runSeed(seed: number, options: RunOptions = {}): Promise<RunReport> {
  return new World(seed, options).run();
}

/** What a message that a bit has turned in raises where it arrives: nobody is accused by it. */
const CORRUPT_ALARMS: readonly AlarmKind[] = ['bad-certified-checkpoint', 'log-differs'];
/** … and a disk that gives back what was never written: here, and where it was sent to. */
const ROTTEN_ALARMS: readonly AlarmKind[] = ['rotten', 'log-differs'];

/** One seed whose faults exceed what is stated: then regions may refuse, alarm and wait, and never answer wrongly. Throws Violation. */
export async function runBeyondSeed(seed: number, options: RunOptions = {}): Promise<RunReport> {
  return new World(seed, options, beyondCluster(seed)).run();
}

class World implements BeyondStage {
  readonly seed: number;
  readonly clock: VirtualClock = new VirtualClock();
  readonly net: Net;
  readonly hosts: Host[];
  /** Where faults exceed what is stated. */
  readonly #beyond: BeyondCluster | undefined;
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #features: ReadonlySet<Feature>;
  readonly #expected: ReadonlySet<AlarmKind>;
  readonly #checkers: readonly Checker[];
  readonly #tellings: Tellings;
  readonly #trace = createHash('sha256');
  readonly #counts = new Map<string, number>();
  #owedMs: number | undefined;
  #violation: unknown;
  #stormIsOver = false;

  constructor(seed: number, options: RunOptions, beyond?: BeyondCluster) {
    this.seed = seed;
    this.#beyond = beyond;
    this.#options = options;
    this.#features = featuresOf(options);
    this.#random = new Random(seed);
    const random = this.#random;
    const rate = (most: number): number => (random.chance(0.4) ? 0 : random.uniform() * most);
    this.net = new Net(this.clock, random.fork(), { latencyMs: 1 + random.below(60), loss: rate(0.2), duplication: rate(0.2), delay: rate(0.05) });
    const flips = flipRate(this);
    const isRough = roughNet(this);
    this.#expected = new Set([...EXPECTED, ...(isRough ? CORRUPT_ALARMS : []), ...(flips > 0 ? ROTTEN_ALARMS : [])]);
    this.#checkers = beyond === undefined ? allCheckers(this.#expected) : beyondCheckers();
    this.#tellings = new Tellings(this);
    this.net.onAnswer = (region, { receiptId, digest }, answer) => {
      if (answer.kind === 'acknowledged') this.#promise({ region, receiptId, digest });
    };
    const machines = beyond?.machines ?? machinesOf(this, random);
    this.hosts = machines.map((machine) => new Host(machine, random.fork(), this.#surroundings()));
  }

  async run(): Promise<RunReport> {
    const over = Promise.allSettled(this.hosts.map((host) => host.start()));
    await this.clock.runUntil(() => this.hosts.every(({ region }) => region !== undefined), 1_000);
    await over;
    clients(this, this.#random.fork());
    rivals(this);
    firstFaults(this, this.#random.fork());
    partitions(this);
    diskFaults(this);
    evidenceFiles(this);
    aimedCrashes(this);
    machineFaults(this);
    shoppers(this);
    readers(this);
    bursts(this);
    collectors(this);
    stutters(this);
    restless(this);
    if (this.#beyond !== undefined) beyondFaults(this, this.#beyond.faulty);
    await this.clock.advance(this.#options.stormMs ?? this.#stormMs());
    await (this.#beyond === undefined ? this.#calm() : this.#aftermath());
    if (this.#violation !== undefined) throw this.#violation;
    for (const checker of this.#checkers) this.#guarded(checker, () => checker.finished(this.hosts));
    if (this.#violation !== undefined) throw this.#violation;
    this.#tellings.finished();
    return { seed: this.seed, traceHash: this.#trace.digest('hex'), simulatedMs: this.clock.monotonicMs(), owedMs: this.#owedMs, counts: this.#counts };
  }

  /** Many short storms find more in the same time than few long ones; some bugs need the long ones. */
  #stormMs(): number {
    return this.has('short storms') ? new Random(this.seed ^ 0x57_0a11).pick(STORMS_MS) : STORM_MS;
  }

  has(feature: Feature): boolean {
    return this.#features.has(feature);
  }

  isOver(): boolean {
    return this.#stormIsOver;
  }

  count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  happened(what: string): void {
    this.count(what);
    this.#trace.update(`${this.clock.monotonicMs()} ${what}\n`);
  }

  failed(error: unknown): void {
    this.#violation ??= error;
  }

  powerCut(host: Host, downMs: number): void {
    if (host.fate === undefined ? host.region === undefined : !host.isOn) return;
    host.crash();
    this.clock.after(downMs, () => this.#restart(host));
  }

  restart(host: Host, downMs: number): void {
    host.stop(1_000).then(
      (isDown) => {
        if (isDown) this.clock.after(downMs, () => this.#restart(host));
      },
      (error: unknown) => this.failed(error),
    );
  }

  asked(host: Host, receiptId: string, answer: Promise<unknown>): void {
    for (const checker of this.#checkers) checker.asked?.(host, receiptId, answer);
  }

  returned(host: Host, result: SyncResult): void {
    this.count(`outcome ${result.outcome}`);
    this.#trace.update(`${this.clock.monotonicMs()} ${host.id} ${result.receiptId} ${result.outcome} ${result.weight}\n`);
    this.#promise({ region: host.id, receiptId: result.receiptId, digest: result.digest });
    for (const checker of this.#checkers) this.#guarded(checker, () => checker.returned?.(host, result, this.hosts));
  }

  certified(host: Host, receipt: Receipt, certificate: string): void {
    for (const checker of this.#checkers) this.#guarded(checker, () => checker.certified?.(host, { receipt, certificate }, this.hosts));
  }

  verified(host: Host, receiptId: string, verification: Verification): void {
    for (const checker of this.#checkers) this.#guarded(checker, () => checker.verified?.(host, { ...verification, receiptId }, this.hosts));
  }

  read(host: Host, read: Read): void {
    for (const checker of this.#checkers) this.#guarded(checker, () => checker.read?.(host, read));
  }

  /** Where its disk does not let it, again and again: somebody will have replaced it. */
  #restart(host: Host): void {
    if (host.isOn) return;
    host.start().catch((error: unknown) => {
      if (!(error instanceof StoreFailedError)) return this.failed(error);
      this.happened('a start failed');
      this.clock.after(START_AGAIN_MS, () => this.#restart(host));
    });
  }

  #surroundings(): HostWorld {
    const { clock, net, seed } = this;
    return {
      clock,
      net,
      hosts: () => this.hosts,
      fate: this.has('crash at await') || this.has('pauses') ? () => new Fate(clock) : undefined,
      flips: new Random(seed ^ 0xf1_1b18),
      observe: (region, event) => this.#note(region, event),
      signed: (region, text, host) => {
        for (const checker of this.#checkers) this.#guarded(checker, () => checker.signed?.(region, text, host));
      },
      cosigned: (region, text, host) => {
        for (const checker of this.#checkers) this.#guarded(checker, () => checker.cosigned?.(region, text, host));
      },
    };
  }

  twin(host: Host, disk: MemoryDisk): void {
    const twin = new Host(host, new Random(this.seed ^ 0x71_415), { ...this.#surroundings(), listeners: this.net.twins }, disk);
    this.hosts.push(twin);
    this.#restart(twin);
  }

  /** No more faults, but what is lost stays lost: nothing has to come right, and everybody has time to notice. */
  async #aftermath(): Promise<void> {
    this.#endStorm();
    await this.clock.advance(20_000);
    this.net.cuts.clear();
    for (const host of this.hosts) Object.assign(host.faults, SOUND_DISK);
    await this.clock.advance(40_000);
  }

  #endStorm(): void {
    this.#stormIsOver = true;
    this.net.calm();
    for (const { fate } of this.hosts) {
      fate?.spare();
      fate?.resume();
    }
  }

  /** No more faults: every machine is up, every way open; then nothing may be owed within a bound. */
  async #calm(): Promise<void> {
    this.#endStorm();
    await this.clock.advance(20_000);
    this.net.cuts.clear();
    for (const host of this.hosts) {
      Object.assign(host.faults, SOUND_DISK);
      if (host.region?.overview().store === 'failed') this.powerCut(host, 100);
    }
    const freeMs = this.clock.monotonicMs();
    while (!(await this.#isQuiet())) {
      if (this.clock.monotonicMs() > freeMs + OWED_MS_MAX)
        return this.failed(new Violation(`seed ${this.seed}: something is owed still, ${OWED_MS_MAX / 1_000} s after the last fault`));
      await this.clock.advance(2_000);
    }
    this.#owedMs = this.clock.monotonicMs() - freeMs;
    // A sync point a second, and what a crash has swallowed is told again every ten.
    await this.clock.advance(30_000);
    assert(
      this.hosts.every(({ region }) => region !== undefined),
      'every machine is up again',
    );
  }

  async #isQuiet(): Promise<boolean> {
    const status = Promise.all(this.hosts.map(async ({ region }) => region?.status()));
    let all: readonly (readonly { readonly owedCount: number }[] | undefined)[] = [];
    void status.then((known) => (all = known));
    await this.clock.advance(10);
    return all.length > 0 && all.every((links) => links?.every(({ owedCount }) => owedCount === 0) === true);
  }

  #promise(promise: { readonly region: string; readonly receiptId: string; readonly digest: string }): void {
    for (const checker of this.#checkers) checker.acknowledged?.(promise);
  }

  #note(region: string, event: SyncEvent): void {
    if (event.kind === 'alarm') this.#judge(event);
    this.#tellings.event(event);
    this.#trace.update(`${this.clock.monotonicMs()} ${region} ${JSON.stringify(event)}\n`);
  }

  /** Within the stated faults nobody forgets, forks or sends twice: an alarm that says so is wrong. Beyond them, of all who have lost nothing. */
  #judge({ alarm, region, message }: SyncEvent & { readonly kind: 'alarm' }): void {
    const isExpected = this.#beyond === undefined ? this.#expected.has(alarm) : !ACCUSATIONS.has(alarm) || mayBeAccused(this.hosts, region);
    if (!isExpected) this.failed(new Violation(`seed ${this.seed}: false alarm: ${message}`));
    if (!ACCUSATIONS.has(alarm)) return;
    for (const host of this.hosts) if (host.id === region) host.accused.add(alarm);
    for (const checker of this.#checkers) checker.accused?.(region);
  }

  #guarded(checker: Checker, check: () => void): void {
    try {
      check();
    } catch (error) {
      this.failed(error instanceof Violation ? new Violation(`seed ${this.seed}: ${checker.name}: ${error.message}`) : error);
    }
  }
}
