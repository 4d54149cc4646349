/**
 * One level that may get to its limit, seen in two ways that know different things:
 *
 *   trend     first passage of the limit by the level's own drift (`hazard/wiener.ts`): sees a leak or wear early, knows no periods
 *   forecast  P(level > limit at the horizon) by the mixture of forecasters: knows what the series usually does, needs some twenty steps
 *
 * The trend has the greater say; until the forecaster knows the series' unit it has all of it. A level that stands still at a value has neither.
 */
import { Forecaster } from '../forecast/forecaster.ts';
import { type WienerPrior, WienerTracker } from '../hazard/wiener.ts';
import { chanceAbove, DECILE, type Threat } from './threat.ts';

export interface LevelOptions {
  readonly cause: Threat['cause'];
  readonly level: Threat['level'];
  readonly deadly: boolean;
  readonly limit: number;
  readonly horizonS: number;
  /** Of the trend, before anything is known of it: levels and seconds. */
  readonly prior: WienerPrior;
  /** What it cannot leave; absent: it is not forecast, only its trend counts. */
  readonly within?: { readonly least: number; readonly most: number };
}

const TREND_SHARE = 0.7;
const STEP_US = 1_000_000;
const MEMORY = 600;
const [TENTH, HALF, NINE_TENTHS] = [0, 4, 8];

export class LevelWatch {
  readonly #options: LevelOptions;
  readonly #trend: WienerTracker;
  readonly #forecaster: Forecaster | undefined;
  readonly #quantiles = new Float64Array(9);
  #now = Number.NaN;

  constructor(options: LevelOptions) {
    this.#options = options;
    this.#trend = new WienerTracker(options.prior);
    const { within, horizonS } = options;
    if (within !== undefined)
      this.#forecaster = new Forecaster({ horizons: [horizonS], periodUs: STEP_US, memory: MEMORY, ...within });
  }

  /** NaN: it was not measured. */
  observe(atUs: number, level: number): void {
    this.#forecaster?.observeAt(atUs, level);
    this.#trend.observe(atUs / 1e6, level);
    this.#now = level;
  }

  /** Undefined where it is not measured. */
  threat(): Threat | undefined {
    const { cause, level, deadly, limit, horizonS } = this.#options;
    if (!Number.isFinite(this.#now)) return undefined;
    const trend = this.#trend.probability(limit, horizonS);
    const forecast = this.#forecast();
    const probability =
      forecast === undefined ? trend : TREND_SHARE * trend + (1 - TREND_SHARE) * chanceAbove(forecast, limit);
    const quantiles = forecast ?? trendQuantiles(this.#trend, horizonS);
    const inS = trendInS(this.#trend, limit, horizonS);
    return { cause, level, deadly, limit, probability, now: this.#now, quantiles, inS };
  }

  #forecast(): readonly [number, number, number] | undefined {
    if (this.#forecaster === undefined || this.#forecaster.degraded !== undefined) return undefined;
    this.#forecaster.forecast(0, this.#quantiles);
    const [low, median, high] = [TENTH, HALF, NINE_TENTHS].map((at) => this.#quantiles[at] as number);
    if (low === undefined || median === undefined || high === undefined || !Number.isFinite(low + median + high))
      return undefined;
    return [low, median, high];
  }
}

/** 10 %, 50 %, 90 % of a level by its drift alone. */
export function trendQuantiles(trend: WienerTracker, withinS: number): readonly [number, number, number] {
  const { mean, deviation } = trend.ahead(withinS);
  return [mean - DECILE * deviation, mean, mean + DECILE * deviation];
}

/** Until the drift gets there; the horizon where it does not. */
export function trendInS(trend: WienerTracker, limit: number, horizonS: number): number {
  const left = (limit - trend.level) / trend.drift;
  if (trend.level >= limit) return 0;
  return left >= 0 && left < horizonS ? left : horizonS;
}
