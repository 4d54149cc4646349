/**
 * Sums of products of a series with itself, shifted: all that a linear model of lags needs to be fitted, at the cost of a few passes.
 *
 *   S(i, j) = Σ_{t ∈ [from, to)} y_{t−i} · y_{t−j}        0 ≤ i < lags, −ahead ≤ j < lags  (a negative lag is the future)
 *   S(i+1, j+1) = S(i, j) + y_{from−1−i} · y_{from−1−j} − y_{to−1−i} · y_{to−1−j}
 *
 * Only the first row and column are summed; the rest follows along the diagonals. With the newest value subtracted from all others (NLinear)
 * the normal equations are differences of these sums. The series should have about zero mean, or digits cancel.
 *
 * Cost: (to − from) · (2 lags + ahead) multiplications for the sums, lags · (lags + ahead) for the rest; against n · lags² / 2.
 */
export interface LagMoments {
  readonly lags: number;
  readonly ahead: number;
  /** Row i of S from j = −ahead on. */
  readonly sums: Float64Array;
}

export interface LagRange {
  readonly from: number;
  readonly to: number;
  readonly lags: number;
  readonly ahead: number;
}

export function lagMoments(series: Float64Array, { from, to, lags, ahead }: LagRange): LagMoments {
  const width = lags + ahead;
  const sums = new Float64Array(lags * width);
  const direct = (i: number, j: number): number => {
    let sum = 0;
    for (let t = from; t < to; t++) sum += (series[t - i] as number) * (series[t - j] as number);
    return sum;
  };
  if (to > from) {
    for (let j = -ahead; j < lags; j++) sums[j + ahead] = direct(0, j);
    for (let i = 1; i < lags; i++) {
      sums[i * width] = direct(i, -ahead);
      for (let j = 1 - ahead; j < lags; j++) {
        const entered = (series[from - i] as number) * (series[from - j] as number);
        const left = (series[to - i] as number) * (series[to - j] as number);
        sums[i * width + j + ahead] = (sums[(i - 1) * width + j - 1 + ahead] as number) + entered - left;
      }
    }
  }
  return { lags, ahead, sums };
}

/** XᵀX of x_i = y_{t−i} − y_t for i = 1 … lags − 1, into `gram`. Gives the mean square of an input, summed over windows. */
export function nlinearGram({ lags, ahead, sums }: LagMoments, gram: Float64Array): number {
  const width = lags + ahead;
  const d = lags - 1;
  const own = sums[ahead] as number;
  let trace = 0;
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      const s = sums[(i + 1) * width + j + 1 + ahead] as number;
      gram[i * d + j] = s - (sums[i + 1 + ahead] as number) - (sums[j + 1 + ahead] as number) + own;
    }
    trace += gram[i * d + i] as number;
  }
  return trace / d;
}

/** Xᵀ(y_{t+h} − y_t), into `right`; h ≤ ahead. */
export function nlinearRight({ lags, ahead, sums }: LagMoments, horizon: number, right: Float64Array): void {
  const width = lags + ahead;
  const own = sums[ahead] as number;
  const future = sums[ahead - horizon] as number;
  for (let i = 0; i < lags - 1; i++) {
    const s = sums[(i + 1) * width + ahead - horizon] as number;
    right[i] = s - (sums[i + 1 + ahead] as number) - future + own;
  }
}
