/**
 * One level that may get to its limit, seen in two ways that know different things:
 *
 *   trend     first passage of the limit by the level's own drift (`hazard/wiener.ts`): sees a leak or wear early, knows no periods
 *   forecast  P(level > limit at the horizon) by the mixture of forecasters: knows what the series usually does
 *
 * The trend has the greater say, and all of it until the forecaster has seen how its own forecasts came out for some horizons. A level that stands
 * still at a value has neither.
 */
import { Forecaster } from '../forecast/forecaster.ts';
import { type WienerPrior, WienerTracker } from '../hazard/wiener.ts';
import { chanceAbove, DECILE, type Quantiles, type Threat } from './threat.ts';

export interface LevelOptions {
  readonly cause: Threat['cause'];
  readonly level: Threat['level'];
  readonly deadly: boolean;
  readonly limit: number;
  readonly horizonS: number;
  /** Of the trend, before anything is known of it: levels and seconds. */
  readonly prior: WienerPrior;
  readonly least?: number;
  readonly most?: number;
}

const TREND_SHARE = 0.7;

export class LevelWatch {
  readonly #options: LevelOptions;
  readonly #trend: WienerTracker;
  #now = Number.NaN;

  constructor(options: LevelOptions) {
    this.#options = options;
    this.#trend = new WienerTracker(options.prior);
  }

  /** NaN: it was not measured. */
  observe(atUs: number, level: number): void {
    this.#trend.observe(atUs / 1e6, level);
    this.#now = level;
  }

  /** That it is above `limit` within the horizon; `planned` is what is known to come on top, and in the forecast already. */
  chance(limit: number, forecast: Quantiles | undefined, planned = 0): number {
    const trend = this.#trend.probability(limit - planned, this.#options.horizonS);
    return forecast === undefined ? trend : TREND_SHARE * trend + (1 - TREND_SHARE) * chanceAbove(forecast, limit);
  }

  /** Undefined where it is not measured. */
  threat(forecast?: Quantiles, planned = 0): Threat | undefined {
    const { cause, level, deadly, limit, horizonS, least = Number.NEGATIVE_INFINITY, most } = this.#options;
    if (!Number.isFinite(this.#now)) return undefined;
    const within = (value: number): number => Math.max(least, Math.min(most ?? Number.POSITIVE_INFINITY, value));
    const [low, median, high] = forecast ?? trendQuantiles(this.#trend, horizonS);
    return {
      ...{ cause, level, deadly, limit, now: this.#now },
      probability: this.chance(limit, forecast, planned),
      quantiles: [within(low), within(median), within(high)],
      inS: trendInS(this.#trend, limit - planned, horizonS),
    };
  }
}

/** 10 %, 50 %, 90 % of a level by its drift alone. */
export function trendQuantiles(trend: WienerTracker, withinS: number): Quantiles {
  const { mean, deviation } = trend.ahead(withinS);
  return [mean - DECILE * deviation, mean, mean + DECILE * deviation];
}

/** Until the drift gets there; the horizon where it does not. */
export function trendInS(trend: WienerTracker, limit: number, horizonS: number): number {
  const left = (limit - trend.level) / trend.drift;
  if (trend.level >= limit) return 0;
  return left >= 0 && left < horizonS ? left : horizonS;
}

const STEP_US = 1_000_000;
const MEMORY = 600;
const [TENTH, HALF, NINE_TENTHS] = [0, 4, 8];
/** Its forecasts of so many horizons ago have come true, or not: before that its bands are no wider than it knows. */
const PROVEN_HORIZONS = 4;

/** Of a share, at one horizon, a step a second. */
export class ShareForecast {
  readonly forecaster: Forecaster;
  readonly #provenSteps: number;
  readonly #quantiles = new Float64Array(9);
  #steps = 0;

  constructor(horizonS: number) {
    this.forecaster = new Forecaster({ horizons: [horizonS], periodUs: STEP_US, memory: MEMORY, least: 0, most: 1 });
    this.#provenSteps = PROVEN_HORIZONS * horizonS;
  }

  observe(atUs: number, share: number): void {
    this.forecaster.observeAt(atUs, share);
    this.#steps++;
  }

  /** Of the step after the last one; NaN: missing. */
  take(share: number): void {
    this.forecaster.observe(share);
    this.#steps++;
  }

  /** Whether it may be asked how likely something is; what it says is to be shown as it is. */
  get isProven(): boolean {
    return this.#steps >= this.#provenSteps && this.forecaster.degraded === undefined;
  }

  quantiles(): Quantiles {
    this.forecaster.forecast(0, this.#quantiles);
    const of = (at: number): number => (Number.isFinite(this.#quantiles[at]) ? (this.#quantiles[at] as number) : 0);
    return [of(TENTH), of(HALF), of(NINE_TENTHS)];
  }
}
