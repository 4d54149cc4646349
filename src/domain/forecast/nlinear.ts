/**
 * NLinear in closed form: the change over `h` steps is linear in how far the last `context` values lie from the newest one, by ridge
 * regression over all windows of the history. λ is chosen, a horizon each, on the last quarter of the windows by absolute error; then
 * everything is used.
 *
 *   x_j = y_{t−j} − y_t  (j = 1 … context − 1)        (XᵀX + λ·s·I) w_h = Xᵀ(y_{t+h} − y_t)        s: mean of the diagonal of XᵀX
 *
 * Source: Zeng et al., AAAI 2023 (subtracting the last value); the closed form and λ by validation are ours.
 * Cost:   see lag-moments.ts, and a Cholesky factor (context³/6) for every λ and horizon; in the background, from the history alone.
 */
import { lagMoments, nlinearGram, nlinearRight } from './lag-moments.ts';
import { cholesky, solveCholesky } from './solve.ts';

export interface NLinear {
  readonly context: number;
  /** `context − 1` weights a horizon, for y_{t−1} first. */
  readonly weights: Float64Array;
}

const RIDGES = [1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 10];
const VALIDATION_SHARE = 0.25;
const WINDOWS_LEAST = 32;

/** Nothing where the series is too short for the windows to be judged. */
export function fitNLinear(series: Float64Array, horizons: readonly number[], context: number): NLinear | undefined {
  const width = context - 1;
  const windows = series.length - context;
  if (windows < 2 * Math.max(...horizons) || windows < WINDOWS_LEAST) return undefined;
  const centred = centre(series);
  const weights = new Float64Array(horizons.length * width);
  const gram = new Float64Array(width * width);
  const factor = new Float64Array(width * width);
  const candidate = new Float64Array(width);
  const split = context - 1 + Math.floor(windows * (1 - VALIDATION_SHARE));
  for (const [h, horizon] of horizons.entries()) {
    const from = context - 1;
    // A window counts for the first fit when its target is known there.
    const early = lagMoments(centred, { from, to: Math.max(from, split - horizon), lags: context, ahead: horizon });
    const earlySize = nlinearGram(early, gram);
    let ridge = RIDGES.at(-1) as number;
    let least = Number.POSITIVE_INFINITY;
    for (const tried of earlySize > 0 ? RIDGES : []) {
      nlinearRight(early, horizon, candidate);
      cholesky(gram, width, tried * earlySize, factor);
      solveCholesky(factor, width, candidate);
      let error = 0;
      for (let t = split; t + horizon < series.length; t++)
        error += Math.abs(
          changeOf(candidate, 0, centred, t, context) + (centred[t] as number) - (centred[t + horizon] as number),
        );
      if (error <= least) [least, ridge] = [error, tried];
    }
    const all = lagMoments(centred, { from, to: series.length - horizon, lags: context, ahead: horizon });
    const size = nlinearGram(all, gram);
    if (!(size > 0)) continue;
    nlinearRight(all, horizon, candidate);
    cholesky(gram, width, ridge * size, factor);
    solveCholesky(factor, width, candidate);
    weights.set(candidate, h * width);
  }
  return { context, weights };
}

/** The change that horizon `h` of the model expects after `series[t]`. */
export function predictNLinear({ weights, context }: NLinear, h: number, series: Float64Array, t: number): number {
  return changeOf(weights, h * (context - 1), series, t, context);
}

function changeOf(weights: Float64Array, at: number, series: Float64Array, t: number, context: number): number {
  const last = series[t] as number;
  const lags = context - 1;
  // Two sums, for each waits for its last addition.
  let [even, odd] = [0, 0];
  let j = 0;
  for (; j + 1 < lags; j += 2) {
    even += (weights[at + j] as number) * ((series[t - 1 - j] as number) - last);
    odd += (weights[at + j + 1] as number) * ((series[t - 2 - j] as number) - last);
  }
  if (j < lags) even += (weights[at + j] as number) * ((series[t - 1 - j] as number) - last);
  return even + odd;
}

function centre(series: Float64Array): Float64Array {
  let sum = 0;
  for (const value of series) sum += value;
  const mean = sum / series.length;
  return series.map((value) => value - mean);
}
