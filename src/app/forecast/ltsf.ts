/**
 * The protocol of the long-horizon benchmarks for the ETT files of hourly rows: all columns, the first twelve months to learn from, four to
 * choose by, four to judge by, standardised with mean and deviation of the first; every window of one step's stride counts.
 *
 *   rows: train [0, 8640), validation [8640 − L, 11520), test [11520 − L, 14400); MSE and MAE over all windows, steps and columns
 *
 * What is judged is NLinear in closed form (src/domain/forecast/nlinear.ts has the idea), one set of weights for all columns as in the
 * original, λ by the validation MSE. Source of the protocol: Zhou et al., AAAI 2021 and Zeng et al., AAAI 2023.
 */
import { type LagMoments, lagMoments, nlinearGram, nlinearRight } from '../../domain/forecast/lag-moments.ts';
import { cholesky, solveCholesky } from '../../domain/forecast/solve.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';

const TRAIN_ROWS = 8640;
const VALIDATION_END = 11_520;
const TEST_END = 14_400;
const RIDGES = [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1];

export interface LtsfReport {
  readonly protocol: 'ltsf';
  readonly model: 'nlinear-ridge';
  readonly horizon: number;
  readonly context: number;
  readonly columns: number;
  readonly testWindows: number;
  readonly ridge: number;
  readonly mse: number;
  readonly mae: number;
  /** The same windows, forecast by their last value. */
  readonly naiveMse: number;
  readonly naiveMae: number;
}

export interface LtsfOptions {
  readonly horizon: number;
  readonly context: number;
}

interface Errors {
  mse: number;
  mae: number;
}

export function evaluateLtsf(columns: readonly Float64Array[], { horizon, context }: LtsfOptions): LtsfReport {
  const short = columns.find((column) => column.length < TEST_END);
  if (short !== undefined)
    throw new DroverError('ERR_USAGE', `the ltsf protocol needs ${TEST_END} rows, hourly; this file has ${short.length}`);
  const series = columns.map(standardise);
  const range = { from: context - 1, to: TRAIN_ROWS - horizon, lags: context, ahead: horizon };
  const moments = series.map((each) => lagMoments(each, range)).reduce(added);
  const width = context - 1;
  const gram = new Float64Array(width * width);
  const size = nlinearGram(moments, gram);
  const factor = new Float64Array(width * width);
  const later = { from: TRAIN_ROWS - 1, to: VALIDATION_END - horizon, lags: context, ahead: horizon };
  const validated = series.map((each) => lagMoments(each, later)).reduce(added);
  const validatedGram = new Float64Array(width * width);
  nlinearGram(validated, validatedGram);
  let best: { weights: Float64Array; ridge: number; validation: number } | undefined;
  for (const ridge of RIDGES) {
    cholesky(gram, width, ridge * size, factor);
    const weights = new Float64Array(horizon * width);
    for (let h = 1; h <= horizon; h++) {
      const right = weights.subarray((h - 1) * width, h * width);
      nlinearRight(moments, h, right);
      solveCholesky(factor, width, right);
    }
    const validation = excessError(weights, validatedGram, validated, horizon);
    if (best === undefined || validation < best.validation) best = { weights, ridge, validation };
  }
  const { weights, ridge } = best as NonNullable<typeof best>;
  const test = { horizon, context, from: VALIDATION_END, to: TEST_END };
  const { mse, mae } = judge(series, weights, test);
  const naive = judge(series, new Float64Array(weights.length), test);
  return {
    protocol: 'ltsf',
    model: 'nlinear-ridge',
    ...{ horizon, context, columns: columns.length, testWindows: TEST_END - VALIDATION_END - horizon + 1, ridge, mse, mae },
    naiveMse: naive.mse,
    naiveMae: naive.mae,
  };
}

/** The squared error of all windows, but for what does not depend on the weights: Σ_h wᵀGw − 2 wᵀr. */
function excessError(weights: Float64Array, gram: Float64Array, moments: LagMoments, horizon: number): number {
  const width = moments.lags - 1;
  const right = new Float64Array(width);
  let sum = 0;
  for (let h = 1; h <= horizon; h++) {
    const w = weights.subarray((h - 1) * width, h * width);
    nlinearRight(moments, h, right);
    for (let i = 0; i < width; i++) {
      let row = -2 * (right[i] as number);
      for (let j = 0; j < width; j++) row += (gram[i * width + j] as number) * (w[j] as number);
      sum += row * (w[i] as number);
    }
  }
  return sum;
}

/** Windows whose first forecast value lies at `from` or later, and their last before `to`. */
function judge(
  series: readonly Float64Array[],
  weights: Float64Array,
  {
    horizon,
    context,
    from,
    to,
  }: { readonly horizon: number; readonly context: number; readonly from: number; readonly to: number },
): Errors {
  const width = context - 1;
  const x = new Float64Array(width);
  let [squared, absolute, count] = [0, 0, 0];
  for (const each of series)
    for (let t = from - 1; t + horizon < to; t++) {
      const last = each[t] as number;
      for (let j = 0; j < width; j++) x[j] = (each[t - 1 - j] as number) - last;
      for (let h = 0; h < horizon; h++) {
        let change = last - (each[t + 1 + h] as number);
        const at = h * width;
        for (let j = 0; j < width; j++) change += (weights[at + j] as number) * (x[j] as number);
        squared += change * change;
        absolute += Math.abs(change);
      }
      count += horizon;
    }
  return { mse: squared / count, mae: absolute / count };
}

/** By mean and population deviation of the training rows. */
function standardise(column: Float64Array): Float64Array {
  let [sum, squares] = [0, 0];
  for (let t = 0; t < TRAIN_ROWS; t++) sum += column[t] as number;
  const mean = sum / TRAIN_ROWS;
  for (let t = 0; t < TRAIN_ROWS; t++) squares += ((column[t] as number) - mean) ** 2;
  const deviation = Math.sqrt(squares / TRAIN_ROWS) || 1;
  return column.subarray(0, TEST_END).map((value) => (value - mean) / deviation);
}

function added(a: LagMoments, b: LagMoments): LagMoments {
  return { ...a, sums: a.sums.map((value, at) => value + (b.sums[at] as number)) };
}
