/**
 * What the learning models see of a series: how far its past lies from its newest value. Everything but the level itself is a difference
 * to y_t, so that a model fitted before the level moved still holds after it.
 *
 *   F1  Features at t depend on the values up to t alone; the batch fit replays the same code over the history.
 *
 * Called every step of every series: arguments are bare numbers and arrays, nothing is allocated.
 */
import type { StateArena } from './state-arena.ts';

/** Of the exponentially weighted means, quick to slow: each new value counts this much. */
export const EWMA_RATES: readonly number[] = [0.5, 0.25, 0.1, 0.04, 0.015, 0.005];

export class Ewmas {
  readonly values: Float64Array;
  readonly #seen: Float64Array;

  constructor(arena: StateArena) {
    this.values = arena.take(EWMA_RATES.length);
    this.#seen = arena.take(1);
  }

  push(value: number): void {
    const seen = (this.#seen[0] as number) + 1;
    this.#seen[0] = seen;
    for (let e = 0; e < EWMA_RATES.length; e++) {
      // A plain mean until the rate takes over: the first value is not remembered longer than others.
      const rate = Math.max(EWMA_RATES[e] as number, 1 / seen);
      this.values[e] = (this.values[e] as number) + rate * (value - (this.values[e] as number));
    }
  }
}

const LAGS = 16;
/** Which means the linear model reads. */
const LINEAR_MEANS: readonly number[] = [1, 3, 5];
export const LINEAR_WIDTH = LAGS + LINEAR_MEANS.length + 1;

/** Into `x`: 16 lags, three means, one. `kept` values lie at and before `t`; `unit` makes them about one in size. */
export function linearFeatures(
  x: Float64Array,
  series: Float64Array,
  t: number,
  kept: number,
  ewmas: Float64Array,
  unit: number,
): void {
  const last = series[t] as number;
  const scale = 1 / unit;
  for (let j = 1; j <= LAGS; j++) x[j - 1] = (last - (series[t - Math.min(j, kept - 1)] as number)) * scale;
  for (let e = 0; e < LINEAR_MEANS.length; e++) x[LAGS + e] = (last - (ewmas[LINEAR_MEANS[e] as number] as number)) * scale;
  x[LAGS + LINEAR_MEANS.length] = 1;
}

const TREE_LAGS: readonly number[] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 60, 72, 95];
/** Values that the tree features look back on. */
export const TREE_CONTEXT = 96;
const WINDOWS: readonly number[] = [12, 24, 96];
export const TREE_WIDTH = TREE_LAGS.length + EWMA_RATES.length + 4 * WINDOWS.length + 1;

/** Into `row`; at least TREE_CONTEXT values lie at and before `t`. `origin`: what the level is counted from. */
export function treeFeatures(row: Float32Array, series: Float64Array, t: number, ewmas: Float64Array, origin: number): void {
  const last = series[t] as number;
  let at = 0;
  for (let j = 0; j < TREE_LAGS.length; j++) row[at++] = (series[t - (TREE_LAGS[j] as number)] as number) - last;
  for (let e = 0; e < EWMA_RATES.length; e++) row[at++] = (ewmas[e] as number) - last;
  let [least, most, sum, way] = [last, last, 0, 0];
  let back = 0;
  for (let w = 0; w < WINDOWS.length; w++) {
    const length = WINDOWS[w] as number;
    for (; back < length; back++) {
      const value = series[t - back] as number;
      if (value < least) least = value;
      else if (value > most) most = value;
      sum += value - last;
      if (back < TREE_CONTEXT - 1) way += Math.abs(value - (series[t - back - 1] as number));
    }
    row[at++] = least - last;
    row[at++] = most - last;
    row[at++] = sum / length;
    row[at++] = way / length;
  }
  row[at] = last - origin;
}

export const SMOOTH_WIDTH = EWMA_RATES.length;

/** Into `x`: how far each mean lies from the newest value. */
export function smoothFeatures(x: Float64Array, last: number, ewmas: Float64Array, unit: number): void {
  for (let e = 0; e < EWMA_RATES.length; e++) x[e] = ((ewmas[e] as number) - last) / unit;
}
