/**
 * Answers what is forecast of an ECU or a task, at whichever horizons are asked for, from what the predictor remembers of it.
 *
 * D1. Nothing is kept ready for questions that nobody asks: a forecaster is made of the remembered values when one comes, a hundred at a
 *     time so that it delays nobody, and goes on from there while it is asked again.
 * D2. The load of an ECU has in it what is reserved there and begins by then; what has begun shows in what is measured.
 * D3. A chance of failure that rests on what is not measured just now, or on a sensor that stands still, says so: it is no certainty that nothing
 *     comes. It is said and not acted upon: a fine sensor of a steady machine may stand still as well.
 */
import { TAUS } from '../src/domain/forecast/deciles.ts';
import type {
  FailureForecast,
  ForecastPoint,
  ForecastSeries,
  ForecastView,
  LevelDegraded,
} from '../src/domain/forecast/forecast-view.ts';
import { Forecaster } from '../src/domain/forecast/forecaster.ts';
import { Intake } from '../src/domain/forecast/intake.ts';
import { HISTORY_LENGTH, type SeriesHistory } from '../src/domain/forecast/series-history.ts';
import { StateArena } from '../src/domain/forecast/state-arena.ts';
import { TASK_SERIES, TASK_SERIES_NAMES, type TaskHistory } from '../src/domain/forecast/task-history.ts';
import type { ForecastQuery, ManagerAnswer } from '../src/domain/protocol/messages.ts';
import type { EcuFollower } from './ecu-follower.ts';
import { type Host, pause } from './host.ts';

interface SeriesAsked {
  readonly name: string;
  readonly unit: string;
  readonly history: SeriesHistory;
  readonly least?: number;
  readonly most?: number;
  /** What is known to be added, after so many seconds. */
  readonly bookedIn?: (aheadS: number) => number;
}

interface Made {
  readonly forecaster: Forecaster;
  fed: number;
}

export const HORIZONS_S: readonly number[] = [1, 5, 12, 30, 60];
const PERIOD_US = 1_000_000;
/** Values before anything is made of a series. */
const WARM_UP = 20;
const VALUES_AT_ONCE = 100;
const SHARE = { least: 0, most: 1 } as const;

export class ForecastDesk {
  private readonly host: Host;
  /** By horizons; as long as there is a history. */
  private readonly made = new WeakMap<SeriesHistory, Map<string, Made>>();

  constructor(host: Host) {
    this.host = host;
  }

  /** Of the ECU. `isSilent`: it has not been heard for long. */
  ofEcu(
    follower: EcuFollower,
    query: ForecastQuery,
    about: Pick<ForecastView, 'manager' | 'failure' | 'silentS' | 'unmeasured'> & {
      readonly isSilent: boolean;
      readonly bookedIn: (aheadS: number) => number;
    },
  ): Promise<ManagerAnswer> {
    const { load, temperature, power, memory } = follower.history;
    const all: SeriesAsked[] = [
      { name: 'load', unit: 'share', history: load, ...SHARE, bookedIn: about.bookedIn },
      { name: 'temperature', unit: '°C', history: temperature },
      { name: 'power', unit: 'W', history: power, least: 0 },
      { name: 'memory', unit: 'B', history: memory, least: 0 },
    ];
    const { isSilent, bookedIn: _, ...view } = about;
    return this.answer(query, all, { ...view, ecu: follower.mac, task: undefined }, isSilent);
  }

  ofTask(
    history: TaskHistory,
    query: ForecastQuery,
    about: Pick<ForecastView, 'manager' | 'ecu' | 'failure' | 'silentS' | 'unmeasured'> & { readonly isSilent: boolean },
  ): Promise<ManagerAnswer> {
    const all = TASK_SERIES_NAMES.map((name) => ({ name, unit: TASK_SERIES[name].unit, history: history.of(name), least: 0 }));
    const { isSilent, ...view } = about;
    return this.answer(query, all, { ...view, task: history.task }, isSilent);
  }

  private async answer(
    { metrics, horizonsS }: ForecastQuery,
    all: readonly SeriesAsked[],
    view: Omit<ForecastView, 'series'>,
    isSilent: boolean,
  ): Promise<ManagerAnswer> {
    const unknown = metrics.find((metric) => !all.some(({ name }) => name === metric));
    if (unknown !== undefined) {
      const sentence = `${unknown} is not forecast; there are ${all.map(({ name }) => name).join(', ')}`;
      return { kind: 'refused', code: 'ERR_USAGE', sentence };
    }
    const horizons = [...new Set(horizonsS.length === 0 ? HORIZONS_S : horizonsS)].sort((a, b) => a - b);
    const series: ForecastSeries[] = [];
    // What an ECU does not measure is left out where it was not asked for.
    for (const one of all)
      if (metrics.length === 0 ? hasValues(one.history) : metrics.includes(one.name))
        series.push(await this.seriesOf(one, horizons, isSilent));
    return { kind: 'forecast', forecast: { ...view, series } };
  }

  private async seriesOf(asked: SeriesAsked, horizons: readonly number[], isSilent: boolean): Promise<ForecastSeries> {
    const { name, unit, history, least, most, bookedIn } = asked;
    const forecaster = await this.forecasterOf(asked, horizons);
    const quantiles = new Float64Array(TAUS.length);
    const points = horizons.map((horizonS, k): ForecastPoint => {
      if (history.count === 0) return { horizonS, quantiles: [] };
      forecaster.forecast(k, quantiles);
      const booked = bookedIn?.(horizonS) ?? 0;
      const within = (value: number): number =>
        Math.max(least ?? Number.NEGATIVE_INFINITY, Math.min(most ?? Number.POSITIVE_INFINITY, value + booked));
      return { horizonS, quantiles: [...quantiles].map(within), ...(booked === 0 ? {} : { booked }) };
    });
    const degraded = isSilent ? 'silent' : forecaster.degraded;
    return { metric: name, unit, now: newest(history), values: history.count, degraded, horizons: points };
  }

  /** D1. */
  private async forecasterOf({ history, least, most }: SeriesAsked, horizons: readonly number[]): Promise<Forecaster> {
    const ofHistory = this.made.get(history) ?? new Map<string, Made>();
    this.made.set(history, ofHistory);
    const key = horizons.join();
    let made = ofHistory.get(key);
    if (made === undefined || made.fed < history.oldest) {
      const bounds = { ...(least === undefined ? {} : { least }), ...(most === undefined ? {} : { most }) };
      made = {
        forecaster: new Forecaster({ horizons, periodUs: PERIOD_US, memory: HISTORY_LENGTH, ...bounds }),
        fed: history.oldest,
      };
      // One set of horizons at a time is kept.
      ofHistory.clear();
      ofHistory.set(key, made);
    }
    for (let taken = 1; made.fed < history.count; taken++) {
      made.forecaster.observe(history.at(made.fed++));
      if (taken % VALUES_AT_ONCE === 0) await pause(this.host.clock, 0);
    }
    return made.forecaster;
  }
}

/** D3. */
export function doubted(failure: Omit<FailureForecast, 'degraded'>, deadly: EcuFollower['deadly']): FailureForecast {
  const degraded = deadly.flatMap(({ level, history }): LevelDegraded[] => {
    const intake = new Intake(new StateArena());
    for (let at = history.oldest; at < history.count; at++) intake.take(history.at(at));
    const why = intake.degraded(WARM_UP);
    return why === undefined ? [] : [{ level, why }];
  });
  return degraded.length === 0 ? failure : { ...failure, degraded };
}

function newest(history: SeriesHistory): number | undefined {
  for (let at = history.count - 1; at >= history.oldest; at--) if (!Number.isNaN(history.at(at))) return history.at(at);
  return undefined;
}

const hasValues = (history: SeriesHistory): boolean => newest(history) !== undefined;
