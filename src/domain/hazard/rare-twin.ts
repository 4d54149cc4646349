/**
 * Is a twin of rare situations worth having? Asked of units that neither it nor the hazard learned from, fold by fold: the Brier score of
 * hazards learned from
 *
 *   real         the few units that were seen
 *   bootstrap    these and as many drawn from their own run-ups
 *   generator    these and as many drawn from the generator
 *
 * It is *kept* only where the generator is below both others, in the mean over the units, by more than the standard error of the
 * difference. Nothing says "kept" in a model's file: the scores stand there, unit by unit, and whoever reads them decides anew.
 */
import type { Rng } from '../kernel/rng.ts';
import type { Architecture } from '../learn/architecture.ts';
import { createNetwork } from '../learn/network.ts';
import type { RunUpShape } from './run-up.ts';
import {
  bootstrapRunUps,
  drawRunUps,
  generatorRunUps,
  RUN_UP_NOISE,
  RUN_UP_REGRESSORS,
  type RunUpScale,
  runUpConditions,
} from './run-up-twin.ts';
import type { UnitHistory } from './unit-history.ts';

/** Brier scores of units while they were held back: the same units in the same order. */
export interface HeldBackScores {
  readonly real: Float64Array;
  readonly bootstrap: Float64Array;
  readonly generator: Float64Array;
}

export interface Gain {
  /** By how much the generator is below; negative where it is not. */
  readonly mean: number;
  readonly standardError: number;
}

export interface TwinVerdict {
  readonly kept: boolean;
  readonly units: number;
  readonly brier: { readonly real: number; readonly bootstrap: number; readonly generator: number };
  readonly overReal: Gain;
  readonly overBootstrap: Gain;
}

export function judgeTwin({ real, bootstrap, generator }: HeldBackScores): TwinVerdict {
  const overReal = gainOf(real, generator);
  const overBootstrap = gainOf(bootstrap, generator);
  return {
    kept: [overReal, overBootstrap].every(({ mean, standardError }) => mean > 0 && mean > standardError),
    units: real.length,
    brier: { real: meanOf(real), bootstrap: meanOf(bootstrap), generator: meanOf(generator) },
    overReal,
    overBootstrap,
  };
}

function gainOf(other: Float64Array, own: Float64Array): Gain {
  const gains = other.map((score, u) => score - (own[u] as number));
  const mean = meanOf(gains);
  const squares = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0);
  const count = gains.length;
  return { mean, standardError: count > 1 ? Math.sqrt(squares / (count - 1) / count) : Number.POSITIVE_INFINITY };
}

const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** What `infra/learned/model-file.ts` keeps. */
export interface RareTwin {
  readonly columns: readonly string[];
  readonly shape: RunUpShape;
  readonly scale: RunUpScale;
  readonly architecture: Architecture;
  readonly parameters: Float32Array;
  /** The units it learned from. */
  readonly pool: UnitPool;
  readonly judged: HeldBackScores;
}

/** Rows of units that all failed, one after the other. */
export interface UnitPool {
  /** Rows at which units begin; one more than there are units. */
  readonly starts: Uint32Array;
  readonly times: Float64Array;
  readonly values: Float64Array;
}

export function poolUnits(units: readonly UnitHistory[]): UnitPool {
  let at = 0;
  const starts = [0, ...units.map(({ times }) => (at += times.length))];
  return {
    starts: Uint32Array.from(starts),
    times: Float64Array.from(units.flatMap(({ times }) => [...times])),
    values: Float64Array.from(units.flatMap(({ values }) => [...values])),
  };
}

export function unitsOfPool({ starts, times, values }: UnitPool, sensors: number): UnitHistory[] {
  return Array.from({ length: starts.length - 1 }, (_, u) => {
    const [from, to] = [starts[u] as number, starts[u + 1] as number];
    return {
      name: `seen-${u + 1}`,
      times: times.slice(from, to),
      values: values.slice(from * sensors, to * sensors),
      failed: true,
    };
  });
}

export const RUN_UP_SOURCES = ['generator', 'bootstrap'] as const;

export function drawFromTwin(
  { shape, scale, architecture, parameters, pool }: Omit<RareTwin, 'judged' | 'columns'>,
  { source, count, rng }: { readonly source: (typeof RUN_UP_SOURCES)[number]; readonly count: number; readonly rng: Rng },
): UnitHistory[] {
  const units = unitsOfPool(pool, shape.sensors);
  const runUps =
    source === 'bootstrap'
      ? bootstrapRunUps(shape, scale, units)
      : generatorRunUps(shape, scale, createNetwork(architecture, parameters, 1), units.length);
  return drawRunUps({ shape, scale, source: runUps, units }, count, rng);
}

const ROWS_MOST = 1_000_000;

/** What contradicts itself in a twin from outside, its network apart; the sentence goes on after "the model". */
export function faultOfRareTwin({ columns, shape, scale, architecture, pool, judged }: RareTwin): string | undefined {
  const { sensors, horizon, period, block, blocks } = shape;
  if (columns.length !== sensors || new Set(columns).size !== sensors || sensors === 0)
    return 'has columns that are not its sensors';
  const sizes = [sensors, block, blocks];
  if (!(horizon > 0 && period > 0 && Number.isFinite(horizon / period)) || sizes.some((n) => !Number.isSafeInteger(n) || n < 1))
    return 'has run-ups of no shape';
  const { family, inputs, outputs } = architecture;
  if (family !== 'fnn' || inputs !== RUN_UP_NOISE + runUpConditions(sensors) || outputs !== sensors)
    return 'has a generator of another shape';
  const columnsOfScale = [scale.means, scale.deviations, scale.moves];
  if (columnsOfScale.some((column) => column.length !== sensors) || scale.expected.length !== RUN_UP_REGRESSORS * sensors)
    return 'has a scale for other sensors';
  const numbers = [...columnsOfScale.flatMap((column) => [...column]), ...scale.expected, scale.lifeMean, scale.lifeDeviation];
  if (!numbers.every(Number.isFinite) || scale.deviations.some((x) => !(x > 0)) || scale.moves.some((x) => !(x > 0)))
    return 'has a scale that is not finite';
  // Lives are drawn up to two deviations from the mean, in rows.
  if (scale.lifeDeviation < 0 || Math.exp(scale.lifeMean + 2 * scale.lifeDeviation) > ROWS_MOST)
    return 'has lives that are absurd';
  const { starts, times, values } = pool;
  const rows = starts.at(-1) ?? 0;
  if (starts.length < 2 || starts[0] !== 0 || times.length !== rows || values.length !== rows * sensors)
    return 'has a pool whose columns contradict each other';
  if (starts.some((start, u) => u > 0 && start < (starts[u - 1] as number) + 2 * block))
    return 'has a pool of units that are too short';
  if (!times.every(Number.isFinite) || values.some((value) => !Number.isFinite(value) && !Number.isNaN(value)))
    return 'has a pool that is not finite';
  const scores = [judged.real, judged.bootstrap, judged.generator];
  if (scores.some((column) => column.length !== starts.length - 1 || column.some((score) => !(score >= 0 && score <= 1))))
    return 'was judged by scores that are none';
  return undefined;
}
