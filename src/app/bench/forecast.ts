/**
 * What forecasting costs on the hot path: `drover bench forecast`.
 *
 * One series at four horizons with everything in the race, models fitted in the background included: a value taken in, what was forecast for it
 * scored and learned from, four new forecasts made and read. Then as many series as asked for, side by side and without fitted models, each given
 * a value in turn, so that every state has left the caches when it is needed again; a round is what they cost in a second at 1 Hz.
 * Rounds are short and many, and the best is told beside the median: being interrupted only ever adds time.
 */
import { fitBatch } from '../../domain/forecast/batch.ts';
import { TAUS } from '../../domain/forecast/deciles.ts';
import { Forecaster } from '../../domain/forecast/forecaster.ts';
import { initialNetwork, NETWORK_FAMILIES, type NetworkFamily } from '../../domain/forecast/network.ts';
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import { NETWORK_SHAPES } from '../forecast/network-shapes.ts';
import { benchFitLoop, type FitLoopBench } from './forecast-loop.ts';
import { type Machine, machine } from './machine.ts';

interface Spread {
  readonly median: number;
  readonly best: number;
}

export interface ForecastBench {
  readonly machine: Machine;
  readonly horizons: readonly number[];
  /** One series with fitted models; the aim is 20. */
  readonly updateAndForecastUs: Spread;
  readonly many: {
    readonly series: number;
    readonly rounds: number;
    /** By the processor time of this process. */
    readonly usPerSeries: Spread;
    /** Of one core, at a value a second each; the aim is below 0.25. */
    readonly coreShare: Spread;
    readonly stateBytesEach: number;
  };
  /** Fitting the models in the background to so many values. */
  readonly fit: { readonly values: number; readonly ms: number };
  /** The same one series with a network in the race, by family. */
  readonly withNetworkUs: Readonly<Record<NetworkFamily, Spread>>;
  /** What fits do to a heartbeat, in line and in the background. */
  readonly heartbeat: FitLoopBench;
  readonly withinAims: boolean;
  /** Of the forecasts: two runs did the same work. */
  readonly sumOfForecasts: number;
}

export interface ForecastBenchOptions {
  readonly series: number;
  readonly rounds: number;
}

const HORIZONS = [1, 5, 12, 60];
const WARM_UP = 1_000;
const STEPS = 500;
const LOOP_VALUES = 4_096;
const AIM_US = 20;
const AIM_SHARE = 0.25;
/** Each of many keeps less than one alone. */
const MANY = { memory: 128, errorsKept: 100 };
const MANY_WARM_UP = 30;

export async function benchForecast({ series, rounds }: ForecastBenchOptions): Promise<ForecastBench> {
  const measuredOn = machine();
  const quantiles = new Float64Array(TAUS.length);
  let sum = 0;

  const rng = createRng(1, 'bench forecast');
  const one = new Forecaster({ horizons: HORIZONS });
  const next = loads(rng.stream('one'));
  for (let step = 0; step < WARM_UP; step++) one.observe(next());
  const request = one.fitRequest();
  const fitStarted = process.cpuUsage();
  one.adopt(fitBatch(request));
  const fitMs = cpuUs(fitStarted) / 1000;
  for (let step = 0; step < WARM_UP; step++) one.observe(next());
  const timesOf = (forecaster: Forecaster): number[] => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const values = Float64Array.from({ length: STEPS }, next);
      const started = process.cpuUsage();
      for (let step = 0; step < STEPS; step++) {
        forecaster.observe(values[step] as number);
        for (let k = 0; k < HORIZONS.length; k++) sum += forecaster.forecast(k, quantiles);
      }
      times.push(cpuUs(started) / STEPS);
    }
    return times;
  };
  const times = timesOf(one);
  const { models } = one.save();
  const withNetwork = (family: NetworkFamily): Spread => {
    const shape = { family, ...NETWORK_SHAPES[family], horizons: HORIZONS };
    const forecaster = new Forecaster({ horizons: HORIZONS, networks: [initialNetwork(shape, rng.stream(family))] });
    if (models !== undefined) forecaster.adopt(models);
    for (let step = 0; step < WARM_UP; step++) forecaster.observe(next());
    return spread(timesOf(forecaster));
  };
  const withNetworkUs = Object.fromEntries(NETWORK_FAMILIES.map((family) => [family, withNetwork(family)]));
  const heartbeat = await benchFitLoop(Float64Array.from({ length: LOOP_VALUES }, next), HORIZONS);

  const all = Array.from({ length: series }, () => new Forecaster({ horizons: HORIZONS, ...MANY }));
  const drawn = Array.from({ length: series }, (_, at) => loads(rng.stream(`series ${at}`)));
  const values = new Float64Array(series);
  const manyTimes: number[] = [];
  for (let round = -MANY_WARM_UP; round < rounds; round++) {
    for (let at = 0; at < series; at++) values[at] = (drawn[at] as () => number)();
    const started = process.cpuUsage();
    for (let at = 0; at < series; at++) {
      const forecaster = all[at] as Forecaster;
      forecaster.observe(values[at] as number);
      sum += forecaster.forecast(0, quantiles);
    }
    if (round >= 0) manyTimes.push(cpuUs(started) / series);
  }
  const usPerSeries = spread(manyTimes);
  const coreShare = { median: (usPerSeries.median * series) / 1e6, best: (usPerSeries.best * series) / 1e6 };
  const updateAndForecastUs = spread(times);
  return {
    machine: measuredOn,
    horizons: HORIZONS,
    updateAndForecastUs,
    many: { series, rounds, usPerSeries, coreShare, stateBytesEach: all[0]?.stateBytes ?? 0 },
    fit: { values: request.series.length, ms: fitMs },
    withNetworkUs: withNetworkUs as Record<NetworkFamily, Spread>,
    heartbeat,
    withinAims: updateAndForecastUs.median <= AIM_US && coreShare.median < AIM_SHARE,
    sumOfForecasts: sum,
  };
}

/** A load that wanders around a level with a cycle, and jumps now and then. */
function loads(rng: Rng): () => number {
  let [level, step, jump] = [20 + 40 * rng.unit(), 0, 0];
  return () => {
    step++;
    if (rng.unit() < 0.002) jump = 30 * (rng.unit() - 0.5);
    level += 0.1 * (40 - level) * rng.unit() + 4 * (rng.unit() - 0.5);
    return level + jump + 8 * Math.sin(step / 15) + 3 * (rng.unit() - 0.5);
  };
}

function cpuUs(started: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(started);
  return user + system;
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] ?? 0, best: sorted[0] ?? 0 };
}
