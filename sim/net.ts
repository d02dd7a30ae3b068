import { InvalidEvidenceError } from '../src/errors.ts';
import { checkpointOf } from '../src/log/batch.ts';
import { formatMirrorWord } from '../src/log/mirror-answer.ts';
import type { Delivery, DeliveryReport, MirrorHeaders, MirrorReport, Parcel, Peer, Reading, Shown } from '../src/ports/peer.ts';
import type { MirrorAnswer, ReceiveAnswer, Receiving } from '../src/ports/receiving.ts';
import { receiptFromJson } from '../src/receipt/wire.ts';
import type { Failure } from '../src/region/failure.ts';
import { reset, statusOf, unreachable, wordReport } from './net-failures.ts';
import type { Random } from './random.ts';
import { Rough, type RoughWeather } from './rough.ts';
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

/** One batch as it arrived, and what was said to it. */
export interface Arrived {
  readonly from: string;
  readonly to: string;
  readonly batch: Uint8Array;
  /** Entries of that log that were there before. */
  readonly sizeBefore: number;
  readonly answer: MirrorAnswer;
}

type Way = readonly [from: string, to: string];

/** What one exchange does at the other end. */
interface Asking<Answer> {
  readonly ask: (target: Receiving) => Promise<Answer>;
  /** Told of the answer, whether or not it comes back. */
  readonly answered?: (answer: Answer) => void;
  /** What a request that arrives once more does. */
  readonly again?: (target: Receiving) => Promise<unknown>;
}

/** The way between regions: delays, loses, doubles, cuts. */
export class Net {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly weather: NetWeather;
  /** Pairs `from>to` that nothing passes. */
  readonly cuts: Set<string> = new Set();
  /** The same where many ways are closed together. */
  readonly walls: Set<(from: string, to: string) => boolean> = new Set();
  /** How many times as long a message to or from a region takes, where it is not 1. */
  readonly distances: Map<string, number> = new Map();
  /** Regions that are up, by id. */
  readonly listeners: Map<string, Receiving> = new Map();
  /** The second machines of ids that run twice: whoever sends there reaches the one or the other. */
  readonly twins: Map<string, Receiving> = new Map();
  /** Told of every answer that a region gave, before it is perhaps lost: an acknowledgement given is a promise made. */
  onAnswer: (from: string, parcel: Parcel, answer: ReceiveAnswer) => void = () => undefined;
  /** Told of every batch that a region has answered. */
  onBatch: (arrived: Arrived) => void = () => undefined;
  /** Entries that one region has of the log of another. */
  sizeOf: (origin: string, mirror: string) => number = () => 0;
  /** Told of what went wrong on the way. */
  onTrouble: (what: string) => void = () => undefined;
  #rough: Rough | undefined;

  constructor(clock: VirtualClock, random: Random, weather: NetWeather) {
    this.#clock = clock;
    this.#random = random;
    this.weather = weather;
  }

  /** Resets, corruption, and messages that are late beyond all bounds, from a stream of their own. */
  roughen(weather: RoughWeather, random: Random): void {
    this.#rough = new Rough(weather, random, (what) => this.onTrouble(what));
  }

  /** All of it ends; what is late stays late. */
  calm(): void {
    Object.assign(this.weather, { loss: 0, duplication: 0, delay: 0 });
    this.#rough?.calm();
    this.walls.clear();
  }

  /** How region `from` speaks to region `to`; answers for a sender that has died meanwhile reach nobody. */
  peer(from: string, to: string): Peer {
    return {
      deliver: (parcels) => this.#deliver([from, to], parcels),
      mirror: (batch, headers) => this.#mirror([from, to], batch, headers),
      read: (receiptId) => this.#read([from, to], receiptId),
      shown: () => this.#shown([from, to]),
      close: async () => undefined,
    };
  }

  async #deliver(way: Way, parcels: readonly Parcel[]): Promise<DeliveryReport> {
    const all = (failure: Failure): DeliveryReport => ({ deliveries: parcels.map((): Delivery => ({ kind: 'failed', failure })), batchMax: undefined });
    const receive = (target: Receiving): Promise<readonly ReceiveAnswer[]> => target.receive(parcels.map(({ json }) => receiptFromJson(json)));
    const answered = (answers: readonly ReceiveAnswer[]): void => {
      for (const [n, parcel] of parcels.entries()) {
        const answer = answers[n];
        if (answer !== undefined) this.onAnswer(way[1], parcel, answer);
      }
    };
    const exchanged = await this.#exchange(way, { ask: receive, answered, again: receive });
    if ('failure' in exchanged) return all(exchanged.failure);
    return this.#rough?.badAnswer(parcels.length) ?? { deliveries: exchanged.answer.map(deliveryOf), batchMax: 64 };
  }

  async #mirror(way: Way, batch: Uint8Array, headers: MirrorHeaders): Promise<MirrorReport> {
    const sent = this.#rough?.body(batch) ?? batch;
    const [from, to] = way;
    let sizeBefore = 0;
    const take = (target: Receiving): Promise<MirrorAnswer> => {
      sizeBefore = this.sizeOf(from, to);
      return receiveBatch(target, sent, headers);
    };
    const answered = (answer: MirrorAnswer): void => this.onBatch({ from, to, batch: sent, sizeBefore, answer });
    const exchanged = await this.#exchange(way, { ask: take, answered, again: take });
    return 'failure' in exchanged ? { kind: 'failed', failure: exchanged.failure } : this.#reportOf(exchanged.answer);
  }

  async #read(way: Way, receiptId: string): Promise<Reading> {
    const read = async (target: Receiving): Promise<Reading> => {
      // A copy that has rotted is answered with 500, which is no answer to the question.
      const stored = await target.getStored(receiptId).catch(() => 'rotten' as const);
      if (stored === 'rotten') return { kind: 'failed', failure: statusOf(500) };
      if (stored === undefined) return { kind: 'missing' };
      const refused = stored.refused.map(({ digest, log, index }) => ({ digest, region: target.originOf(log) ?? way[1], index }));
      return { kind: 'held', digest: stored.digest, refused };
    };
    const exchanged = await this.#exchange(way, { ask: read });
    return 'failure' in exchanged ? { kind: 'failed', failure: exchanged.failure } : exchanged.answer;
  }

  async #shown(way: Way): Promise<Shown | undefined> {
    const trouble = this.#rough?.trouble();
    if (trouble !== undefined) return undefined;
    if (!(await this.#travel(way[0], way[1]))) return lost();
    const shown = this.#target(way[1])?.shown();
    return (await this.#travel(way[1], way[0])) ? shown : lost();
  }

  /** There and back. Where a message is lost nobody ever answers: the link's own timer ends the attempt. */
  async #exchange<Answer>([from, to]: Way, { ask, answered, again }: Asking<Answer>): Promise<{ readonly answer: Answer } | { readonly failure: Failure }> {
    const trouble = this.#rough?.trouble();
    if (trouble === 'reset before') return this.#after(reset());
    if (!(await this.#travel(from, to))) return lost();
    const target = this.#target(to);
    if (target === undefined) return { failure: unreachable() };
    if (trouble === 'busy') return { failure: statusOf(429) };
    if (again !== undefined) this.#double([from, to], again);
    if (trouble === 'reset during') {
      // What it says to it counts, though nobody hears it.
      void ask(target).then(answered, () => undefined);
      return this.#after(reset());
    }
    const answer = await ask(target);
    answered?.(answer);
    if (trouble === 'reset after') return { failure: reset() };
    return (await this.#travel(to, from)) ? { answer } : lost();
  }

  #double([from, to]: Way, again: (target: Receiving) => Promise<unknown>): void {
    const arrive = (): void => {
      const target = this.#target(to);
      if (target !== undefined) void again(target);
    };
    if (this.#random.chance(this.weather.duplication)) void this.#travel(from, to).then(arrive);
    const lateMs = this.#rough?.echoMs();
    if (lateMs !== undefined) this.#clock.after(lateMs, arrive);
  }

  async #after(failure: Failure): Promise<{ readonly failure: Failure }> {
    await this.#clock.sleep(this.weather.latencyMs);
    return { failure };
  }

  /** False: the message is gone. */
  async #travel(from: string, to: string): Promise<boolean> {
    const { latencyMs, loss, delay } = this.weather;
    const isSlow = this.#random.chance(delay);
    const lateMs = this.#rough?.lateMs() ?? 0;
    const distance = (this.distances.get(from) ?? 1) * (this.distances.get(to) ?? 1);
    await this.#clock.sleep(latencyMs * distance * (0.5 + this.#random.uniform()) * (isSlow ? 100 : 1) + lateMs);
    return !this.#isCut(from, to) && !this.#random.chance(loss);
  }

  #target(to: string): Receiving | undefined {
    const twin = this.twins.get(to);
    return twin !== undefined && this.#random.chance(0.5) ? twin : this.listeners.get(to);
  }

  #isCut(from: string, to: string): boolean {
    if (this.cuts.has(`${from}>${to}`)) return true;
    for (const isClosed of this.walls) if (isClosed(from, to)) return true;
    return false;
  }

  #reportOf(answer: MirrorAnswer): MirrorReport {
    switch (answer.kind) {
      case 'cosigned':
      case 'refuses': {
        const word = formatMirrorWord(answer);
        return wordReport(this.#rough?.word(word, answer.kind) ?? word);
      }
      case 'size':
        this.#rough?.passSize();
        return answer;
      case 'rejected':
        return { kind: 'failed', failure: statusOf(answer.status) };
      case 'overloaded':
        return { kind: 'failed', failure: statusOf(429) };
      default:
        return { kind: 'failed', failure: statusOf(503) };
    }
  }
}

function lost(): Promise<never> {
  return new Promise(() => undefined);
}

function deliveryOf(answer: ReceiveAnswer): Delivery {
  if (answer.kind === 'acknowledged') return { kind: 'acknowledged' };
  if (answer.kind === 'conflict') return { kind: 'refused', failure: statusOf(409) };
  return { kind: 'failed', failure: statusOf(answer.kind === 'overloaded' ? 429 : 503) };
}

async function receiveBatch(target: Receiving, batch: Uint8Array, headers: MirrorHeaders): Promise<MirrorAnswer> {
  const origin = admit(target, batch);
  return 'kind' in origin ? origin : target.receiveBatch(origin, batch, headers);
}

/** As the listener takes it: what is no batch at all is answered as one that says something wrong. */
function admit(target: Receiving, batch: Uint8Array): ReturnType<Receiving['admitBatch']> {
  try {
    const head = checkpointOf(batch);
    return head.kind === 'more' ? { kind: 'rejected', status: 422, reason: 'cut' } : target.admitBatch(head.note);
  } catch (error) {
    if (error instanceof InvalidEvidenceError) return { kind: 'rejected', status: 422, reason: error.message };
    throw error;
  }
}
