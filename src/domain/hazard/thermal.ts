/**
 * How likely does a part overheat within the horizon, by physics instead of trend: it warms with the power it takes and cools towards what
 * surrounds it,
 *
 *   T' = T + a·(T_a − T) + b·P + noise        a = dt/τ, b = a·R        (τ in seconds, R in kelvin a watt)
 *
 * so a load that is about to begin is known to heat before any thermometer shows it. `a·T_a`, `a` and `b` are found by recursive least
 * squares with forgetting, on T' − T: three numbers, since nobody measures T_a. Until enough was seen, or where what was found is no physics
 * (a or b not positive), there is no answer rather than a wrong one.
 *
 * First passage: the density of T is carried forward on a grid, step by step, and what passes the limit stays passed. The noise of a step
 * is what the model could not explain so far; how well the level of power is known enters as scenarios. All times in seconds.
 */
import { NORMAL_NODES, normalCdf } from '../statistics/normal.ts';

export interface ThermalOptions {
  readonly periodS: number;
  /** What a sample still counts after one more: 1 keeps all for ever. */
  readonly keeps: number;
}

export interface ThermalModel {
  readonly timeConstantS: number;
  readonly resistanceKelvinPerWatt: number;
  readonly ambientC: number;
  /** Of one step, kelvin. */
  readonly noiseC: number;
}

const SIZE = 3;
const UNSURE = 1e4;
const SAMPLES_LEAST = 20;
/** A gap longer than this many periods is not one step. */
const GAP_MOST = 1.5;
/** Of the trace of the covariance: without it a part that never changes its load would forget for ever (wind-up). */
const TRACE_MOST = 3e4;
const NOISE_LEAST = 1e-3;

export class ThermalTracker {
  readonly #options: ThermalOptions;
  readonly #weights = Float64Array.of(0, 0.05, 0.05);
  readonly #covariance = Float64Array.of(UNSURE, 0, 0, 0, UNSURE, 0, 0, 0, UNSURE);
  readonly #row = new Float64Array(SIZE);
  readonly #gain = new Float64Array(SIZE);
  #last: { timeS: number; temperatureC: number; powerW: number } | undefined;
  #samples = 0;
  #squares = 0;
  #weight = 0;

  constructor(options: ThermalOptions) {
    this.#options = options;
  }

  /** What is not a number, and what comes after a gap, starts a new stretch and says nothing. */
  observe(timeS: number, temperatureC: number, powerW: number): void {
    const last = this.#last;
    const isThere = Number.isFinite(temperatureC) && Number.isFinite(powerW);
    this.#last = isThere ? { timeS, temperatureC, powerW } : undefined;
    if (last === undefined || !isThere) return;
    const stepS = timeS - last.timeS;
    if (!(stepS > 0.5 * this.#options.periodS && stepS < GAP_MOST * this.#options.periodS)) return;
    this.#learn(last.temperatureC, last.powerW, temperatureC - last.temperatureC);
  }

  get temperatureC(): number | undefined {
    return this.#last?.temperatureC;
  }

  /** Undefined until it is physics. */
  model(): ThermalModel | undefined {
    const [offset = 0, a = 0, b = 0] = this.#weights;
    if (this.#samples < SAMPLES_LEAST || !(a > 0 && a < 1 && b > 0)) return undefined;
    return {
      timeConstantS: this.#options.periodS / a,
      resistanceKelvinPerWatt: b / a,
      ambientC: offset / a,
      noiseC: Math.max(NOISE_LEAST, Math.sqrt(this.#squares / this.#weight)),
    };
  }

  #learn(temperatureC: number, powerW: number, rise: number): void {
    const keeps = this.#options.keeps;
    const row = this.#row;
    [row[0], row[1], row[2]] = [1, -temperatureC, powerW];
    const [covariance, gain, weights] = [this.#covariance, this.#gain, this.#weights];
    let spread = keeps;
    let expected = 0;
    for (let i = 0; i < SIZE; i++) {
      let sum = 0;
      for (let j = 0; j < SIZE; j++) sum += (covariance[i * SIZE + j] as number) * (row[j] as number);
      gain[i] = sum;
      spread += sum * (row[i] as number);
      expected += (weights[i] as number) * (row[i] as number);
    }
    const error = rise - expected;
    let trace = 0;
    for (let i = 0; i < SIZE; i++) {
      weights[i] = (weights[i] as number) + ((gain[i] as number) / spread) * error;
      for (let j = 0; j <= i; j++) {
        const entry = ((covariance[i * SIZE + j] as number) - ((gain[i] as number) * (gain[j] as number)) / spread) / keeps;
        covariance[i * SIZE + j] = entry;
        covariance[j * SIZE + i] = entry;
      }
      trace += covariance[i * SIZE + i] as number;
    }
    if (trace > TRACE_MOST)
      for (let i = 0; i < covariance.length; i++) covariance[i] = (covariance[i] as number) * (TRACE_MOST / trace);
    this.#samples++;
    // The first errors are those of not knowing anything yet.
    if (this.#samples <= 2 * SIZE) return;
    this.#squares = this.#squares * keeps + error * error;
    this.#weight = this.#weight * keeps + 1;
  }
}

// ——— first passage ———

export interface HeatForecast {
  readonly model: ThermalModel;
  readonly fromC: number;
  readonly limitC: number;
  readonly periodS: number;
  /** Power at each step to come; its length is the horizon. */
  readonly powerW: ArrayLike<number>;
  /** How well the level of that power is known. */
  readonly powerDeviationW: number;
}

/** P(the limit is reached by then), step by step. */
export function overheatCurve(forecast: HeatForecast): Float64Array {
  const { fromC, limitC, powerDeviationW, powerW } = forecast;
  const curve = new Float64Array(powerW.length);
  if (fromC >= limitC) return curve.fill(1);
  const scenarios = powerDeviationW > 0 ? NORMAL_NODES : [{ node: 0, weight: 1 }];
  // Most parts are far from their limit most of the time: then there is nothing to carry forward.
  const hottest = temperaturePath(forecast, Math.max(...scenarios.map(({ node }) => node)) * powerDeviationW);
  const reach = gridReachC(forecast);
  if (hottest.every((temperatureC) => temperatureC + reach < limitC)) return curve;
  const grid = gridFor(forecast);
  for (const { node, weight } of scenarios) passage(forecast, grid, node * powerDeviationW, weight, curve);
  return curve;
}

/** P(the limit is reached at one of the steps). */
export function overheatProbability(forecast: HeatForecast): number {
  return forecast.fromC >= forecast.limitC ? 1 : (overheatCurve(forecast).at(-1) ?? 0);
}

/** The mean path of the temperature: what the density is carried along. */
export function temperaturePath({ model, fromC, periodS, powerW }: HeatForecast, offsetW = 0): Float64Array {
  const a = Math.min(1, periodS / model.timeConstantS);
  let temperatureC = fromC;
  return Float64Array.from(powerW, (power) => {
    const settledC = model.ambientC + model.resistanceKelvinPerWatt * Math.max(0, power + offsetW);
    temperatureC += a * (settledC - temperatureC);
    return temperatureC;
  });
}

/** Odd: one cell has its centre on the path. */
const CELLS = 161;
/** The grid covers this many deviations around the path; below it nothing passes the limit any more. */
const REACH = 8;
const KERNEL_REACH = 5;

/**
 * Deviations from the mean path, in cells: each step shrinks them by (1 − a) and adds noise, the same at every step and in every scenario,
 * so that the shares which go from cell to cell are worked out once. Only the limit moves.
 */
interface Grid {
  readonly lowest: number;
  readonly cell: number;
  /** Of each cell: the first cell it goes to, and the shares from there on. */
  readonly targets: readonly { readonly first: number; readonly shares: Float64Array }[];
}

const shrinksBy = ({ model, periodS }: HeatForecast): number => 1 - Math.min(1, periodS / model.timeConstantS);

function gridReachC(forecast: HeatForecast): number {
  // How many steps of noise add up before the oldest have faded.
  const lasting = Math.min(forecast.powerW.length, 1 / Math.max(1e-9, 1 - shrinksBy(forecast) ** 2));
  return REACH * forecast.model.noiseC * Math.sqrt(Math.max(1, lasting));
}

function gridFor(forecast: HeatForecast): Grid {
  const { noiseC } = forecast.model;
  const shrinks = shrinksBy(forecast);
  const half = gridReachC(forecast);
  const cell = (2 * half) / CELLS;
  const targets = Array.from({ length: CELLS }, (_, i) => {
    const mean = shrinks * (-half + (i + 0.5) * cell);
    const first = Math.max(0, Math.floor((mean - KERNEL_REACH * noiseC + half) / cell));
    const last = Math.min(CELLS - 1, Math.ceil((mean + KERNEL_REACH * noiseC + half) / cell));
    const upTo = (edge: number): number => normalCdf((-half + edge * cell - mean) / noiseC);
    return { first, shares: Float64Array.from({ length: last - first + 1 }, (_, j) => upTo(first + j + 1) - upTo(first + j)) };
  });
  return { lowest: -half, cell, targets };
}

/** Adds a scenario's share to the curve. */
function passage(
  forecast: HeatForecast,
  { lowest, cell, targets }: Grid,
  offsetW: number,
  share: number,
  curve: Float64Array,
): void {
  let mass = new Float64Array(CELLS);
  let next = new Float64Array(CELLS);
  mass[(CELLS - 1) / 2] = 1;
  let passed = 0;
  for (const [step, temperatureC] of temperaturePath(forecast, offsetW).entries()) {
    next.fill(0);
    for (let i = 0; i < CELLS; i++) {
      const weight = mass[i] as number;
      if (weight < 1e-14) continue;
      const { first, shares } = targets[i] as Grid['targets'][number];
      for (let j = 0; j < shares.length; j++) next[first + j] = (next[first + j] as number) + weight * (shares[j] as number);
    }
    // Above the limit is passed for good; of the cell that the limit stands in, the part above it.
    const limitAt = (forecast.limitC - temperatureC - lowest) / cell;
    for (let j = Math.max(0, Math.floor(limitAt)); j < CELLS; j++) {
      const stays = Math.max(0, Math.min(1, limitAt - j));
      passed += (1 - stays) * (next[j] as number);
      next[j] = stays * (next[j] as number);
    }
    [mass, next] = [next, mass];
    curve[step] = Math.min(1, (curve[step] as number) + share * passed);
  }
}
