/**
 * The last values of a series, one a second, from which its forecaster can be made anew at any time: what moves when a series moves. Forty
 * times smaller than the forecaster's own state, and the same forecasts come of it, for a forecaster depends on nothing but its values.
 *
 * H1. One value a second of the wall clock; a second without one is a missing value (NaN), and so is each of a gap, of GAP_MOST at most.
 * H2. The clock goes back: the value is taken as the next second's, and the series goes on from there.
 * H3. A second that was there already is not taken again.
 */
import { GAP_MOST } from './intake.ts';

export const HISTORY_LENGTH = 600;
const LENGTH_FIRST = 64;

export class SeriesHistory {
  #values = new Float32Array(LENGTH_FIRST);
  #count = 0;
  #newestS = 0;

  /** Of the newest value; 0: none yet. */
  get newestS(): number {
    return this.#newestS;
  }

  /** All that ever came, of which the last HISTORY_LENGTH are here. */
  get count(): number {
    return this.#count;
  }

  observe(second: number, value: number): void {
    if (second === this.#newestS) return;
    const missing = this.#count === 0 || second < this.#newestS ? 0 : Math.min(GAP_MOST, second - this.#newestS - 1);
    for (let at = 0; at < missing; at++) this.#push(Number.NaN);
    this.#push(value);
    this.#newestS = second;
  }

  #push(value: number): void {
    const { length } = this.#values;
    if (this.#count >= length && length < HISTORY_LENGTH) {
      const grown = new Float32Array(Math.min(HISTORY_LENGTH, 2 * length));
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#count % this.#values.length] = value;
    this.#count++;
  }

  /** The n-th of all that ever came; one of the last HISTORY_LENGTH. */
  at(n: number): number {
    return this.#values[n % this.#values.length] as number;
  }

  get oldest(): number {
    return Math.max(0, this.#count - this.#values.length);
  }

  /** Oldest first. */
  values(): Float32Array {
    return Float32Array.from({ length: this.#count - this.oldest }, (_, at) => this.at(this.oldest + at));
  }

  /** Another's values, and those here that came after them. */
  static joined(before: { readonly newestS: number; readonly values: ArrayLike<number> }, after: SeriesHistory): SeriesHistory {
    const joined = new SeriesHistory();
    const { length } = before.values;
    for (let at = 0; at < length; at++) joined.#push(before.values[at] as number);
    joined.#newestS = before.newestS;
    const values = after.values();
    for (let at = 0; at < values.length; at++) {
      const second = after.newestS - (values.length - 1 - at);
      if (second > joined.#newestS) joined.observe(second, values[at] as number);
    }
    return joined;
  }
}
