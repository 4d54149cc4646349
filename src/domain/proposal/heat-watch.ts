/**
 * Whether an ECU gets too hot, from what it measures of itself and from the forecast of its load: first passage of the limit by the temperature's
 * own drift, and the thermal model with the power that the forecast load will take (power against load is a line, found online). A fan that
 * fails is not in the model, which then finds another reason for the heat and is wrong for a minute: the drift has the greater say, and
 * where it sees nothing the model is asked only if the load is forecast to rise, of which the thermometer cannot know yet.
 *
 * Sensors may be missing or lie: without a temperature or a limit nothing is said.
 */
import { overheatCurve, ThermalTracker } from '../hazard/thermal.ts';
import { type WienerPrior, WienerTracker } from '../hazard/wiener.ts';
import { trendInS, trendQuantiles } from './level-watch.ts';
import { DECILE, type Quantiles, type Threat } from './threat.ts';

export interface HeatSensors {
  readonly timeS: number;
  /** NaN: not measured. */
  readonly temperatureC: number;
  readonly powerW: number;
  /** 0 … 1 of all its cores. */
  readonly load: number;
}

export interface HeatOptions {
  readonly periodS: number;
  /** Beyond it the ECU dies or stops; undefined: nobody knows of one. */
  readonly limitC: number | undefined;
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
export class HeatWatch {
  readonly #options: HeatOptions;
  readonly #thermal: ThermalTracker;
  readonly #trend = new WienerTracker(TREND);
  readonly #line = new FadingLine(KEEPS);
  #load = Number.NaN;
  #temperatureC = Number.NaN;

  constructor(options: HeatOptions) {
    this.#options = options;
    this.#thermal = new ThermalTracker({ periodS: options.periodS, keeps: KEEPS });
  }

  observe({ timeS, temperatureC, powerW, load }: HeatSensors): void {
    this.#thermal.observe(timeS, temperatureC, powerW);
    this.#trend.observe(timeS, temperatureC);
    this.#line.observe(load, powerW);
    this.#load = load;
    this.#temperatureC = temperatureC;
  }

  /** `quantiles`: of the load at the horizon. */
  threat(horizonS: number, quantiles: Quantiles): Threat | undefined {
    const { limitC } = this.#options;
    const now = this.#temperatureC;
    if (limitC === undefined || !Number.isFinite(now)) return undefined;
    const { probability, inS } = this.#heat(horizonS, quantiles, limitC);
    const ahead = trendQuantiles(this.#trend, horizonS);
    return {
      ...{ cause: 'heat', level: 'temperature', deadly: true, probability, now, limit: limitC, quantiles: ahead, inS },
    };
  }

  #heat(horizonS: number, quantiles: Quantiles, limitC: number): { readonly probability: number; readonly inS: number } {
    const { periodS } = this.#options;
    const fromC = this.#temperatureC;
    const trend = this.#trend.probability(limitC, horizonS);
    const rises = quantiles[1] - this.#load > RISE_LEAST;
    const model = trend < TREND_LEAST && !rises ? undefined : this.#thermal.model();
    const steps = Math.max(1, Math.round(horizonS / periodS));
    const ahead = model === undefined ? undefined : this.#powerAhead(steps, quantiles);
    const inS = trendInS(this.#trend, limitC, horizonS);
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
    [low, median, high]: Quantiles,
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
