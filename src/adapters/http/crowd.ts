import { OverloadedError } from '../../errors.ts';

const OVERLOAD_RETRY_AFTER_MS = 1_000;

/** Requests of one kind that may be under way at once: more are told to come back (DESIGN law 7). One connection can send thousands without reading an answer. */
export class Crowd {
  readonly #max: number;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Does it, unless too many are at it; then OVERLOADED. */
  async during<T>(take: () => Promise<T>): Promise<T> {
    if (this.#count >= this.#max) throw new OverloadedError('Too many requests of this kind are under way', OVERLOAD_RETRY_AFTER_MS);
    this.#count += 1;
    try {
      return await take();
    } finally {
      this.#count -= 1;
    }
  }
}
