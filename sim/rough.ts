import type { DeliveryReport } from '../src/ports/peer.ts';
import { flipped } from './flip.ts';
import { badAnswer } from './net-failures.ts';
import type { Random } from './random.ts';

/** What can become of an exchange; each rate a probability. */
export interface RoughWeather {
  /** A connection that breaks: before anything arrived, while the other side works on it, after it has committed. */
  reset: number;
  /** A remote that says 429. */
  busy: number;
  /** A message that is late, and how late knows no bound. */
  late: number;
  /** A request that arrives once more, long after. */
  echo: number;
  /**
   * A bit that turns on the way, in a batch or in a signature. Not in sizes and refused lines, which nobody signs: who wants those to be
   * safe from bits that turn has TLS.
   */
  corrupt: number;
}

export type Trouble = 'reset before' | 'reset during' | 'reset after' | 'busy';

/** No message is late by more: the calm has an end. */
const LATE_MS_MAX = 120_000;
const BAD_ANSWER = { kind: 'failed', failure: badAnswer('no JSON object') } as const;

/** The worse half of a network. */
export class Rough {
  readonly #weather: RoughWeather;
  readonly #random: Random;
  readonly #happened: (what: string) => void;

  constructor(weather: RoughWeather, random: Random, happened: (what: string) => void) {
    this.#weather = { ...weather };
    this.#random = random;
    this.#happened = happened;
  }

  calm(): void {
    Object.assign(this.#weather, { reset: 0, busy: 0, late: 0, echo: 0, corrupt: 0 });
  }

  /** What becomes of this exchange, beside delay and loss. */
  trouble(): Trouble | undefined {
    const { reset, busy } = this.#weather;
    if (this.#random.chance(reset)) return this.#say(this.#random.pick(['reset before', 'reset during', 'reset after'] as const));
    return this.#random.chance(busy) ? this.#say('busy') : undefined;
  }

  /** So much later than it should; nearly always 0. */
  lateMs(): number {
    if (!this.#random.chance(this.#weather.late)) return 0;
    this.#say('late message');
    return this.#pareto();
  }

  /** When the request arrives once more. */
  echoMs(): number | undefined {
    if (!this.#random.chance(this.#weather.echo)) return undefined;
    this.#say('late duplicate');
    return this.#pareto();
  }

  /** A batch as it arrives. */
  body(batch: Uint8Array): Uint8Array {
    if (!this.#random.chance(this.#weather.corrupt)) return batch;
    this.#say('corrupt batch');
    return flipped(batch, this.#random);
  }

  /** The body of a 200 as it arrives. One draw each, whatever it is: seeds of the corpus were found so. */
  word(text: string, kind: 'cosigned' | 'refuses'): string {
    const isSpoilt = this.#random.chance(this.#weather.corrupt);
    if (!isSpoilt || kind === 'refuses') return text;
    this.#say('corrupt cosignature');
    return Buffer.from(flipped(Buffer.from(text), this.#random)).toString('utf8');
  }

  /** A 409 on its way: the draw that the corpus knows, and nothing comes of it. */
  passSize(): void {
    this.#random.uniform();
  }

  /** A plain answer that is not the one that counts. */
  badAnswer(parcels: number): DeliveryReport | undefined {
    if (!this.#random.chance(this.#weather.corrupt)) return undefined;
    this.#say('corrupt plain answer');
    return { deliveries: Array.from({ length: parcels }, () => BAD_ANSWER), batchMax: undefined };
  }

  /** Seconds mostly, minutes now and then. */
  #pareto(): number {
    return Math.min(LATE_MS_MAX, 500 / Math.max(this.#random.uniform(), 1e-6));
  }

  #say<What extends string>(what: What): What {
    this.#happened(what);
    return what;
  }
}
