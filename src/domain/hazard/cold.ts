/**
 * A model for a fleet of which few units have failed: wear is one number, and a unit fails when it reaches where the others failed.
 *
 *   health    Σ r·z over the sensors as they are measured; r is the direction of wear (`scale.ts`), z against the fleet's mean and spread
 *   limit     the mean of the healths at which units failed, its spread what is not known about it
 *   when      the Wiener process's first passage of the limit (`wiener.ts`)
 */

import type { FeatureRows } from './discrete-hazard.ts';
import { scaleFor } from './discrete-hazard.ts';
import { FeatureStream, featureCount } from './features.ts';
import type { Scale } from './scale.ts';
import type { UnitHistory } from './unit-history.ts';
import { fitWiener, type LevelSeries, type WienerPrior, WienerTracker } from './wiener.ts';

export interface ColdModel {
  readonly horizon: number;
  readonly scale: Scale;
  readonly prior: WienerPrior;
  readonly limit: number;
  readonly limitDeviation: number;
}

/** Of the healths at which units failed, where there is but one. */
const DEVIATION_ALONE = 0.25;

export function fitCold(rows: FeatureRows, horizon: number): ColdModel {
  const scale = scaleFor(rows, horizon);
  const series = rows.units.map((unit) => healthOf(scale, unit));
  const prior = fitWiener(series);
  // Where a unit was when it failed is as noisy as every measurement: the mean of its last moments is not.
  const ends = rows.units
    .flatMap((unit) => (unit.failed ? [meanHealthAtEnd(scale, unit, horizon)] : []))
    .filter(Number.isFinite);
  const limit = ends.reduce((sum, end) => sum + end, 0) / Math.max(1, ends.length);
  const variance = ends.reduce((sum, end) => sum + (end - limit) ** 2, 0) / Math.max(1, ends.length - 1);
  return {
    horizon,
    scale,
    prior,
    limit,
    limitDeviation: ends.length > 1 ? Math.sqrt(variance) : DEVIATION_ALONE * Math.abs(limit),
  };
}

/** P(fails within the horizon), row by row. */
export function coldProbabilities(model: ColdModel, units: readonly UnitHistory[]): Float64Array {
  const found: number[] = [];
  for (const unit of units) {
    const tracker = new WienerTracker(model.prior);
    const { times, levels } = healthOf(model.scale, unit);
    for (let i = 0; i < times.length; i++) {
      tracker.observe(times[i] as number, levels[i] as number);
      found.push(tracker.probability(model.limit, model.horizon, model.limitDeviation));
    }
  }
  return Float64Array.from(found);
}

function healthOf({ sensors, means, inverseSpreads, healthOf: direction }: Scale, { times, values }: UnitHistory): LevelSeries {
  const levels = Float64Array.from(times, (_, i) => {
    let [sum, seen] = [0, 0];
    for (let s = 0; s < sensors; s++) {
      const z = ((values[i * sensors + s] as number) - (means[s] as number)) * (inverseSpreads[s] as number);
      if (!Number.isFinite(z)) continue;
      sum += (direction[s] as number) * z;
      seen += Math.abs(direction[s] as number);
    }
    return seen > 0 ? sum / seen : Number.NaN;
  });
  return { times, levels };
}

function meanHealthAtEnd(scale: Scale, unit: UnitHistory, horizon: number): number {
  const { sensors, means, inverseSpreads, healthOf: direction } = scale;
  const stream = new FeatureStream(sensors, horizon / 3);
  for (let i = 0; i < unit.times.length; i++) stream.observe(unit.times[i] as number, unit.values, i * sensors);
  const features = new Float64Array(featureCount(sensors));
  stream.write(features, 0);
  let sum = 0;
  for (let s = 0; s < sensors; s++) {
    const z = ((features[s] as number) - (means[s] as number)) * (inverseSpreads[s] as number);
    if (Number.isFinite(z)) sum += (direction[s] as number) * z;
  }
  return sum;
}
