/**
 * The protocol by which forecasts are judged: rolling origins over the last two fifths of a series, no look ahead.
 *
 *   y_0 … y_{n−1}, n ≤ 6000 (the front is kept), a missing value is the one before it
 *   train [0, ntr), ntr = ⌊0.6 n⌋; fit part [0, nf), nf = ⌊0.4 n⌋; calibration origins: every third of [max(nf, 96), ntr − h)
 *   test origins ntr − 1, ntr − 1 + S, … while t + H ≤ n − 1, H the longest horizon; S = 10, more where that gives over 200
 *   models see values up to the origin; fixed ones are fitted on the fit part for their residuals, then on all of train
 *
 *   MASE = MAE / s, s = mean |y_t − y_{t−1}| over train        sMAPE = mean 200 |y − f| / (|y| + |f|)
 *   sCRPS = 2 · mean pinball over the nine deciles / s         coverage80 = share within [q.1, q.9], width80 = its mean width / s
 */
import { TAUS } from '../../domain/forecast/deciles.ts';

export const VALUES_MOST = 6000;
const TRAIN_SHARE = 0.6;
const FIT_SHARE = 0.4;
const CONTEXT = 96;
const STRIDE = 10;
const ORIGINS_MOST = 200;
const CALIBRATION_STRIDE = 3;

export interface Protocol {
  readonly series: Float64Array;
  readonly horizons: readonly number[];
  readonly trainEnd: number;
  readonly fitEnd: number;
  readonly origins: readonly number[];
  /** s. */
  readonly scale: number;
}

export interface Score {
  readonly mae: number;
  readonly mase: number;
  readonly smape: number;
  readonly scrps: number;
  readonly coverage80: number;
  readonly width80: number;
}

/** Why there is nothing to judge by, in words. */
export function unfitFor(raw: Float64Array, horizons: readonly number[]): string {
  const farthest = Math.max(...horizons);
  let least = 4;
  while (Math.floor(TRAIN_SHARE * least) - 1 + farthest > least - 1) least++;
  const has = Math.min(raw.length, VALUES_MOST);
  if (has < least)
    return `${has} values are too few to look ${farthest} steps ahead in the last two fifths of them: ${least} at least`;
  return `it is constant over its first ${Math.floor(TRAIN_SHARE * has)} values, where models are fitted and the errors’ scale is taken from`;
}

/** Nothing for a series too short to have a test origin, or constant over its training part. */
export function protocolFor(raw: Float64Array, horizons: readonly number[]): Protocol | undefined {
  const series = raw.slice(0, VALUES_MOST);
  fillMissing(series);
  const n = series.length;
  const trainEnd = Math.floor(TRAIN_SHARE * n);
  const fitEnd = Math.floor(FIT_SHARE * n);
  const farthest = Math.max(...horizons);
  const stride = Math.max(STRIDE, Math.ceil((n - farthest - 1 - trainEnd) / ORIGINS_MOST));
  const origins: number[] = [];
  for (let t = trainEnd - 1; t >= 1 && t + farthest <= n - 1; t += stride) origins.push(t);
  let way = 0;
  for (let t = 1; t < trainEnd; t++) way += Math.abs((series[t] as number) - (series[t - 1] as number));
  const scale = way / Math.max(1, trainEnd - 1);
  return origins.length === 0 || scale === 0 ? undefined : { series, horizons, trainEnd, fitEnd, origins, scale };
}

export function calibrationOrigins({ fitEnd, trainEnd }: Protocol, horizon: number): readonly number[] {
  const origins: number[] = [];
  for (let t = Math.max(fitEnd, CONTEXT); t < trainEnd - horizon; t += CALIBRATION_STRIDE) origins.push(t);
  return origins;
}

/** Adds up one model's forecasts for one horizon. */
export class Scorer {
  readonly #scale: number;
  #count = 0;
  #absolute = 0;
  #smape = 0;
  #pinball = 0;
  #covered = 0;
  #width = 0;

  constructor(scale: number) {
    this.#scale = scale;
  }

  add(actual: number, point: number, quantiles: Float64Array): void {
    this.#count++;
    const error = Math.abs(actual - point);
    this.#absolute += error;
    const size = Math.abs(actual) + Math.abs(point);
    this.#smape += size === 0 ? 0 : (200 * error) / size;
    for (let q = 0; q < TAUS.length; q++) {
      const over = actual - (quantiles[q] as number);
      const tau = TAUS[q] as number;
      this.#pinball += (over >= 0 ? tau * over : (tau - 1) * over) / TAUS.length;
    }
    const [low, high] = [quantiles[0] as number, quantiles[TAUS.length - 1] as number];
    if (actual >= low && actual <= high) this.#covered++;
    this.#width += high - low;
  }

  score(): Score {
    const [n, s] = [this.#count, this.#scale];
    const mae = this.#absolute / n;
    return {
      mae,
      mase: mae / s,
      smape: this.#smape / n,
      scrps: (2 * this.#pinball) / n / s,
      coverage80: this.#covered / n,
      width80: this.#width / n / s,
    };
  }
}

/** A missing value becomes the one before it. */
export function fillMissing(series: Float64Array): void {
  const first = series.find((value) => !Number.isNaN(value)) ?? 0;
  for (let t = 0; t < series.length; t++) if (Number.isNaN(series[t])) series[t] = t === 0 ? first : (series[t - 1] as number);
}
