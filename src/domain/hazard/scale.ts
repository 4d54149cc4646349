/**
 * From raw features to what a logistic regression reads: each feature less its mean by its spread (both from the units that were learned
 * from), then a few products, since wear is not linear:
 *
 *   health    Σ r·z of the recent means, where r is each sensor's correlation with how soon the unit failed: one number that rises with wear
 *   pace      the same of the slopes
 *   products  health², health·pace, pace², health·log age, pace·log age, log² age
 *
 * A feature that does not vary, or was never seen, reads 0. One outside of what was learned from is held at its least or most there:
 * a lying sensor can say "as bad as the worst", not "worse than anything by a thousand", and nobody extrapolates a product.
 */
import { featureCount, MEANS, SLOPES } from './features.ts';

const PRODUCTS = 7;

export interface Scale {
  readonly sensors: number;
  readonly means: Float64Array;
  /** 1 / standard deviation; 0 where there is none. */
  readonly inverseSpreads: Float64Array;
  /** Of the scaled features, where the scale was learned. */
  readonly least: Float64Array;
  readonly most: Float64Array;
  /** Of each sensor, for health and for pace; absolute values sum to 1. */
  readonly healthOf: Float64Array;
  readonly paceOf: Float64Array;
}

export const scaledCount = (sensors: number): number => featureCount(sensors) + PRODUCTS;

/** `raw` are `soon.length` rows of features; `soon` is larger the sooner the unit failed after that row, NaN where nobody knows. */
export function fitScale(raw: Float64Array, sensors: number, soon: Float64Array): Scale {
  const width = featureCount(sensors);
  const means = new Float64Array(width);
  const inverseSpreads = new Float64Array(width);
  const [lowest, highest] = [new Float64Array(width), new Float64Array(width)];
  for (let f = 0; f < width; f++) {
    const { mean, deviation, least, most } = momentsOf(raw, width, f);
    means[f] = mean;
    inverseSpreads[f] = deviation > 1e-9 * Math.max(1e-9, Math.abs(mean)) ? 1 / deviation : 0;
    lowest[f] = (least - mean) * (inverseSpreads[f] as number);
    highest[f] = (most - mean) * (inverseSpreads[f] as number);
  }
  const correlations = (block: number): Float64Array => {
    const found = Float64Array.from({ length: sensors }, (_, s) => correlation(raw, width, block * sensors + s, soon));
    const sum = found.reduce((total, r) => total + Math.abs(r), 0);
    return found.map((r) => (sum > 0 ? r / sum : 0));
  };
  return {
    sensors,
    means,
    inverseSpreads,
    least: lowest,
    most: highest,
    healthOf: correlations(MEANS),
    paceOf: correlations(SLOPES),
  };
}

/** Reads one row of raw features, writes `scaledCount(sensors)` numbers. */
export function writeScaled(scale: Scale, raw: Float64Array, rawAt: number, out: Float64Array, at: number): void {
  const { sensors, means, inverseSpreads, least, most, healthOf, paceOf } = scale;
  const width = means.length;
  for (let f = 0; f < width; f++) {
    const z = ((raw[rawAt + f] as number) - (means[f] as number)) * (inverseSpreads[f] as number);
    out[at + f] = Number.isNaN(z) ? 0 : Math.max(least[f] as number, Math.min(most[f] as number, z));
  }
  let [health, pace] = [0, 0];
  for (let s = 0; s < sensors; s++) {
    health += (healthOf[s] as number) * (out[at + s] as number);
    pace += (paceOf[s] as number) * (out[at + SLOPES * sensors + s] as number);
  }
  const age = out[at + width - 1] as number;
  const products = [health, health * health, health * pace, pace * pace, health * age, pace * age, age * age];
  for (let p = 0; p < PRODUCTS; p++) out[at + width + p] = products[p] as number;
}

interface Moments {
  readonly mean: number;
  readonly deviation: number;
  readonly least: number;
  readonly most: number;
}

function momentsOf(rows: Float64Array, width: number, feature: number): Moments {
  let [count, mean, squares, least, most] = [0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = feature; at < rows.length; at += width) {
    const value = rows[at] as number;
    if (!Number.isFinite(value)) continue;
    count++;
    const step = value - mean;
    mean += step / count;
    squares += step * (value - mean);
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  if (count === 0) return { mean: 0, deviation: 0, least: 0, most: 0 };
  return { mean, deviation: Math.sqrt(squares / count), least, most };
}

function correlation(rows: Float64Array, width: number, feature: number, soon: Float64Array): number {
  let [count, mx, my, sxx, syy, sxy] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < soon.length; i++) {
    const x = rows[i * width + feature] as number;
    const y = soon[i] as number;
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    count++;
    const [dx, dy] = [x - mx, y - my];
    mx += dx / count;
    my += dy / count;
    sxx += dx * (x - mx);
    syy += dy * (y - my);
    sxy += dx * (y - my);
  }
  return sxx > 0 && syy > 0 ? sxy / Math.sqrt(sxx * syy) : 0;
}
