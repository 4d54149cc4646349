/**
 * The forecasts that ours are held against: the last value, the value a season ago, simple exponential smoothing. Their quantiles are
 * the point plus the quantiles of what they missed by at the calibration origins; fixed, as the protocol has it.
 */
import { TAUS } from '../../domain/forecast/deciles.ts';
import { type ForecastNetwork, NetworkRunner } from '../../domain/forecast/network.ts';
import { networkRows } from '../../domain/forecast/network-examples.ts';
import { StateArena } from '../../domain/forecast/state-arena.ts';
import { calibrationOrigins, type Protocol, type Score, Scorer } from './rolling-origin.ts';

export interface BaselineScore {
  readonly model: string;
  readonly horizon: number;
  readonly score: Score;
}

/** What a baseline says at `t` about `t + h`, fitted on the values before `fittedOn`. */
type PointForecast = (t: number, h: number) => number;
type Baseline = (series: Float64Array, fittedOn: number) => PointForecast;

export function scoreBaselines(protocol: Protocol, season: number | undefined): readonly BaselineScore[] {
  const baselines: [string, Baseline][] = [
    ['naive', naive],
    ['ses', ses],
  ];
  if (season !== undefined && season > 1) baselines.push(['seasonalNaive', seasonalNaive(season)]);
  return baselines.flatMap(([model, baseline]) =>
    protocol.horizons.map((horizon) => ({ model, horizon, score: scoreBaseline(protocol, baseline, horizon) })),
  );
}

/** A network alone: trained on other series, it is the same wherever it is asked. */
export function scoreNetwork(protocol: Protocol, network: ForecastNetwork): readonly BaselineScore[] {
  const said = networkChanges(protocol.series, network, protocol.horizons);
  const alone: Baseline = (series) => (t, h) => (series[t] as number) + (said[protocol.horizons.indexOf(h)]?.[t] ?? 0);
  return protocol.horizons
    .filter((h) => network.horizons.includes(h))
    .map((horizon) => ({ model: network.family, horizon, score: scoreBaseline(protocol, alone, horizon) }));
}

function scoreBaseline(protocol: Protocol, baseline: Baseline, horizon: number): Score {
  const { series, fitEnd, trainEnd, origins, scale } = protocol;
  const early = baseline(series, fitEnd);
  const residuals = Float64Array.from(
    calibrationOrigins(protocol, horizon),
    (t) => (series[t + horizon] as number) - early(t, horizon),
  ).sort();
  const forecast = baseline(series, trainEnd);
  const scorer = new Scorer(scale);
  const quantiles = new Float64Array(TAUS.length);
  for (const t of origins) {
    const point = forecast(t, horizon);
    for (let q = 0; q < TAUS.length; q++) quantiles[q] = point + interpolated(residuals, TAUS[q] as number);
    scorer.add(series[t + horizon] as number, point, quantiles);
  }
  return scorer.score();
}

/** The quantile between the two nearest numbers in proportion; 0 where there is none (a series too short to calibrate on). */
function interpolated(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return 0;
  const rank = share * (sorted.length - 1);
  const low = sorted[Math.floor(rank)] as number;
  return low + (rank - Math.floor(rank)) * ((sorted[Math.ceil(rank)] as number) - low);
}

const naive: Baseline = (series) => (t) => series[t] as number;

const seasonalNaive =
  (season: number): Baseline =>
  (series) =>
  (t, h) =>
    series[t + h - season * Math.ceil(h / season)] ?? (series[t] as number);

/** The rate is the one with the least absolute one-step error on what it is fitted on. */
const ses: Baseline = (series, fittedOn) => {
  let [rate, least] = [1, Number.POSITIVE_INFINITY];
  for (let step = 1; step <= 100; step++) {
    const error = absoluteError(series.subarray(0, fittedOn), step / 100);
    if (error < least) [rate, least] = [step / 100, error];
  }
  const level = new Float64Array(series.length);
  level[0] = series[0] as number;
  for (let t = 1; t < series.length; t++)
    level[t] = (level[t - 1] as number) + rate * ((series[t] as number) - (level[t - 1] as number));
  return (t) => level[t] as number;
};

function absoluteError(series: Float64Array, rate: number): number {
  let level = series[0] as number;
  let sum = 0;
  for (let t = 1; t < series.length; t++) {
    const error = (series[t] as number) - level;
    sum += Math.abs(error);
    level += rate * error;
  }
  return sum;
}

/** What the network says after each step, a horizon each; 0 where it does not speak yet, or the horizon is none of its own. */
function networkChanges(series: Float64Array, network: ForecastNetwork, horizons: readonly number[]): Float64Array[] {
  const runner = new NetworkRunner(new StateArena(), network);
  const changes = horizons.map(() => new Float64Array(series.length));
  const places = horizons.map((h) => network.horizons.indexOf(h));
  for (const { t, row, now } of networkRows(series, network.family)) {
    runner.push(row);
    for (const [k, place] of places.entries())
      if (place >= 0)
        (changes[k] as Float64Array)[t] = (runner.outputs[place] as number) * now * Math.sqrt(horizons[k] as number);
  }
  return changes;
}
