/** A twin of wearing units whose network says nothing: every level is what the regression expects. Quick, and the same on every machine. */
import { type HeldBackScores, poolUnits, type RareTwin } from '../../src/domain/hazard/rare-twin.ts';
import { runUpShape } from '../../src/domain/hazard/run-up.ts';
import { runUpArchitectures, runUpScale } from '../../src/domain/hazard/run-up-twin.ts';
import type { Fleet } from '../../src/domain/hazard/unit-history.ts';
import { parameterCount } from '../../src/domain/learn/architecture.ts';
import type { RareTwinModel } from '../../src/domain/learn/model.ts';

/** Scores of so many units by which a twin is kept, or is not. */
export const scoresOf = (units: number, kept: boolean): HeldBackScores => {
  const all = (score: number): Float64Array => Float64Array.from({ length: units }, (_, u) => score + u / 1e4);
  return { real: all(0.03), bootstrap: all(0.04), generator: all(kept ? 0.02 : 0.035) };
};

export function plainTwin({ columns, units }: Fleet, horizon: number): RareTwin {
  const shape = runUpShape(units, columns.length, horizon);
  if (shape === undefined) throw new Error('units are too short for a twin');
  const { generator } = runUpArchitectures(columns.length, [4]);
  return {
    ...{ columns, shape, scale: runUpScale(shape, units), architecture: generator },
    parameters: new Float32Array(parameterCount(generator)),
    ...{ pool: poolUnits(units), judged: scoresOf(units.length, true) },
  };
}

export const plainTwinModel = (twin: RareTwin): RareTwinModel => ({
  purpose: 'rare-twin',
  trained: { network: 'rare-gan', backend: 'none', seed: 1, sets: twin.pool.starts.length - 1 },
  twin,
});
