import { STATUS_CODES } from 'node:http';
import { checkpointOf } from '../src/log/batch.ts';
import { formatMirrorWord, parseMirrorWord } from '../src/log/mirror-answer.ts';
import type { Delivery, DeliveryReport, MirrorHeaders, MirrorReport, Parcel, Peer, Reading, Shown } from '../src/ports/peer.ts';
import type { MirrorAnswer, ReceiveAnswer, Receiving } from '../src/ports/receiving.ts';
import { receiptFromJson } from '../src/receipt/wire.ts';
import type { Failure } from '../src/region/failure.ts';
import type { Random } from './random.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What the network does to messages; each a probability or a span of ms. */
export interface NetWeather {
  readonly latencyMs: number;
  /** A message that never arrives, in either direction. */
  loss: number;
  /** A request that arrives twice. */
  duplication: number;
  /** A message that takes a hundred times as long. */
  delay: number;
}

/** The way between regions: delays, loses, doubles, cuts. */
export class Net {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly weather: NetWeather;
  /** Pairs `from>to` that nothing passes. */
  readonly cuts: Set<string> = new Set();
  /** Regions that are up, by id. */
  readonly listeners: Map<string, Receiving> = new Map();
  /** Told of every answer that a region gave, before it is perhaps lost: an acknowledgement given is a promise made. */
  onAnswer: (from: string, parcel: Parcel, answer: ReceiveAnswer) => void = () => undefined;

  constructor(clock: VirtualClock, random: Random, weather: NetWeather) {
    this.#clock = clock;
    this.#random = random;
    this.weather = weather;
  }

  /** How region `from` speaks to region `to`; answers for a sender that has died meanwhile reach nobody. */
  peer(from: string, to: string): Peer {
    return {
      deliver: (parcels) => this.#deliver(from, to, parcels),
      mirror: (batch, headers) => this.#mirror(from, to, { batch, headers }),
      read: (receiptId) => this.#read(from, to, receiptId),
      shown: () => this.#shown(from, to),
      close: async () => undefined,
    };
  }

  async #deliver(from: string, to: string, parcels: readonly Parcel[]): Promise<DeliveryReport> {
    const all = (failure: Failure): DeliveryReport => ({ deliveries: parcels.map((): Delivery => ({ kind: 'failed', failure })), batchMax: undefined });
    if (!(await this.#travel(from, to))) return lost();
    const target = this.listeners.get(to);
    if (target === undefined) return all(unreachable());
    if (this.#random.chance(this.weather.duplication))
      void this.#travel(from, to).then(() => this.listeners.get(to)?.receive(parcels.map(({ json }) => receiptFromJson(json))));
    const answers = await target.receive(parcels.map(({ json }) => receiptFromJson(json)));
    for (const [n, parcel] of parcels.entries()) {
      const answer = answers[n];
      if (answer !== undefined) this.onAnswer(to, parcel, answer);
    }
    if (!(await this.#travel(to, from))) return lost();
    return { deliveries: answers.map(deliveryOf), batchMax: 64 };
  }

  async #mirror(from: string, to: string, { batch, headers }: { readonly batch: Uint8Array; readonly headers: MirrorHeaders }): Promise<MirrorReport> {
    if (!(await this.#travel(from, to))) return lost();
    const target = this.listeners.get(to);
    if (target === undefined) return { kind: 'failed', failure: unreachable() };
    if (this.#random.chance(this.weather.duplication)) {
      void this.#travel(from, to).then(() => {
        const again = this.listeners.get(to);
        if (again !== undefined) void receiveBatch(again, batch, headers);
      });
    }
    const answer = await receiveBatch(target, batch, headers);
    if (!(await this.#travel(to, from))) return lost();
    return reportOf(answer);
  }

  async #read(from: string, to: string, receiptId: string): Promise<Reading> {
    if (!(await this.#travel(from, to))) return lost();
    const target = this.listeners.get(to);
    if (target === undefined) return { kind: 'failed', failure: unreachable() };
    const stored = await target.getStored(receiptId);
    if (!(await this.#travel(to, from))) return lost();
    if (stored === undefined) return { kind: 'missing' };
    const refused = stored.refused.map(({ digest, log, index }) => ({ digest, region: target.originOf(log) ?? to, index }));
    return { kind: 'held', digest: stored.digest, refused };
  }

  async #shown(from: string, to: string): Promise<Shown | undefined> {
    if (!(await this.#travel(from, to))) return lost();
    const shown = this.listeners.get(to)?.shown();
    return (await this.#travel(to, from)) ? shown : lost();
  }

  /** False: the message is gone. */
  async #travel(from: string, to: string): Promise<boolean> {
    const { latencyMs, loss, delay } = this.weather;
    const isSlow = this.#random.chance(delay);
    await this.#clock.sleep(latencyMs * (0.5 + this.#random.uniform()) * (isSlow ? 100 : 1));
    return !this.cuts.has(`${from}>${to}`) && !this.#random.chance(loss);
  }
}

/** Nobody ever answers; the link's own timer ends the attempt. */
function lost(): Promise<never> {
  return new Promise(() => undefined);
}

function unreachable(): Failure {
  return { code: 'UNREACHABLE', message: 'Network error: ECONNREFUSED', retryable: true, consequence: 'owed', countsAgainst: true };
}

function deliveryOf(answer: ReceiveAnswer): Delivery {
  if (answer.kind === 'acknowledged') return { kind: 'acknowledged' };
  if (answer.kind === 'conflict') return { kind: 'refused', failure: statusOf(409) };
  return { kind: 'failed', failure: statusOf(answer.kind === 'overloaded' ? 429 : 503) };
}

async function receiveBatch(target: Receiving, batch: Uint8Array, headers: MirrorHeaders): Promise<MirrorAnswer> {
  const head = checkpointOf(batch);
  if (head.kind === 'more') return { kind: 'rejected', status: 422, reason: 'cut' };
  const origin = target.admitBatch(head.note);
  return 'kind' in origin ? origin : target.receiveBatch(origin, batch, headers);
}

function reportOf(answer: MirrorAnswer): MirrorReport {
  switch (answer.kind) {
    case 'cosigned':
    case 'refuses':
      return parseMirrorWord(formatMirrorWord(answer));
    case 'size':
      return answer;
    case 'rejected':
      return { kind: 'failed', failure: statusOf(answer.status) };
    case 'overloaded':
      return { kind: 'failed', failure: statusOf(429) };
    default:
      return { kind: 'failed', failure: statusOf(503) };
  }
}

function statusOf(status: number): Failure {
  const message = `HTTP error ${status}: ${STATUS_CODES[status]}`;
  if (status === 403 || status === 404) return { code: 'UNAUTHENTICATED', message, status, retryable: false, consequence: 'pause', countsAgainst: true };
  if (status === 422) return { code: 'REFUSED', message, status, retryable: false, consequence: 'park', countsAgainst: false };
  if (status === 409) return { code: 'CONFLICT', message, status, retryable: false, consequence: 'park', countsAgainst: false };
  return { code: 'HTTP_STATUS', message, status, retryable: status === 503, consequence: 'owed', countsAgainst: status === 503 };
}
