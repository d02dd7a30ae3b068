import type { Clock } from '../src/ports/clock.ts';
import type { SyncEvent } from '../src/ports/observer.ts';
import type { Peer } from '../src/ports/peer.ts';
import type { Signing } from '../src/replication/evidence.ts';
import { openRegion } from '../src/replication/open-region.ts';
import type { Region } from '../src/replication/region.ts';
import type { RegionSettings } from '../src/replication/region-settings.ts';
import { type DiskWeather, MemoryDisk, MemoryFiles, MemoryStore } from './memory-store.ts';
import type { Net } from './net.ts';
import type { Random } from './random.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Faults of one machine's disk, as they are now. */
export interface DiskFaults {
  fsyncMs: number;
  isFull: boolean;
  /** The next fsync fails. */
  failsNext: boolean;
}

/** What runs on a machine. */
export interface Machine {
  readonly settings: RegionSettings;
  readonly signing: Signing | undefined;
}

/** What surrounds a machine. */
export interface HostWorld {
  readonly clock: VirtualClock;
  readonly net: Net;
  readonly observe: (region: string, event: SyncEvent) => void;
  /** Told of every cosignature that is made. */
  readonly cosigned: (region: string, text: string) => void;
}

/** A machine that one region runs on: it can lose power and be started again, its disk stays. */
export class Host {
  readonly settings: RegionSettings;
  readonly disk: MemoryDisk;
  readonly faults: DiskFaults = { fsyncMs: 1, isFull: false, failsNext: false };
  /** How often it was started. */
  starts = 0;
  readonly #world: HostWorld;
  readonly #random: Random;
  #life: { readonly region: Region; readonly store: MemoryStore; readonly end: () => void } | undefined;

  /** What it signs with; without it every link of it is plain. */
  readonly signing: Signing | undefined;

  constructor({ settings, signing }: Machine, random: Random, world: HostWorld) {
    this.settings = settings;
    this.signing = signing;
    this.#random = random;
    this.#world = world;
    this.disk = new MemoryDisk(random.below(0xffff_ffff).toString(16).padStart(32, '0'));
  }

  get id(): string {
    return this.settings.region;
  }

  /** The region, while the machine is up. */
  get region(): Region | undefined {
    return this.#life?.region;
  }

  async start(): Promise<void> {
    this.starts += 1;
    const { clock, end, isAlive } = this.#mortalClock();
    const store = new MemoryStore(this.disk, this.#weather(clock));
    const { net, observe } = this.#world;
    const entropy = this.#random.fork();
    const peer = (to: string) => mortalPeer(net.peer(this.id, to), isAlive);
    const region = await openRegion(this.settings, {
      store,
      clock,
      entropy,
      observe: (event) => observe(this.id, event),
      peer,
      signing: this.#watched(),
      files: new MemoryFiles(this.disk),
    });
    this.#life = { region, store, end };
    net.listeners.set(this.id, region);
  }

  /** The power is gone, this instant. */
  crash(): void {
    this.#world.net.listeners.delete(this.id);
    this.#life?.end();
    this.#life?.store.crash();
    this.#life = undefined;
  }

  /** Its keys, with somebody looking on. */
  #watched(): Signing | undefined {
    if (this.signing === undefined) return undefined;
    const { signer } = this.signing;
    const cosign: typeof signer.cosign = (text, atS) => {
      this.#world.cosigned(this.id, text);
      return signer.cosign(text, atS);
    };
    return {
      ...this.signing,
      signer: { ...signer, logKey: signer.logKey, mirrorKey: signer.mirrorKey, sign: (text, name) => signer.sign(text, name), cosign },
    };
  }

  /** A clock whose timers die with the process. */
  #mortalClock(): { readonly clock: Clock; readonly end: () => void; readonly isAlive: () => boolean } {
    const { clock } = this.#world;
    let isAlive = true;
    const after = (delayMs: number, ring: () => void): (() => void) =>
      clock.after(delayMs, () => {
        if (isAlive) ring();
      });
    const end = (): void => {
      isAlive = false;
    };
    return { clock: { wallMs: () => clock.wallMs(), monotonicMs: () => clock.monotonicMs(), after }, end, isAlive: () => isAlive };
  }

  #weather(clock: Clock): DiskWeather {
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
    return {
      fsync: async () => {
        await sleep(this.faults.fsyncMs * (0.5 + this.#random.uniform()));
        if (!this.faults.failsNext) return;
        this.faults.failsNext = false;
        throw new Error('EIO');
      },
      read: () => sleep(0.05),
      isFull: () => this.faults.isFull,
      survives: () => this.#random.chance(0.5),
    };
  }
}

/** A process that has died sends nothing, and hears of no answer. */
function mortalPeer(peer: Peer, isAlive: () => boolean): Peer {
  const never = (): Promise<never> => new Promise(() => undefined);
  const mortal = async <T>(ask: () => Promise<T>): Promise<T> => {
    if (!isAlive()) return never();
    const answer = await ask();
    return isAlive() ? answer : never();
  };
  return {
    deliver: (parcels, options) => mortal(() => peer.deliver(parcels, options)),
    mirror: (batch, options) => mortal(() => peer.mirror(batch, options)),
    read: (receiptId, signal) => mortal(() => peer.read(receiptId, signal)),
    shown: (signal) => mortal(() => peer.shown(signal)),
    close: () => peer.close(),
  };
}
