import { createHash } from 'node:crypto';
import { ReceiptSyncError } from '../src/errors.ts';
import { groupItems } from '../src/log/group.ts';
import { frameLeaves } from '../src/log/growth.ts';
import { OWN_LOG } from '../src/ports/log-store.ts';
import type { SyncEvent } from '../src/ports/observer.ts';
import { policyHash } from '../src/quorum/cluster-policy.ts';
import { checkForkEvidence } from '../src/quorum/fork-evidence.ts';
import type { Receipt } from '../src/receipt/receipt.ts';
import type { RegionSettings } from '../src/replication/region-settings.ts';
import { toHex } from '../src/std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../src/tlog/edge.ts';
import { verifyCertificate } from '../src/verify.ts';
import { Violation } from './checkers/checker.ts';
import { isExpected } from './checkers/no-false-alarm.ts';
import { Host } from './host.ts';
import { Liar } from './liar.ts';
import { Net } from './net.ts';
import { Random } from './random.ts';
import { signerOf, signingOf } from './swarm.ts';
import { VirtualClock } from './virtual-clock.ts';
import type { RunReport } from './world.ts';

const STORM_MS = 25_000;
/** Time enough for every region to look at every other. */
const CALM_MS = 60_000;

/** One seed of a cluster in which one region's keys lie, both of them: 2 × threshold > all weight + its weight. Throws Violation. */
export async function runLiarSeed(seed: number): Promise<RunReport> {
  return new LiarWorld(seed).run();
}

/** Two, in one seed of eight: then nothing of it is taken soon, and nobody learns of its other histories by what it sends. */
function directoriesOf(seed: number): number {
  return new Random(seed ^ 0x2d_125).chance(0.12) ? 2 : 1;
}

class LiarWorld {
  readonly #seed: number;
  readonly #random: Random;
  readonly #clock = new VirtualClock();
  readonly #net: Net;
  readonly #hosts: readonly Host[];
  readonly #liar: Liar;
  readonly #policy: string;
  readonly #counts = new Map<string, number>();
  readonly #trace = createHash('sha256');
  /** Of all ids that anybody uses. */
  readonly #contents = new Map<string, Receipt>();
  #violation: unknown;
  #stormIsOver = false;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
    const random = this.#random;
    const rate = (most: number): number => (random.chance(0.5) ? 0 : random.uniform() * most);
    this.#net = new Net(this.#clock, random.fork(), { latencyMs: 1 + random.below(60), loss: rate(0.15), duplication: rate(0.2), delay: rate(0.05) });
    const honest = 3 + random.below(2);
    const ids = Array.from({ length: honest + 1 }, (_, n) => `region-${n}`);
    // The smallest that one liar can not cheat (SPEC §4).
    const quorumThreshold = Math.floor((ids.length + 1) / 2) + 1;
    const settings = ids.map((region): RegionSettings => {
      const regions = ids.filter((id) => id !== region).map((regionId) => ({ regionId, weight: 1, timeoutMs: 1_000 }));
      return { region, weight: 1, crossRegionSyncEnabled: true, regions, quorumThreshold, maxRetries: 1, retryBackoffMs: 200, exclusive: false };
    });
    const world = { clock: this.#clock, net: this.#net, observe: (region: string, event: SyncEvent) => this.#note(region, event), cosigned: () => undefined };
    this.#hosts = settings.slice(0, honest).map((each) => new Host({ settings: each, signing: signingOf(each) }, random.fork(), world));
    this.#policy = this.#hosts[0]?.signing?.cluster.policyText ?? '';
    const id = ids.at(-1) ?? '';
    const mirrors = ids.slice(0, honest).map((to) => ({ id: to, peer: this.#net.peer(id, to) }));
    const receipt = (): Receipt => this.#receipt(random);
    const startsOf = (to: string): number => this.#hosts.find((host) => host.id === to)?.starts ?? 0;
    this.#liar = new Liar(id, {
      signer: signerOf(id),
      policyHash: policyHash(this.#policy),
      clock: this.#clock,
      random: random.fork(),
      mirrors,
      receipt,
      directories: directoriesOf(seed),
      startsOf,
    });
  }

  async run(): Promise<RunReport> {
    for (const host of this.#hosts) void host.start();
    await this.#clock.runUntil(() => this.#hosts.every(({ region }) => region !== undefined), 1_000);
    this.#net.listeners.set(this.#liar.regionId, this.#liar);
    this.#liar.start();
    this.#clients();
    this.#faults();
    await this.#clock.advance(STORM_MS);
    this.#stormIsOver = true;
    this.#liar.isOver = true;
    Object.assign(this.#net.weather, { loss: 0, duplication: 0, delay: 0 });
    await this.#clock.advance(10_000);
    this.#net.cuts.clear();
    await this.#clock.advance(CALM_MS);
    if (this.#violation !== undefined) throw this.#violation;
    await this.#checkCertificates();
    this.#checkEvidence();
    return { seed: this.#seed, traceHash: this.#trace.digest('hex'), simulatedMs: this.#clock.monotonicMs(), owedMs: undefined, counts: this.#counts };
  }

  /** Few ids, and two contents of each. */
  #receipt(random: Random): Receipt {
    const receiptId = `r${random.below(30)}`;
    const ticks = 1 + random.below(2);
    const receipt = { receiptId, transactionId: '', hash: Uint8Array.of(1), ticks, spanId: 1n, committed: true };
    this.#contents.set(`${receiptId}/${ticks}`, receipt);
    return receipt;
  }

  #clients(): void {
    const random = this.#random.fork();
    const next = (): void => {
      if (this.#stormIsOver) return;
      const { region } = random.pick(this.#hosts);
      if (region !== undefined)
        void region.sync(this.#receipt(random), { waitFor: 'local' }).then(
          ({ outcome }) => this.#count(`outcome ${outcome}`),
          (error: unknown) => {
            if (error instanceof ReceiptSyncError) this.#count(`refused ${error.code}`);
            else this.#violation ??= error;
          },
        );
      this.#clock.after(random.uniform() * 1_500, next);
    };
    next();
  }

  #faults(): void {
    const random = this.#random.fork();
    const again = (): void => {
      this.#clock.after(random.uniform() * 8_000, () => {
        if (this.#stormIsOver) return;
        const host = random.pick(this.#hosts);
        if (random.chance(0.5) && host.region !== undefined) {
          this.#count('crash');
          host.crash();
          this.#clock.after(100 + random.below(4_000), () => void host.start().catch((error: unknown) => (this.#violation ??= error)));
        } else {
          this.#count('cut');
          const way = `${host.id}>${random.pick(this.#hosts).id}`;
          this.#net.cuts.add(way);
          this.#clock.after(random.below(6_000), () => this.#net.cuts.delete(way));
        }
        again();
      });
    };
    again();
  }

  #note(region: string, event: SyncEvent): void {
    const isHonest = event.kind === 'alarm' && event.region !== this.#liar.regionId;
    if (isHonest && !isExpected(event.alarm))
      this.#violation ??= new Violation(`seed ${this.#seed}: false alarm in ${region}: ${event.alarm}: ${event.message}`);
    this.#count(event.kind === 'alarm' ? `alarm ${event.alarm}` : event.kind);
    this.#trace.update(`${this.#clock.monotonicMs()} ${region} ${JSON.stringify(event)}\n`);
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** From all signatures that anybody has given, and those of the liar: never two contents under one id. */
  async #checkCertificates(): Promise<void> {
    const certified = new Map<string, number>();
    const take = async (receipt: Receipt, certificate: string): Promise<boolean> => {
      if (!(await verifyCertificate({ receipt, certificate, policy: this.#policy })).valid) return false;
      const before = certified.get(receipt.receiptId) ?? receipt.ticks;
      certified.set(receipt.receiptId, receipt.ticks);
      if (before !== receipt.ticks) throw new Violation(`seed ${this.#seed}: two contents of ${receipt.receiptId} are certified`);
      return true;
    };
    for (const { history, size, refused } of distinct(this.#liar.shownTexts))
      for (const [index, receipt] of history.receipts.slice(0, size).entries())
        await take(receipt, await this.#liar.origin.certificate(history, index, size, refused));
    for (const [receiptId, contents] of Map.groupBy(this.#contents.values(), (receipt) => receipt.receiptId)) {
      for (const { id, region } of this.#hosts) {
        const made = region?.certificate(receiptId, 'all').catch(() => undefined);
        let certificate: string | undefined;
        void made?.then((text) => (certificate = text));
        await this.#clock.advance(5);
        if (certificate === undefined) continue;
        let isOfOne = false;
        for (const receipt of contents) isOfOne = (await take(receipt, certificate)) || isOfOne;
        if (!isOfOne) throw new Violation(`seed ${this.#seed}: ${id} hands out a certificate of ${receiptId} that does not verify`);
      }
    }
    this.#counts.set('certified', certified.size);
  }

  /** All evidence proves itself; and where two regions hold histories that do not fit, all of them know it. */
  #checkEvidence(): void {
    for (const { id, disk } of this.#hosts)
      for (const text of disk.evidence.values())
        if (!checkForkEvidence(text, this.#policy).valid) throw new Violation(`seed ${this.#seed}: ${id} keeps evidence that is none`);
    this.#checkSlip();
    const copies = this.#hosts.map((host) => this.#leavesOf(host));
    const isForked = copies.some((a) => copies.some((b) => rootAt(a, Math.min(a.length, b.length)) !== rootAt(b, Math.min(a.length, b.length))));
    if (!isForked) return;
    this.#count('forked');
    for (const host of this.#hosts) this.#checkKnows(host);
  }

  /** Who was shown a checkpoint of another history, and has not been down since, finds out once its own copy is so long. */
  #checkSlip(): void {
    const { slip } = this.#liar;
    const host = this.#hosts.find(({ id }) => id === slip?.id);
    if (slip === undefined || host === undefined || host.starts !== slip.starts) return;
    const leaves = this.#leavesOf(host);
    if (leaves.length < 32 * slip.size || rootAt(leaves, 32 * slip.size) === toHex(slip.root)) return;
    this.#count('slipped');
    this.#checkKnows(host);
  }

  #checkKnows({ id, region, disk }: Host): void {
    const alarm = region?.overview().alarms.find((each) => each.alarm === 'fork' && each.region === this.#liar.regionId);
    if (alarm?.evidence === undefined || !disk.evidence.has(alarm.evidence))
      throw new Violation(`seed ${this.#seed}: ${id} does not know that the log was forked`);
  }

  #leavesOf({ disk }: Host): Uint8Array {
    const [log] = [...disk.logs].find(([, { origin }]) => origin === this.#liar.origin.signer.logKey.name) ?? [OWN_LOG];
    const groups = log === OWN_LOG ? [] : (disk.groups.get(log) ?? []);
    return Buffer.concat(groups.map(({ frame }) => frameLeaves(frame, [...groupItems(frame)].length)));
  }
}

function rootAt(leaves: Uint8Array, bytes: number): string {
  return toHex(rootOf(append(EMPTY_EDGE, leaves.subarray(0, bytes)).edge));
}

/** Each text once. */
function distinct<Text extends Liar['shownTexts'][number]>(texts: readonly Text[]): readonly Text[] {
  return [...new Map(texts.map((text) => [text.history.checkpoint(text.size, text.refused).text, text])).values()];
}
