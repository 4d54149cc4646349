/**
 * The forecasters in the race, each saying what the series will be `h` steps on: the last value, exponentially weighted means of six speeds
 * (simple exponential smoothing), the median of the last 96 values, two recursive least squares on differences (sixteen lags; the
 * means alone), and, once fitted in the background, NLinear, boosted trees, NLinear with trees for what it leaves and, where a rhythm was found, what followed at the same beat. With a season, also the value a season ago; with networks
 * trained on other series (network.ts), what each of them says.
 *
 *   P1  What an expert says depends on values up to the newest alone.
 *   P2  One that has nothing to say gives NaN; the last value and the means always speak.
 *   P3  The learned ones may leave the newest value by at most REACH times the largest change of late over that horizon.
 */
import type { BatchModels } from './batch.ts';
import { askBoostedTrees, intoCodes } from './boosted-trees.ts';
import type { ChangeSizes } from './change-sizes.ts';
import {
  EWMA_RATES,
  Ewmas,
  LINEAR_WIDTH,
  linearFeatures,
  SMOOTH_WIDTH,
  smoothFeatures,
  TREE_CONTEXT,
  TREE_WIDTH,
  treeFeatures,
} from './features.ts';
import type { History } from './history.ts';
import {
  type ForecastNetwork,
  inputWidth,
  NetworkRunner,
  type NetworkSight,
  networkInputs,
  WIDE_INPUT_WIDTH,
  wideInputs,
} from './network.ts';
import { predictNLinear } from './nlinear.ts';
import { RecursiveLeastSquares } from './recursive-least-squares.ts';
import { SortedWindows } from './sorted-window.ts';
import type { StateArena } from './state-arena.ts';

export const EXPERTS: readonly string[] = [
  'naive',
  ...EWMA_RATES.map((rate) => `ewma ${rate}`),
  'median',
  'rls lags',
  'rls means',
  'nlinear',
  'trees',
  'nlinear and trees',
  'season',
  'rhythm',
];
/** The first of those that learn. */
const LEARNED = EXPERTS.indexOf('rls lags');

const MEDIAN_LENGTH = 96;
const BEATS = 4;
const REACH = 1.5;
const REACH_FADING = 0.998;
const RLS = { lags: { forgetting: 0.9995, clip: 4, prior: 1 }, means: { forgetting: 0.9995, clip: 1, prior: 0.1 } };

export interface ExpertOptions {
  readonly horizons: readonly number[];
  readonly season: number | undefined;
  readonly networks: readonly ForecastNetwork[];
}

/** Between which of a network's horizons one of ours lies; nothing where it lies outside. */
interface Between {
  readonly below: number;
  readonly above: number;
  readonly share: number;
}

export class PointExperts {
  readonly #horizons: readonly number[];
  readonly #season: number | undefined;
  readonly #history: History;
  readonly #ewmas: Ewmas;
  readonly #median: SortedWindows;
  readonly #lags: RecursiveLeastSquares;
  readonly #means: RecursiveLeastSquares;
  /** The largest change of late, a horizon each. */
  readonly #reach: Float64Array;
  readonly #linearRow = new Float64Array(LINEAR_WIDTH);
  readonly #smoothRow = new Float64Array(SMOOTH_WIDTH);
  readonly #treeRow = new Float32Array(TREE_WIDTH);
  readonly #treeCodes = new Int32Array(TREE_WIDTH);
  readonly #runners: readonly NetworkRunner[];
  /** A network each, a horizon each. */
  readonly #between: readonly (readonly (Between | undefined)[])[];
  readonly #inputRow = new Float32Array(WIDE_INPUT_WIDTH);
  readonly #inputs: readonly Float32Array[];
  readonly #readsWide: boolean;
  #now = 0;
  #batch: BatchModels | undefined;

  constructor(arena: StateArena, history: History, { horizons, season, networks }: ExpertOptions) {
    this.#horizons = horizons;
    this.#season = season;
    this.#history = history;
    this.#ewmas = new Ewmas(arena);
    this.#median = new SortedWindows(arena, 1, MEDIAN_LENGTH);
    const shared = { horizons: horizons.length, ring: Math.max(...horizons) + 1 };
    this.#lags = new RecursiveLeastSquares(arena, { ...shared, ...RLS.lags, width: LINEAR_WIDTH });
    this.#means = new RecursiveLeastSquares(arena, { ...shared, ...RLS.means, width: SMOOTH_WIDTH });
    this.#reach = arena.take(horizons.length);
    this.#runners = networks.map((network) => new NetworkRunner(arena, network));
    this.#between = networks.map((network) => horizons.map((h) => betweenHorizons(network.horizons, h)));
    this.#inputs = networks.map(({ family }) => this.#inputRow.subarray(0, inputWidth(family)));
    this.#readsWide = networks.some(({ family }) => family === 'fnn');
  }

  get batch(): BatchModels | undefined {
    return this.#batch;
  }

  adopt(models: BatchModels): void {
    this.#batch = models;
  }

  /** Before there is a unit to measure in. */
  pushOnly(value: number): void {
    this.#ewmas.push(value);
    this.#median.push(0, value);
  }

  /** Takes in the newest value, which the history has already and which came by `change`; `unit` is a usual change of the series. */
  push(step: number, value: number, change: number, unit: number, changes: ChangeSizes): void {
    this.pushOnly(value);
    const { values, length } = this.#history;
    const at = this.#history.window(1);
    linearFeatures(this.#linearRow, values, at, length, this.#ewmas.values, unit);
    this.#lags.push(step, this.#linearRow);
    smoothFeatures(this.#smoothRow, value, this.#ewmas.values, unit);
    this.#means.push(step, this.#smoothRow);
    const batch = this.#batch;
    const hasTrees = batch !== undefined && batch.trees.length > 0;
    const isLong = length > TREE_CONTEXT;
    if (isLong && (hasTrees || this.#readsWide)) {
      treeFeatures(this.#treeRow, values, at, this.#ewmas.values, batch?.origin ?? 0);
      if (hasTrees) intoCodes(this.#treeRow, this.#treeCodes);
    }
    if (this.#runners.length > 0) this.#runNetworks(value, change, changes, isLong);
  }

  #runNetworks(last: number, change: number, { now, general, still }: ChangeSizes, isLong: boolean): void {
    const sight: NetworkSight = { last, change, ewmas: this.#ewmas.values, now, general, still };
    this.#now = now;
    networkInputs(this.#inputRow, sight);
    if (this.#readsWide && isLong) wideInputs(this.#inputRow, this.#treeRow, now);
    for (let n = 0; n < this.#runners.length; n++) {
      const runner = this.#runners[n] as NetworkRunner;
      if (runner.network.family === 'fnn' && !isLong) runner.outputs.fill(Number.NaN);
      else runner.push(this.#inputs[n] as Float32Array);
    }
  }

  #networkSays(n: number, k: number): number {
    const between = this.#between[n]?.[k];
    if (between === undefined) return Number.NaN;
    const { network, outputs } = this.#runners[n] as NetworkRunner;
    const of = (at: number): number => (outputs[at] as number) * Math.sqrt(network.horizons[at] as number);
    return this.#now * (of(between.below) * (1 - between.share) + of(between.above) * between.share);
  }

  /** What each says of horizon `k` after `step`, the newest, into `out` from `at`. */
  forecast(k: number, step: number, unit: number, out: Float64Array, at: number): void {
    const history = this.#history;
    const { values } = history;
    const t = history.window(1);
    const last = values[t] as number;
    let e = at;
    out[e++] = last;
    for (let i = 0; i < EWMA_RATES.length; i++) out[e++] = this.#ewmas.values[i] as number;
    out[e++] = this.#median.quantile(0, 0.5);
    out[e++] = last + unit * this.#lags.predict(k, step);
    out[e++] = last + unit * this.#means.predict(k, step);
    const batch = this.#batch;
    const ready = batch !== undefined && history.length > TREE_CONTEXT;
    const linear = ready && batch.nlinear !== undefined ? last + predictNLinear(batch.nlinear, k, values, t) : Number.NaN;
    out[e++] = linear;
    const trees = ready ? batch.trees[k] : undefined;
    out[e++] = trees !== undefined ? last + askBoostedTrees(trees, this.#treeCodes) : Number.NaN;
    const rest = ready ? batch.rests[k] : undefined;
    out[e++] = rest !== undefined ? linear + askBoostedTrees(rest, this.#treeCodes) : Number.NaN;
    out[e++] = this.#seasonAgo(this.#horizons[k] as number);
    out[e++] = this.#rhythmSays(this.#horizons[k] as number);
    for (let n = 0; n < this.#runners.length; n++) out[e++] = last + this.#networkSays(n, k);
    const reach = REACH * (this.#reach[k] as number);
    for (let learned = at + LEARNED; learned < e; learned++) {
      const value = out[learned] as number;
      if (value > last + reach) out[learned] = last + reach;
      else if (value < last - reach) out[learned] = last - reach;
    }
  }

  /** How large an error the trees expect of themselves on horizon `k`; NaN where they have not learned it. */
  spread(k: number): number {
    const spread = this.#history.length > TREE_CONTEXT ? this.#batch?.spreads[k] : undefined;
    return spread === undefined ? Number.NaN : Math.exp(askBoostedTrees(spread, this.#treeCodes));
  }

  /** Learns that the series changed by `change` in the horizon's steps after `step`. */
  learn(k: number, step: number, change: number, unit: number): void {
    this.#lags.learn(k, step, change / unit);
    this.#means.learn(k, step, change / unit);
    this.#reach[k] = Math.max(Math.abs(change), REACH_FADING * (this.#reach[k] as number));
  }

  /** The newest value, and what followed at the same beat of the rhythm, on average of the last few times. */
  #rhythmSays(horizon: number): number {
    const rhythm = this.#batch?.rhythm;
    const history = this.#history;
    if (rhythm === undefined) return Number.NaN;
    let [sum, times] = [0, 0];
    for (let back = rhythm * Math.ceil(horizon / rhythm); times < BEATS && back < history.length; back += rhythm, times++)
      sum += history.back(back - horizon) - history.back(back);
    return times === 0 ? Number.NaN : history.back(0) + sum / times;
  }

  #seasonAgo(horizon: number): number {
    const season = this.#season;
    if (season === undefined) return Number.NaN;
    const back = season * Math.ceil(horizon / season) - horizon;
    return back < this.#history.length ? this.#history.back(back) : Number.NaN;
  }
}

function betweenHorizons(known: readonly number[], horizon: number): Between | undefined {
  const above = known.findIndex((each) => each >= horizon);
  if (above < 0) return undefined;
  if (known[above] === horizon) return { below: above, above, share: 0 };
  if (above === 0) return undefined;
  const [from, to] = [known[above - 1] as number, known[above] as number];
  return { below: above - 1, above, share: (horizon - from) / (to - from) };
}
