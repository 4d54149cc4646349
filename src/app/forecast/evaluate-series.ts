/**
 * One series judged by the rolling-origin protocol: ours, value by value as it would run beside a task, and the baselines. Batch models are
 * fitted to what had been seen at that moment, at the moments at which a running forecaster asks for it.
 */
import { fitBatch } from '../../domain/forecast/batch.ts';
import { TAUS } from '../../domain/forecast/deciles.ts';
import { Forecaster } from '../../domain/forecast/forecaster.ts';
import type { ForecastNetwork } from '../../domain/forecast/network.ts';
import { scoreBaselines, scoreNetwork } from './baselines.ts';
import { type Protocol, protocolFor, type Score, Scorer, VALUES_MOST } from './rolling-origin.ts';

export interface ModelScore extends Score {
  readonly horizon: number;
  readonly model: string;
  /** Over the naive forecast's; nothing where that makes no error. */
  readonly relMae: number | undefined;
  readonly relCrps: number | undefined;
}

export interface SeriesReport {
  readonly name: string;
  readonly values: number;
  readonly missing: number;
  readonly trainEnd: number;
  readonly origins: number;
  readonly scale: number;
  /** What a reader of the figures should know of the series, in words. */
  readonly notes: readonly string[];
  readonly results: readonly ModelScore[];
}

export interface EvaluateOptions {
  readonly name: string;
  readonly horizons: readonly number[];
  readonly season: number | undefined;
  /** In the race, and each alone beside the baselines. */
  readonly networks?: readonly ForecastNetwork[];
}

/** Of a series; more are said. */
const MISSING_NOTED = 0.1;

/** Of our own rows in the report. */
export const OURS = 'drover';

/** Nothing for a series that is too short, or constant where models are fitted. */
export function evaluateSeries(
  raw: Float64Array,
  { name, horizons, season, networks = [] }: EvaluateOptions,
): SeriesReport | undefined {
  const protocol = protocolFor(raw, horizons);
  if (protocol === undefined) return undefined;
  const { series, origins, scale, trainEnd } = protocol;
  const known = seasonSeen(protocol, season);
  const scorers = horizons.map(() => new Scorer(scale));
  const forecaster = new Forecaster({ horizons, season, networks });
  const at = new Set(origins);
  const quantiles = new Float64Array(TAUS.length);
  for (let t = 0; t < series.length; t++) {
    forecaster.observe(raw[t] as number);
    if (forecaster.fitDue) forecaster.adopt(fitBatch(forecaster.fitRequest()));
    if (!at.has(t)) continue;
    for (const [k, horizon] of horizons.entries()) {
      const point = forecaster.forecast(k, quantiles);
      scorers[k]?.add(series[t + horizon] as number, point, quantiles);
    }
  }
  const baselines = scoreBaselines(protocol, known);
  const all = [
    ...horizons.map((horizon, k) => ({ model: OURS, horizon, score: (scorers[k] as Scorer).score() })),
    ...networks.flatMap((network) => scoreNetwork(protocol, network)),
    ...baselines,
  ];
  const results = horizons.flatMap((horizon) => {
    const naive = baselines.find((each) => each.model === 'naive' && each.horizon === horizon)?.score;
    return all
      .filter((each) => each.horizon === horizon)
      .map(({ model, score }) => ({
        ...{ horizon, model },
        ...score,
        relMae: ratio(score.mae, naive?.mae),
        relCrps: ratio(score.scrps, naive?.scrps),
      }));
  });
  const missing = raw.subarray(0, series.length).reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
  const notes = [
    ...(raw.length > VALUES_MOST
      ? [`the first ${VALUES_MOST} of ${raw.length} values are judged, as the protocol has it`]
      : []),
    ...(missing > MISSING_NOTED * series.length
      ? [`${missing} of ${series.length} values are no numbers: the value before each stands in`]
      : []),
    ...(season !== undefined && known === undefined
      ? [`no seasonal naive forecast of ${season} steps: it is fitted on ${protocol.fitEnd} values, less than one season`]
      : []),
  ];
  return { name, values: series.length, missing, trainEnd, origins: origins.length, scale, notes, results };
}

/** A season of which not one lies where models are fitted is none: what is called seasonal would be the last value. */
const seasonSeen = ({ fitEnd }: Protocol, season: number | undefined): number | undefined =>
  season !== undefined && season <= fitEnd ? season : undefined;

function ratio(value: number, base: number | undefined): number | undefined {
  return base === undefined || base === 0 ? undefined : value / base;
}

export interface Summary {
  readonly horizon: number;
  readonly model: string;
  readonly series: number;
  /** Geometric means over the series where the naive forecast errs. */
  readonly relMae: number;
  readonly relCrps: number;
  readonly coverage80Mean: number;
  readonly coverage80Least: number;
  /** Which series that is. */
  readonly leastCovered: string;
}

export function summarise(reports: readonly SeriesReport[]): readonly Summary[] {
  const kinds = new Map<string, { horizon: number; model: string }>();
  for (const { results } of reports)
    for (const { horizon, model } of results) kinds.set(`${horizon} ${model}`, { horizon, model });
  return [...kinds.values()].map(({ horizon, model }) => {
    const rows = reports.flatMap(({ name, results }) =>
      results.filter((row) => row.horizon === horizon && row.model === model).map((row) => ({ name, ...row })),
    );
    const least = rows.reduce((a, b) => (b.coverage80 < a.coverage80 ? b : a));
    return {
      ...{ horizon, model, series: rows.length },
      relMae: geometricMean(rows.map((row) => row.relMae)),
      relCrps: geometricMean(rows.map((row) => row.relCrps)),
      coverage80Mean: rows.reduce((sum, row) => sum + row.coverage80, 0) / rows.length,
      coverage80Least: least.coverage80,
      leastCovered: least.name,
    };
  });
}

function geometricMean(ratios: readonly (number | undefined)[]): number {
  const known = ratios.filter((ratio) => ratio !== undefined && ratio > 0) as number[];
  return known.length === 0 ? Number.NaN : Math.exp(known.reduce((sum, each) => sum + Math.log(each), 0) / known.length);
}
