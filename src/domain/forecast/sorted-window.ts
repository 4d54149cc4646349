/**
 * The last numbers of a stream, kept in order: quantiles are looked up, a new number costs two binary searches and a move of a few
 * hundred bytes. Several windows of one length lie side by side in one object (`at` says which), so that many stay one allocation.
 *
 * W1  The first `count(at)` numbers of `sorted` at `at` ascend, and are the same multiset as the ring's.
 */
import type { StateArena } from './state-arena.ts';

export class SortedWindows {
  readonly length: number;
  readonly #sorted: Float64Array;
  readonly #ring: Float64Array;
  /** A window's numbers ever pushed. */
  readonly #pushed: Float64Array;

  constructor(arena: StateArena, windows: number, length: number) {
    this.length = length;
    this.#sorted = arena.take(windows * length);
    this.#ring = arena.take(windows * length);
    this.#pushed = arena.take(windows);
  }

  count(at: number): number {
    return Math.min(this.length, this.#pushed[at] as number);
  }

  push(at: number, value: number): void {
    const { length } = this;
    const base = at * length;
    const pushed = this.#pushed[at] as number;
    const slot = base + (pushed % length);
    const count = Math.min(length, pushed);
    let hole = base + count;
    if (pushed >= length) hole = this.#firstNotBelow(base, base + count, this.#ring[slot] as number);
    this.#ring[slot] = value;
    this.#pushed[at] = pushed + 1;
    // What lies between the hole and the place of the new value moves by one; as a block, for it is a third of the window.
    const sorted = this.#sorted;
    const place = this.#firstNotBelow(base, base + count, value);
    if (place <= hole) {
      sorted.copyWithin(place + 1, place, hole);
      sorted[place] = value;
    } else {
      sorted.copyWithin(hole, hole + 1, place);
      sorted[place - 1] = value;
    }
  }

  /** Between the two nearest numbers in proportion (type 7 of Hyndman and Fan); 0 of an empty window. */
  quantile(at: number, share: number): number {
    const count = this.count(at);
    if (count === 0) return 0;
    const rank = Math.min(1, Math.max(0, share)) * (count - 1);
    const below = Math.floor(rank);
    const base = at * this.length;
    const low = this.#sorted[base + below] as number;
    if (below + 1 >= count) return low;
    return low + (rank - below) * ((this.#sorted[base + below + 1] as number) - low);
  }

  /** Each quantile of `shares`, times `factor`, into `out` from `first`: as `quantile`, many in one call. The window must not be empty. */
  quantiles(at: number, shares: readonly number[], factor: number, out: Float64Array, first: number): void {
    const sorted = this.#sorted;
    const last = this.count(at) - 1;
    const base = at * this.length;
    for (let q = 0; q < shares.length; q++) {
      const rank = (shares[q] as number) * last;
      const below = Math.floor(rank);
      const low = sorted[base + below] as number;
      const high = sorted[base + Math.min(below + 1, last)] as number;
      out[first + q] = factor * (low + (rank - below) * (high - low));
    }
  }

  #firstNotBelow(from: number, to: number, value: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] as number) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
