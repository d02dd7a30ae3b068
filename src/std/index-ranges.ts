/**
 * A set of indexes kept as sorted, disjoint, non-adjacent half-open ranges: what a link owes is nearly always one or two of
 * them, however many million entries they cover. All operations are by binary search plus a splice.
 */
export class IndexRanges {
  /** start, end, start, end, … */
  readonly #edges: number[] = [];
  #count = 0;

  /** How many indexes are in the set. */
  get count(): number {
    return this.#count;
  }

  /** How many ranges it takes to hold them. */
  get fragments(): number {
    return this.#edges.length / 2;
  }

  /** The smallest index, or `undefined` if empty. */
  get first(): number | undefined {
    return this.#edges[0];
  }

  has(index: number): boolean {
    return this.#edgesUpTo(index) % 2 === 1;
  }

  /** What of [start, end) is not in the set, as [start, end) pairs, ascending. */
  missing(start: number, end: number): readonly (readonly [number, number])[] {
    const gaps: (readonly [number, number])[] = [];
    let at = start;
    for (let edge = this.#edgesUpTo(start); at < end; edge += 1) {
      // An odd count of edges before `at`: it is within a range, which ends at this edge.
      const next = Math.min(end, this.#edges[edge] ?? end);
      if (edge % 2 === 0 && at < next) gaps.push([at, next]);
      at = next;
    }
    return gaps;
  }

  /** Adds [start, end). */
  add(start: number, end: number): void {
    if (start >= end) return;
    const edges = this.#edges;
    // A range that ends exactly at `start`, or begins exactly at `end`, is joined.
    let from = this.#edgesBelow(start);
    let to = this.#edgesUpTo(end);
    let low = start;
    let high = end;
    if (from % 2 === 1) {
      from -= 1;
      low = edges[from] ?? start;
    }
    if (to % 2 === 1) {
      high = edges[to] ?? end;
      to += 1;
    }
    this.#count += high - low - this.#covered(from, to);
    edges.splice(from, to - from, low, high);
  }

  /** Removes [start, end). */
  remove(start: number, end: number): void {
    if (start >= end) return;
    const edges = this.#edges;
    let from = this.#edgesUpTo(start);
    let to = this.#edgesBelow(end);
    const replacement: number[] = [];
    let kept = 0;
    if (from % 2 === 1) {
      from -= 1;
      const low = edges[from] ?? start;
      if (low < start) replacement.push(low, start);
      kept += start - low;
    }
    if (to % 2 === 1) {
      const high = edges[to] ?? end;
      if (high > end) replacement.push(end, high);
      kept += high - end;
      to += 1;
    }
    this.#count -= this.#covered(from, to) - kept;
    edges.splice(from, to - from, ...replacement);
  }

  /** Removes and returns up to `countMax` of the smallest indexes, ascending. */
  take(countMax: number): number[] {
    const taken: number[] = [];
    while (taken.length < countMax) {
      const start = this.#edges[0];
      const end = this.#edges[1];
      if (start === undefined || end === undefined) break;
      const until = Math.min(end, start + countMax - taken.length);
      for (let index = start; index < until; index += 1) taken.push(index);
      this.remove(start, until);
    }
    return taken;
  }

  /** The ranges as [start, end) pairs, ascending. */
  ranges(): readonly (readonly [number, number])[] {
    const pairs: [number, number][] = [];
    for (let at = 0; at + 1 < this.#edges.length; at += 2) pairs.push([this.#edges[at] ?? 0, this.#edges[at + 1] ?? 0]);
    return pairs;
  }

  /** Empties the set and returns what it held. */
  drain(): readonly (readonly [number, number])[] {
    const pairs = this.ranges();
    this.#edges.length = 0;
    this.#count = 0;
    return pairs;
  }

  /** How many edges are < `value`. */
  #edgesBelow(value: number): number {
    let low = 0;
    let high = this.#edges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#edges[middle] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many edges are ≤ `value`. */
  #edgesUpTo(value: number): number {
    let low = 0;
    let high = this.#edges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#edges[middle] ?? 0) <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Indexes held by the ranges whose edges are [from, to), both even. */
  #covered(from: number, to: number): number {
    let sum = 0;
    for (let at = from; at + 1 < to; at += 2) sum += (this.#edges[at + 1] ?? 0) - (this.#edges[at] ?? 0);
    return sum;
  }
}
