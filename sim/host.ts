import type { AlarmKind } from '../src/log/alarm.ts';
import type { Clock } from '../src/ports/clock.ts';
import { OWN_LOG } from '../src/ports/log-store.ts';
import type { SyncEvent } from '../src/ports/observer.ts';
import type { Signing } from '../src/replication/evidence.ts';
import { openRegion } from '../src/replication/open-region.ts';
import type { Region } from '../src/replication/region.ts';
import type { RegionSettings } from '../src/replication/region-settings.ts';
import type { Fate } from './fate.ts';
import { fatedListener, fatedPeer, fatedStore, mortalPeer } from './fated.ts';
import { flipped } from './flip.ts';
import { MemoryDisk } from './memory-disk.ts';
import { type DiskWeather, MemoryFiles, MemoryStore } from './memory-store.ts';
import type { Net } from './net.ts';
import type { Random } from './random.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Faults of one machine's disk, as they are now. */
export interface DiskFaults {
  fsyncMs: number;
  readMs: number;
  isFull: boolean;
  /** The next fsync fails. */
  failsNext: boolean;
  /** Every fsync fails, over restarts too, until somebody replaces the controller. */
  isBroken: boolean;
  /** How probable it is that a read gives back a bit that was never written. */
  flips: number;
}

/** A disk as it should be. */
export const SOUND_DISK: Readonly<DiskFaults> = { fsyncMs: 1, readMs: 0.05, isFull: false, failsNext: false, isBroken: false, flips: 0 };

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
  readonly cosigned: (region: string, text: string, host: Host) => void;
  /** All machines, where somebody asks for them. */
  readonly hosts?: (() => readonly Host[]) | undefined;
  /** Where a second machine of one id listens. */
  readonly listeners?: Net['listeners'] | undefined;
  /** … and of every signature of a log's key. */
  readonly signed?: ((region: string, text: string, host: Host) => void) | undefined;
  /** What becomes of the operations of a machine; without it nothing strikes them. */
  readonly fate?: ((host: string) => Fate) | undefined;
  /** Of its own stream: which bits a disk turns. */
  readonly flips?: Random | undefined;
}

/** One run of a region, from its start to the end of its power. */
interface Life {
  readonly store: MemoryStore;
  readonly end: () => void;
  region: Region | undefined;
}

/** A machine that one region runs on: it can lose power and be started again, its disk stays. */
export class Host {
  readonly settings: RegionSettings;
  readonly faults: DiskFaults = { ...SOUND_DISK };
  readonly fate: Fate | undefined;
  /** Every disk it ever ran on, the newest last. */
  readonly disks: MemoryDisk[];
  /** How often it was started. */
  starts = 0;
  isBurnt = false;
  /** What others say of it, or it says of itself: that it has forgotten, forks, goes back, or sends twice. */
  readonly accused: Set<AlarmKind> = new Set();
  /** Regions that hold its signature, durably, over more of their log than the disk has that it was given. */
  readonly lostTo: Set<string> = new Set();
  /** Regions that hold more of its own log, durably, than the disk has that it was given. */
  readonly lostOwnTo: Set<string> = new Set();
  /** What its own clock is ahead of the others'. */
  skewMs = 0;
  readonly #world: HostWorld;
  readonly #random: Random;
  #life: Life | undefined;

  /** What it signs with; without it every link of it is plain. */
  readonly signing: Signing | undefined;

  /** `disk`: where it goes on with one that there is. */
  constructor({ settings, signing }: Machine, random: Random, world: HostWorld, disk?: MemoryDisk) {
    this.settings = settings;
    this.signing = signing;
    this.#random = random;
    this.#world = world;
    this.fate = world.fate?.(settings.region);
    this.disks = [disk ?? new MemoryDisk(random.below(0xffff_ffff).toString(16).padStart(32, '0'))];
  }

  get id(): string {
    return this.settings.region;
  }

  /** The one it runs on now. */
  get disk(): MemoryDisk {
    const disk = this.disks.at(-1);
    if (disk === undefined) throw new RangeError('a machine has a disk');
    return disk;
  }

  /** The region, while the machine is up. */
  get region(): Region | undefined {
    return this.#life?.region;
  }

  /** All machines of its world, itself among them. */
  get cluster(): readonly Host[] {
    return this.#world.hosts?.() ?? [this];
  }

  /** Has it power, though its region may not be open yet? */
  get isOn(): boolean {
    return this.#life !== undefined;
  }

  /** Has an fsync failed since it was started: can nothing be written before it is started again? */
  get isPoisoned(): boolean {
    return this.#life?.store.isPoisoned === true;
  }

  /** Rejects where the region does not open; then the machine is off again. Never settles where the power goes meanwhile. */
  async start(): Promise<void> {
    if (this.isBurnt) return;
    this.starts += 1;
    const { clock, end, isAlive } = this.#mortalClock();
    const weather = this.#weather(clock);
    const store = new MemoryStore(this.disk, weather);
    const { net, observe } = this.#world;
    const entropy = this.#random.fork();
    const { fate } = this;
    const peer = (to: string) => mortalPeer(fatedPeer(net.peer(this.id, to), fate), isAlive);
    const life: Life = { store, end, region: undefined };
    this.#life = life;
    try {
      const region = await openRegion(this.settings, {
        store: fatedStore(store, fate),
        clock,
        entropy,
        observe: (event) => {
          // What a dead process says nobody hears.
          if (fate === undefined || isAlive()) observe(this.id, event);
        },
        peer,
        signing: this.#watched(isAlive),
        files: new MemoryFiles(this.disk, weather),
      });
      life.region = region;
      this.#listeners.set(this.id, fatedListener(region, fate, isAlive));
    } catch (error) {
      this.crash();
      throw error;
    }
  }

  /** The power is gone, this instant. */
  crash(): void {
    this.#listeners.delete(this.id);
    this.#life?.end();
    this.#life?.store.crash();
    this.#life = undefined;
    this.fate?.forget();
  }

  /** Its region is told to end, and ends; resolves to false where something else has ended it meanwhile. */
  async stop(timeoutMs: number): Promise<boolean> {
    const life = this.#life;
    if (life?.region === undefined) return false;
    await life.region.close(timeoutMs);
    if (this.#life !== life) return false;
    this.crash();
    return true;
  }

  /** The machine is gone for good. */
  burn(): void {
    this.crash();
    this.isBurnt = true;
  }

  /** Somebody puts another disk into the machine, which is off. */
  insert(disk: MemoryDisk): void {
    this.lostTo.clear();
    this.lostOwnTo.clear();
    for (const other of this.cluster) {
      if (hasLost(this, { disk, origin: other })) this.lostTo.add(other.id);
      if (hasLostOwn(this, { disk, mirror: other })) this.lostOwnTo.add(other.id);
    }
    this.disks.push(disk);
  }

  get #listeners(): Net['listeners'] {
    return this.#world.listeners ?? this.#world.net.listeners;
  }

  /** Its keys, with somebody looking on. */
  #watched(isAlive: () => boolean): Signing | undefined {
    if (this.signing === undefined) return undefined;
    const { signer } = this.signing;
    const cosign: typeof signer.cosign = (text, atS) => {
      if (this.fate === undefined || isAlive()) this.#world.cosigned(this.id, text, this);
      return signer.cosign(text, atS);
    };
    const sign: typeof signer.sign = (text, name) => {
      if (this.fate === undefined || isAlive()) this.#world.signed?.(this.id, text, this);
      return signer.sign(text, name);
    };
    return { ...this.signing, signer: { ...signer, logKey: signer.logKey, mirrorKey: signer.mirrorKey, sign, cosign } };
  }

  /** A clock whose timers die with the process. */
  #mortalClock(): { readonly clock: Clock; readonly end: () => void; readonly isAlive: () => boolean } {
    const { clock } = this.#world;
    const { fate } = this;
    let isAlive = true;
    const after = (delayMs: number, ring: () => void): (() => void) => {
      let isCancelled = false;
      const go = (): void => {
        if (isAlive && !isCancelled) ring();
      };
      const cancel = clock.after(delayMs, () => (fate === undefined ? go() : fate.whenMoving(go)));
      return () => {
        isCancelled = true;
        cancel();
      };
    };
    const end = (): void => {
      isAlive = false;
    };
    return { clock: { wallMs: () => clock.wallMs() + this.skewMs, monotonicMs: () => clock.monotonicMs(), after }, end, isAlive: () => isAlive };
  }

  #weather(clock: Clock): DiskWeather {
    const { flips } = this.#world;
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
    return {
      fsync: async () => {
        await sleep(this.faults.fsyncMs * (0.5 + this.#random.uniform()));
        if (!this.faults.failsNext && !this.faults.isBroken) return;
        this.faults.failsNext = false;
        throw new Error('EIO');
      },
      read: () => sleep(this.faults.readMs),
      isFull: () => this.faults.isFull,
      survives: () => this.#random.chance(0.5),
      readBack: (bytes) => (this.faults.flips > 0 && flips?.chance(this.faults.flips) === true ? flipped(bytes, flips) : bytes),
    };
  }
}

/** Does this disk hold less of the log of `origin` than the machine has signed for it, and `origin` has that on disk? */
function hasLost({ id }: Host, { disk, origin }: { readonly disk: MemoryDisk; readonly origin: Host }): boolean {
  return origin.id !== id && (origin.disk.cosigned.get(id)?.size ?? 0) > sizeOf(disk, origin);
}

/**
 * Does it hold less of its own log than `mirror` can show that it has signed? Entries that a mirror refuses it holds without a text of
 * their size, and after a restart it shows none: nobody believes a number (beyond seed 562648214).
 */
function hasLostOwn(host: Host, { disk, mirror }: { readonly disk: MemoryDisk; readonly mirror: Host }): boolean {
  const origin = host.signing?.signer.logKey.name;
  const held = origin === undefined ? undefined : [...mirror.disk.logs.values()].find((log) => log.origin === origin);
  return mirror.id !== host.id && Math.max(0, ...(held?.texts ?? []).map(({ size }) => size)) > disk.size(OWN_LOG);
}

/** What a disk holds of the log of another region. */
export function sizeOf(disk: MemoryDisk, { signing }: Host): number {
  const [log] = [...disk.logs].find(([, { origin }]) => origin !== undefined && origin === signing?.signer.logKey.name) ?? [];
  return log === undefined ? 0 : disk.size(log);
}
