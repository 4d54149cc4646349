/**
 * How good are probabilities? Never by the order alone (`auc`): the Brier score and the log loss also ask whether 0.7 happens seven times
 * in ten, and `reliability` shows where it does not. Always beside what costs nothing: the base rate and its Brier score.
 */
import { areaUnderCurve } from '../learn/metrics.ts';

export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Means of what was said and of what happened; 0 where the bin is empty. */
  readonly predicted: number;
  readonly observed: number;
}

export interface ProbabilityScore {
  readonly n: number;
  readonly baseRate: number;
  readonly auc: number;
  readonly brier: number;
  /** Of saying the base rate every time. */
  readonly brierOfBaseRate: number;
  readonly logLoss: number;
  /** Mean distance of said and happened, by bins, weighted with their counts. */
  readonly calibrationError: number;
  readonly reliability: readonly ReliabilityBin[];
}

const CERTAIN = 1e-9;

export function scoreProbabilities(probabilities: Float64Array, labels: Uint8Array, bins = 10): ProbabilityScore {
  const n = labels.length;
  let [positives, squares, logs] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const p = probabilities[i] as number;
    const happened = labels[i] as number;
    positives += happened;
    squares += (p - happened) ** 2;
    const bounded = Math.max(CERTAIN, Math.min(1 - CERTAIN, p));
    logs -= happened === 1 ? Math.log(bounded) : Math.log1p(-bounded);
  }
  const baseRate = n === 0 ? 0 : positives / n;
  const reliability = reliabilityOf(probabilities, labels, bins);
  return {
    n,
    baseRate,
    auc: areaUnderCurve(probabilities, labels),
    brier: n === 0 ? 0 : squares / n,
    brierOfBaseRate: baseRate * (1 - baseRate),
    logLoss: n === 0 ? 0 : logs / n,
    calibrationError:
      n === 0 ? 0 : reliability.reduce((sum, bin) => sum + bin.count * Math.abs(bin.predicted - bin.observed), 0) / n,
    reliability,
  };
}

function reliabilityOf(probabilities: Float64Array, labels: Uint8Array, bins: number): ReliabilityBin[] {
  const found = Array.from({ length: bins }, () => ({ count: 0, predicted: 0, observed: 0 }));
  for (let i = 0; i < labels.length; i++) {
    const p = probabilities[i] as number;
    const bin = found[Math.max(0, Math.min(bins - 1, Math.floor(p * bins)))];
    if (bin === undefined) continue;
    bin.count++;
    bin.predicted += p;
    bin.observed += labels[i] as number;
  }
  return found.map(({ count, predicted, observed }, b) => ({
    from: b / bins,
    to: (b + 1) / bins,
    count,
    predicted: count === 0 ? 0 : predicted / count,
    observed: count === 0 ? 0 : observed / count,
  }));
}
