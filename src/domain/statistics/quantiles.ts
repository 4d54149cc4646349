/**
 * Exact quantiles of small samples, for the benches and the chaos summary.
 *
 * The quantile is the nearest-rank one: the smallest sample such that at least a share q of all samples is not above it,
 * sorted[⌈q·n⌉ − 1]. It is always a value that was measured, never one between two; p99 of fewer than 100 samples is
 * therefore the maximum, which is the honest answer.
 */
export interface QuantileSummary {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Undefined fields would need a convention in every reader, so an empty sample is all zeros with n = 0. */
export function summarise(samples: ArrayLike<number>): QuantileSummary {
  const sorted = Float64Array.from(samples).sort();
  const n = sorted.length;
  if (n === 0) return { n: 0, p50: 0, p99: 0, max: 0 };
  return { n, p50: nearestRank(sorted, 50), p99: nearestRank(sorted, 99), max: sorted[n - 1] as number };
}

/** `sorted` ascending and not empty; `percent` an integer 1 … 100, so that the rank is exact integer arithmetic. */
export function nearestRank(sorted: ArrayLike<number>, percent: number): number {
  const rank = Math.max(1, Math.ceil((percent * sorted.length) / 100));
  return sorted[rank - 1] as number;
}
