/**
 * The discrete-time hazard: how likely does a unit fail in the next period, given that it lives until then?
 *
 *   h_j(x) = σ(w_j'x + b_j)   for the periods j = 1 … J that divide the horizon        P(fails within j periods) = 1 − Π_{i≤j} (1 − h_i(x))
 *
 * Each period has weights of its own (what announces a failure in ten cycles is not what announces one in thirty). A row is learned from
 * in a period when the unit was at risk there: it lived until the period began, and its history says how the period ended. That is all
 * that censoring needs. Source: Singer & Willett, J. Educ. Stat. 18(2), 1993.
 */
import { FeatureStream, featureCount } from './features.ts';
import { fitLogistic, IGNORED, type LogisticRows, scoreOf, softplus } from './logistic.ts';
import { fitScale, type Scale, scaledCount, writeScaled } from './scale.ts';
import { failsWithin, remaining, rowsOf, type UnitHistory } from './unit-history.ts';

export interface DiscreteHazard {
  readonly horizon: number;
  readonly scale: Scale;
  /** One set of weights a period. */
  readonly periods: readonly Float64Array[];
}

/** Raw features of every row of some units, in their order. */
export interface FeatureRows {
  readonly units: readonly UnitHistory[];
  readonly sensors: number;
  readonly raw: Float64Array;
}

/** Beyond this many horizons before its failure a unit counts as healthy when directions of wear are looked for. */
const HEALTHY_BEYOND = 3;

export function featureRows(units: readonly UnitHistory[], sensors: number, horizon: number): FeatureRows {
  const width = featureCount(sensors);
  const raw = new Float64Array(rowsOf(units) * width);
  let at = 0;
  for (const unit of units) {
    const stream = new FeatureStream(sensors, horizon);
    for (let i = 0; i < unit.times.length; i++, at += width) {
      stream.observe(unit.times[i] as number, unit.values, i * sensors);
      stream.write(raw, at);
    }
  }
  return { units, sensors, raw };
}

/** Scales what is learned from; what is then asked of it scales with the same. */
export function scaleFor({ units, sensors, raw }: FeatureRows, horizon: number): Scale {
  const soon = units.flatMap((unit) =>
    Array.from(unit.times, (_, i) => (unit.failed ? -Math.min(remaining(unit, i), HEALTHY_BEYOND * horizon) : Number.NaN)),
  );
  return fitScale(raw, sensors, Float64Array.from(soon));
}

export function scaleRows(scale: Scale, { units, sensors, raw }: FeatureRows): Float64Array {
  const width = scaledCount(sensors);
  const scaled = new Float64Array(rowsOf(units) * width);
  const rawWidth = featureCount(sensors);
  for (let i = 0; i * width < scaled.length; i++) writeScaled(scale, raw, i * rawWidth, scaled, i * width);
  return scaled;
}

/** Row by row: does the unit fail within (`from`, `to`] of it? `IGNORED` where it did not live until `from`, or nobody knows. */
export function periodLabels(units: readonly UnitHistory[], { from, to }: { from: number; to: number }): Uint8Array {
  const labels = units.flatMap((unit) =>
    Array.from(unit.times, (_, i) => {
      if (unit.failed && remaining(unit, i) <= from) return IGNORED;
      const fails = failsWithin(unit, i, to);
      return fails === undefined ? IGNORED : fails ? 1 : 0;
    }),
  );
  return Uint8Array.from(labels);
}

export interface HazardOptions {
  readonly horizon: number;
  readonly periods: number;
  readonly ridge: number;
}

export function fitHazard(rows: FeatureRows, { horizon, periods, ridge }: HazardOptions): DiscreteHazard {
  const scale = scaleFor(rows, horizon);
  const scaled = scaleRows(scale, rows);
  const weights: Float64Array[] = [];
  for (let j = 0; j < periods; j++) {
    const labels = periodLabels(rows.units, {
      from: j === 0 ? Number.NEGATIVE_INFINITY : (horizon * j) / periods,
      to: (horizon * (j + 1)) / periods,
    });
    const data: LogisticRows = { rows: scaled, width: scaledCount(rows.sensors), labels };
    weights.push(fitLogistic(data, ridge, weights[j - 1]));
  }
  return { horizon, scale, periods: weights };
}

/** log P(lives through all periods) of a scaled row. */
export function logSurvival({ periods }: DiscreteHazard, scaled: Float64Array, at: number): number {
  let sum = 0;
  for (const weights of periods) sum -= softplus(scoreOf(weights, scaled, at));
  return sum;
}

/** P(fails within the horizon), row by row. */
export function failureProbabilities(model: DiscreteHazard, rows: FeatureRows): Float64Array {
  const scaled = scaleRows(model.scale, rows);
  const width = scaledCount(rows.sensors);
  return Float64Array.from({ length: scaled.length / width }, (_, i) => -Math.expm1(logSurvival(model, scaled, i * width)));
}
