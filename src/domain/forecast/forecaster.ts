/**
 * Forecasts of one series, learned while it runs: `observe` a value a step, ask for nine quantiles at each horizon. Everything happens in
 * `observe`: what was forecast for this moment is scored and learned from, then the next forecasts are made; asking only reads.
 *
 *   value → intake (missing, stuck, clock) → history → experts (point-experts.ts) → mixture by exponential weights → bands (bands.ts)
 *
 *   C1  A forecast is scored when its time has come, and never influences anything before (no look ahead).
 *   C2  A made-up value is learned from by nobody.
 *   C3  The state is arrays in one arena and the models fitted in the background: `save` and `restore` move a history with its task, and a
 *       forecaster so moved goes on exactly as the one before would have.
 *   C4  The series has no unit until it has changed among the first WARM_UP values or later; until then it is said to be degraded.
 *
 * Fitting models in the background is the owner's: `fitDue` says when, `fitRequest` what with, `adopt` takes the result (fitBatch of batch.ts,
 * in a worker). Without it the forecaster works as well, only less well.
 */

import { BAND_LENGTH, Bands } from './bands.ts';
import type { BatchModels, FitRequest } from './batch.ts';
import { ChangeSizes } from './change-sizes.ts';
import { MEDIAN, TAUS } from './deciles.ts';
import { ExpertWeights } from './expert-weights.ts';
import { TREE_CONTEXT } from './features.ts';
import { History } from './history.ts';
import { type Degraded, Intake } from './intake.ts';
import type { ForecastNetwork } from './network.ts';
import { EXPERTS, PointExperts } from './point-experts.ts';
import { StateArena } from './state-arena.ts';

export interface ForecasterOptions {
  /** Steps ahead, ascending. */
  readonly horizons: readonly number[];
  readonly season?: number | undefined;
  /** Values kept for fitting in the background. */
  readonly memory?: number;
  /** Past errors that the bands are made of. */
  readonly errorsKept?: number;
  /** Between two samples; samples that come with a time are put on this grid. */
  readonly periodUs?: number | undefined;
  /** What the series cannot leave, such as 0 … 100 %. */
  readonly least?: number;
  readonly most?: number;
  /** Trained on other series, in the race as experts. */
  readonly networks?: readonly ForecastNetwork[] | undefined;
}

const MEMORY = 4096;
const ERRORS_KEPT = 300;
const WARM_UP = 20;
/**
 * η = rate / h^slower / (1 + h / shared): errors of long forecasts share most of their steps, and say less each. For the same reason losses
 * themselves count there (α = h / (h + shared)), and less is forgotten: 1 − φ goes from `forgotten` to a quarter of it at `far` steps.
 */
const EXPERT_RATE = { rate: 0.2, slower: 0.3, shared: 60, forgotten: 2e-4, far: 60, keptFar: 0.75 };
/**
 * Gains at the start, of a short horizon and what is added at a far one: where few independent looks come to correct them, the models fitted to the whole
 * history deserve more trust, and least squares that follow the newest errors less.
 */
const PRIORS: readonly (readonly [RegExp, number, number])[] = [
  [/^(ewma|median|rhythm)/, -1, 0],
  [/trees$/, 0.5, 0],
  [/^nlinear/, 0, 1.5],
  [/^rls lags/, 0, -3],
  [/^rls means/, 0, -1],
];
const ERROR_RATE = 0.01;
/** Fits come when the series has grown by this much, at the latest after so many steps. */
const FIT_LEAST = 200;
const FIT_GROWTH = 1.5;
const FIT_EVERY = 800;

/** Places among the scalars. */
const UNIT = 0;
/** The first step with a forecast. */
const SINCE = 1;
const NEXT_FIT = 2;
const FITS = 3;

export class Forecaster {
  readonly options: ForecasterOptions;
  /** Who is in the race. */
  readonly experts: readonly string[];
  /**
   * A forecast kept until its time comes, #row numbers: the experts' (the first is the value it was made at), at #point the mixture, at #band
   * the bands.
   */
  readonly #row: number;
  readonly #point: number;
  readonly #band: number;
  readonly #arena = new StateArena();
  readonly #intake: Intake;
  readonly #history: History;
  readonly #changes: ChangeSizes;
  readonly #experts: PointExperts;
  readonly #weights: ExpertWeights;
  readonly #bands: Bands;
  /** A ring of rows for each horizon. */
  readonly #rows: readonly Float64Array[];
  /** Of the last value as a forecast, a horizon each. */
  readonly #usualError: Float64Array;
  readonly #scalars: Float64Array;
  readonly #bandInput = { moving: 0, spread: 0, unit: 0, beat: -1 };
  readonly #outcome = { value: 0, point: 0, scale: 0, beat: -1 };

  constructor(options: ForecasterOptions) {
    this.options = options;
    const { horizons, season, memory = MEMORY, errorsKept = ERRORS_KEPT, networks = [] } = options;
    this.experts = [...EXPERTS, ...networks.map(({ family }) => family)];
    this.#point = this.experts.length;
    this.#band = this.#point + 1;
    this.#row = this.#band + BAND_LENGTH;
    const arena = this.#arena;
    this.#intake = new Intake(arena);
    this.#history = new History(arena, Math.max(memory, TREE_CONTEXT + 1, season ?? 0));
    this.#changes = new ChangeSizes(arena);
    this.#experts = new PointExperts(arena, this.#history, { horizons, season, networks });
    this.#weights = new ExpertWeights(arena, {
      groups: horizons.length,
      experts: this.experts.length,
      rates: horizons.map((h) => EXPERT_RATE.rate / h ** EXPERT_RATE.slower / (1 + h / EXPERT_RATE.shared)),
      fading: horizons.map((h) => 1 - EXPERT_RATE.forgotten * (1 - EXPERT_RATE.keptFar * farness(h))),
      ownLoss: horizons.map((h) => h / (h + EXPERT_RATE.shared)),
      prior: horizons.flatMap((h) => this.experts.map((name) => priorOf(name, farness(h)))),
    });
    this.#bands = new Bands(arena, horizons, errorsKept);
    this.#rows = horizons.map((h) => arena.take((h + 1) * this.#row));
    this.#usualError = arena.take(horizons.length);
    this.#scalars = arena.take(4);
    this.#scalars[NEXT_FIT] = FIT_LEAST;
  }

  /** Takes in a sample with its time: gaps become missing values, a time that was there already is not taken again. */
  observeAt(atUs: number, value: number): void {
    const { periodUs } = this.options;
    const steps = periodUs === undefined ? 1 : this.#intake.steps(atUs, periodUs);
    if (steps === undefined) return;
    for (let missing = 1; missing < steps; missing++) this.observe(Number.NaN);
    this.observe(value);
  }

  /** Takes in the value of the next step; anything but a finite number counts as missing. */
  observe(sample: number): void {
    const value = this.#intake.take(sample);
    // What came before the first value is not part of the series.
    if (this.#intake.seen === 0) return;
    const step = this.#history.count;
    const before = this.#history.back(0);
    this.#history.push(value);
    const isMadeUp = this.#intake.missingRun > 0;
    if (step > 0) this.#measure(step, Math.abs(value - before), isMadeUp);
    const unit = this.#scalars[UNIT] as number;
    if (unit === 0) {
      this.#experts.pushOnly(value);
      return;
    }
    if (!isMadeUp) this.#settle(step, value, unit);
    this.#experts.push(step, value, value - before, unit, this.#changes);
    this.#bandInput.moving = this.#changes.now;
    this.#bandInput.unit = unit;
    this.#bandInput.beat = this.#beat(step);
    for (let k = 0; k < this.options.horizons.length; k++) this.#forecast(k, step, unit);
  }

  /** The quantiles (deciles.ts) at the k-th horizon into `out`; gives the median, the forecast itself. */
  forecast(k: number, out: Float64Array): number {
    const { horizons, least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = this.options;
    const h = horizons[k] as number;
    const last = this.#history.back(0);
    if (this.#scalars[UNIT] === 0) {
      out.fill(Math.max(least, Math.min(most, last)));
      return out[MEDIAN] as number;
    }
    const rows = this.#rows[k] as Float64Array;
    const at = ((this.#history.count - 1) % (h + 1)) * this.#row;
    const point = rows[at + this.#point] as number;
    // What is known is older than the newest step: as if the horizon were so much longer.
    const older = Math.sqrt(1 + this.#intake.missingRun / h);
    for (let q = 0; q < TAUS.length; q++) {
      const value = point + older * (this.#bands.quantile(rows, at + this.#band, q) - point);
      out[q] = Math.max(least, Math.min(most, value));
    }
    return out[MEDIAN] as number;
  }

  /** Why the forecasts should not be relied on, if so. */
  get degraded(): Degraded | undefined {
    return this.#intake.degraded(WARM_UP);
  }

  /** What its state takes, without the models fitted in the background. */
  get stateBytes(): number {
    return 8 * this.#arena.length;
  }

  /** What an expert weighs at the k-th horizon, of 1 among all that are awake. */
  weights(k: number): ReadonlyMap<string, number> {
    const h = this.options.horizons[k] as number;
    const at = ((this.#history.count - 1) % (h + 1)) * this.#row;
    const awake = this.experts.map((_, e) => (Number.isNaN(this.#rows[k]?.[at + e]) ? 0 : this.#weights.weight(k, e)));
    const sum = awake.reduce((a, b) => a + b, 0);
    return new Map(this.experts.map((name, e) => [name, (awake[e] as number) / sum]));
  }

  /** What each expert says of the k-th horizon; NaN of those asleep. */
  saidBy(k: number): ReadonlyMap<string, number> {
    const h = this.options.horizons[k] as number;
    const at = ((this.#history.count - 1) % (h + 1)) * this.#row;
    return new Map(this.experts.map((name, e) => [name, this.#rows[k]?.[at + e] ?? Number.NaN]));
  }

  // ——— in the background ———

  get fitDue(): boolean {
    return this.#history.count >= (this.#scalars[NEXT_FIT] as number) && this.#scalars[UNIT] !== 0;
  }

  /** What fitBatch needs, a copy; the next fit is not due before the series has grown again. */
  fitRequest(): FitRequest {
    const { length, values, count } = this.#history;
    const from = this.#history.window(length);
    const fits = (this.#scalars[FITS] as number) + 1;
    this.#scalars[FITS] = fits;
    this.#scalars[NEXT_FIT] = Math.min(Math.ceil(count * FIT_GROWTH), count + FIT_EVERY);
    return { series: values.slice(from, from + length), horizons: this.options.horizons, seed: fits };
  }

  adopt(models: BatchModels): void {
    this.#experts.adopt(models);
  }

  // ——— moving ———

  save(): ForecasterState {
    return { options: this.options, numbers: this.#arena.save(), models: this.#experts.batch };
  }

  static restore({ options, numbers, models }: ForecasterState): Forecaster {
    const forecaster = new Forecaster(options);
    forecaster.#arena.load(numbers);
    if (models !== undefined) forecaster.adopt(models);
    // The newest inputs of the trees are scratch (A1) and not needed: forecasts made of them are in the rows.
    return forecaster;
  }

  #beat(step: number): number {
    const rhythm = this.#experts.batch?.rhythm;
    return rhythm === undefined ? -1 : step % rhythm;
  }

  #measure(step: number, size: number, isMadeUp: boolean): void {
    if (isMadeUp) return this.#changes.pass();
    const s = this.#scalars;
    this.#changes.push(step, size);
    if (s[UNIT] === 0 && step >= WARM_UP && this.#changes.general > 0) {
      s[UNIT] = this.#changes.general;
      s[SINCE] = step;
    }
  }

  #forecast(k: number, step: number, unit: number): void {
    const rows = this.#rows[k] as Float64Array;
    const at = (step % ((this.options.horizons[k] as number) + 1)) * this.#row;
    this.#experts.forecast(k, step, unit, rows, at);
    const point = this.#weights.mix(k, rows, at);
    rows[at + this.#point] = point;
    this.#bandInput.spread = this.#experts.spread(k);
    this.#bands.forecast(k, point, this.#bandInput, rows, at + this.#band);
  }

  /** Scores and learns from what was forecast for this step. */
  #settle(step: number, value: number, unit: number): void {
    const { horizons } = this.options;
    for (let k = 0; k < horizons.length; k++) {
      const h = horizons[k] as number;
      const origin = step - h;
      if (origin < (this.#scalars[SINCE] as number)) break;
      const rows = this.#rows[k] as Float64Array;
      const at = (origin % (h + 1)) * this.#row;
      const change = value - (rows[at] as number);
      this.#experts.learn(k, origin, change, unit);
      const usual = this.#usualError[k] as number;
      const size = Math.abs(change);
      this.#usualError[k] = usual === 0 ? size : usual + ERROR_RATE * (size - usual);
      const scale = Math.max(this.#usualError[k] as number, 1e-9 * unit);
      const point = rows[at + this.#point] as number;
      this.#weights.learn(k, rows, at, point, value, scale);
      this.#outcome.value = value;
      this.#outcome.point = point;
      this.#outcome.scale = scale;
      this.#outcome.beat = this.#beat(origin);
      this.#bands.learn(k, this.#outcome, rows, at + this.#band);
    }
  }
}

/** 0 … 1. */
function farness(horizon: number): number {
  return Math.min(1, horizon / EXPERT_RATE.far);
}

function priorOf(expert: string, far: number): number {
  const [, near, more] = PRIORS.find(([pattern]) => pattern.test(expert)) ?? [undefined, 0, 0];
  return near + far * more;
}

export interface ForecasterState {
  readonly options: ForecasterOptions;
  readonly numbers: Float64Array;
  readonly models: BatchModels | undefined;
}
