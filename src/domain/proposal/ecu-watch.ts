/**
 * What is foreseen of one ECU, from what it measures of itself and from the forecast of its load:
 *
 *   heat      first passage of the limit by the temperature's own drift, and the thermal model with the power that the forecast load will
 *             take (power against load is a line, found online). A fan that fails is not in the model, which then finds another reason
 *             for the heat and is wrong for a minute: the drift has the greater say, and where it sees nothing the model is asked only
 *             if the load is forecast to rise, of which the thermometer cannot know yet
 *   hazard    whatever a learned model says on top: 1 − (1 − heat)·(1 − hazard)
 *   overload  P(load > capacity) by the forecast's quantiles
 *
 * Sensors may be missing or lie: without a temperature nothing is said of heat, and an ECU without a limit never overheats.
 */
import { overheatCurve, ThermalTracker } from '../hazard/thermal.ts';
import { type WienerPrior, WienerTracker } from '../hazard/wiener.ts';
import type { Mac } from '../model/ids.ts';
import { normalCdf } from '../statistics/normal.ts';
import type { Outlook } from './proposal.ts';

export interface EcuSensors {
  readonly timeS: number;
  /** NaN: not measured. */
  readonly temperatureC: number;
  readonly powerW: number;
  /** 0 … 1 of all its cores. */
  readonly load: number;
}

export interface WatchOptions {
  readonly periodS: number;
  /** Beyond it the ECU dies or stops; undefined: nobody knows of one. */
  readonly limitC: number | undefined;
  readonly capacity: number;
}

export interface LoadForecast {
  /** 10 %, 50 %, 90 % at the horizon. */
  readonly quantiles: readonly [number, number, number];
  /** P(failure within the horizon) by a learned model; 0 where there is none. */
  readonly hazard: number;
}

/** Half a minute: a fan that fails must be noticed. */
const KEEPS = 0.97;
/** Of a temperature about whose part nothing is known yet, in kelvin and seconds. */
const TREND: WienerPrior = { driftMean: 0, driftDeviation: 0.2, driftWander: 0.06, diffusion: 0.1, noise: 0.25 };
/** What the drift has to say of the heat, beside the model. */
const TREND_SHARE = 0.7;
/** Below it nobody asks the model, which is dear. */
const TREND_LEAST = 0.05;
/** Of the load, a share, until the horizon. */
const RISE_LEAST = 0.1;
/** z of 10 % and 90 %. */
const DECILE = 1.2815515655446004;

export class EcuWatch {
  readonly #options: WatchOptions;
  readonly #thermal: ThermalTracker;
  readonly #trend = new WienerTracker(TREND);
  readonly #line = new FadingLine(KEEPS);
  #load = Number.NaN;
  #temperatureC = Number.NaN;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#thermal = new ThermalTracker({ periodS: options.periodS, keeps: KEEPS });
  }

  observe({ timeS, temperatureC, powerW, load }: EcuSensors): void {
    this.#thermal.observe(timeS, temperatureC, powerW);
    this.#trend.observe(timeS, temperatureC);
    this.#line.observe(load, powerW);
    this.#load = load;
    this.#temperatureC = temperatureC;
  }

  outlook(mac: Mac, incarnation: number, horizonS: number, forecast: LoadForecast): Outlook {
    const { quantiles, hazard } = forecast;
    const { probability, inS } = this.#heat(horizonS, quantiles);
    return {
      mac,
      incarnation,
      failure: 1 - (1 - probability) * (1 - hazard),
      overload: chanceAbove(quantiles, this.#options.capacity),
      loadQuantiles: quantiles,
      failsInS: probability >= hazard ? inS : horizonS / 2,
    };
  }

  #heat(horizonS: number, quantiles: LoadForecast['quantiles']): { readonly probability: number; readonly inS: number } {
    const { limitC, periodS } = this.#options;
    const fromC = this.#temperatureC;
    if (limitC === undefined || !Number.isFinite(fromC)) return { probability: 0, inS: horizonS };
    const trend = this.#trend.probability(limitC, horizonS);
    const rises = quantiles[1] - this.#load > RISE_LEAST;
    const model = trend < TREND_LEAST && !rises ? undefined : this.#thermal.model();
    const steps = Math.max(1, Math.round(horizonS / periodS));
    const ahead = model === undefined ? undefined : this.#powerAhead(steps, quantiles);
    const inS = this.#trendInS(limitC, horizonS);
    if (model === undefined || ahead === undefined) return { probability: trend, inS };
    const curve = overheatCurve({ model, fromC, limitC, periodS, ...ahead });
    const heat = curve.at(-1) ?? 0;
    const both = TREND_SHARE * trend + (1 - TREND_SHARE) * heat;
    if (!rises || heat <= both) return { probability: both, inS };
    return { probability: heat, inS: (curve.findIndex((passed) => passed >= heat / 2) + 1) * periodS };
  }

  /** Power on the way from the load of now to the forecast one. */
  #powerAhead(
    steps: number,
    [low, median, high]: LoadForecast['quantiles'],
  ): { readonly powerW: Float64Array; readonly powerDeviationW: number } | undefined {
    const line = this.#line.line();
    if (line === undefined) return undefined;
    const from = Number.isFinite(this.#load) ? this.#load : median;
    const powerW = Float64Array.from({ length: steps }, (_, step) => {
      const load = from + ((median - from) * (step + 1)) / steps;
      return Math.max(0, line.offset + line.slope * load);
    });
    return { powerW, powerDeviationW: (Math.abs(line.slope) * Math.max(0, high - low)) / (2 * DECILE) };
  }

  #trendInS(limitC: number, horizonS: number): number {
    const left = (limitC - this.#trend.level) / this.#trend.drift;
    return left >= 0 && left < horizonS ? left : horizonS;
  }
}

/** P(value > limit) where the quantiles are those of two half normals joined at the median. */
export function chanceAbove([low, median, high]: readonly [number, number, number], limit: number): number {
  const spread = (limit >= median ? high - median : median - low) / DECILE;
  if (!(spread > 0)) return median > limit ? 1 : 0;
  return 1 - normalCdf((limit - median) / spread);
}

/** y = offset + slope·x by least squares, old points fading. */
class FadingLine {
  readonly #keeps: number;
  #n = 0;
  #x = 0;
  #y = 0;
  #xx = 0;
  #xy = 0;

  constructor(keeps: number) {
    this.#keeps = keeps;
  }

  observe(x: number, y: number): void {
    if (!Number.isFinite(x) || !Number.isFinite(y)) return;
    const keeps = this.#keeps;
    this.#n = this.#n * keeps + 1;
    this.#x = this.#x * keeps + x;
    this.#y = this.#y * keeps + y;
    this.#xx = this.#xx * keeps + x * x;
    this.#xy = this.#xy * keeps + x * y;
  }

  /** Flat where x does not vary; undefined before there are points. */
  line(): { readonly offset: number; readonly slope: number } | undefined {
    if (this.#n < 3) return undefined;
    const [mx, my] = [this.#x / this.#n, this.#y / this.#n];
    const spread = this.#xx / this.#n - mx * mx;
    const slope = spread > 1e-6 ? (this.#xy / this.#n - mx * my) / spread : 0;
    return { offset: my - slope * mx, slope };
  }
}
