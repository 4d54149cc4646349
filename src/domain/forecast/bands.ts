/**
 * From a point to nine quantiles. Three views of the errors made of late are each a window of the last ones, kept in order: as they are, over
 * how much the series moves now, over the size of error that the trees expect here. The views are mixed for each quantile by
 * exponential weights on pinball loss. At last the outer two are moved until they miss as often as they should (adaptive conformal inference): a
 * miss moves a side out by (1 − MISSES) γ in the logarithm of the half width, a hit in by MISSES γ.
 *
 *   Q1  Quantiles ascend.
 *   Q2  What is learned of a forecast is learned when its horizon has passed, never before.
 *   Q3  With few errors seen (fewer than a few times the horizon) bands are wider: that many steps are hardly one independent look.
 *
 * Source: Gibbs and Candès, NeurIPS 2021 (arXiv 2106.00170), with the level replaced by the width as in Angelopoulos et al., NeurIPS 2023.
 */
import { MEDIAN, OUTER, TAUS } from './deciles.ts';
import { ExpertWeights } from './expert-weights.ts';
import { SortedWindows } from './sorted-window.ts';
import type { StateArena } from './state-arena.ts';

const VIEWS = 3;
const Q = TAUS.length;
/** A forecast's numbers: the offsets of each view, what each view's errors are measured in, the quantiles. */
export const BAND_LENGTH = VIEWS * Q + VIEWS + Q;
const SIZES = VIEWS * Q;
const QUANTILES = SIZES + VIEWS;

/** Errors of neighbouring steps share most of their horizon: of long ones every second or third is kept, and the window reaches further back. */
const thinning = (horizon: number): number => 1 + Math.floor(Math.sqrt(horizon) / 3);
/** Fewer errors than this say nothing of quantiles. */
const ERRORS_LEAST = 15;
const MIX = { rate: 0.3, slower: 0.3, fading: 0.998 };
/** γ = RATE / √h. */
const RATE = 0.03;
/** Of each side. */
const MISSES = 0.1;
const STRETCH_MOST = 3;
/** Of a standard normal, for a series of which no error is known yet. */
const NORMAL: readonly number[] = [-1.2816, -0.8416, -0.5244, -0.2533, 0, 0.2533, 0.5244, 0.8416, 1.2816];

export class Bands {
  readonly #horizons: readonly number[];
  readonly #windows: SortedWindows;
  readonly #weights: ExpertWeights;
  /** Lower and upper, a horizon each: how many half widths further out. */
  readonly #stretch: Float64Array;
  readonly #settled: Float64Array;
  readonly #offsets = new Float64Array(VIEWS);

  /** `errorsKept`: of each view and horizon. */
  constructor(arena: StateArena, horizons: readonly number[], errorsKept: number) {
    this.#horizons = horizons;
    this.#windows = new SortedWindows(arena, horizons.length * VIEWS, errorsKept);
    this.#weights = new ExpertWeights(arena, {
      groups: horizons.length * Q,
      experts: VIEWS,
      rates: horizons.flatMap((h) => TAUS.map(() => MIX.rate / h ** MIX.slower)),
      fading: MIX.fading,
      prior: [0, 0, 0],
    });
    this.#stretch = arena.take(2 * horizons.length);
    this.#settled = arena.take(horizons.length);
  }

  /** The quantiles around `point`, into `out` from `at` (BAND_LENGTH numbers). `moving`: a usual change now; `spread` may be NaN. */
  forecast(k: number, point: number, { moving, spread, unit }: BandInput, out: Float64Array, at: number): void {
    const h = this.#horizons[k] as number;
    const floor = 1e-3 * unit;
    out[at + SIZES] = 1;
    out[at + SIZES + 1] = moving + floor;
    out[at + SIZES + 2] = spread + floor;
    const looks = ((this.#settled[k] as number) + 1) / h;
    const wider = 1 + 1 / (looks + 0.5);
    const offsets = this.#offsets;
    const cold = this.#windows.count(k * VIEWS) < ERRORS_LEAST;
    for (let q = 0; q < Q; q++) {
      for (let view = 0; view < VIEWS; view++) {
        const window = k * VIEWS + view;
        let offset = Number.NaN;
        if (this.#windows.count(window) >= ERRORS_LEAST)
          offset = wider * (out[at + SIZES + view] as number) * this.#windows.quantile(window, TAUS[q] as number);
        else if (cold && view === 0) offset = wider * unit * Math.sqrt(h) * (NORMAL[q] as number);
        offsets[view] = offset;
        out[at + view * Q + q] = offset;
      }
      out[at + QUANTILES + q] = q === MEDIAN ? point : point + this.#weights.mix(k * Q + q, offsets, 0);
    }
    this.#order(k, out, at + QUANTILES);
  }

  /** Quantile `q` of what was forecast from `at`. */
  quantile(out: Float64Array, at: number, q: number): number {
    return out[at + QUANTILES + q] as number;
  }

  /** Learns that `value` came where `forecast` wrote at `at` around `point`; `scale` is a usual error of the last value. */
  learn(k: number, { value, point, scale }: BandOutcome, row: Float64Array, at: number): void {
    const error = value - point;
    const offsets = this.#offsets;
    for (let q = 0; q < Q; q++) {
      if (q === MEDIAN) continue;
      for (let view = 0; view < VIEWS; view++) offsets[view] = row[at + view * Q + q] as number;
      const group = k * Q + q;
      const mixture = this.#weights.mix(group, offsets, 0);
      const tau = TAUS[q] as number;
      this.#weights.learn(group, offsets, 0, mixture, error > mixture ? -tau : 1 - tau, scale);
    }
    const settled = this.#settled[k] as number;
    for (let view = 0; view < VIEWS && settled % thinning(this.#horizons[k] as number) === 0; view++) {
      const size = row[at + SIZES + view] as number;
      if (!Number.isNaN(size)) this.#windows.push(k * VIEWS + view, error / size);
    }
    this.#settled[k] = settled + 1;
    const rate = RATE / Math.sqrt(this.#horizons[k] as number);
    this.#move(2 * k, rate * ((value < this.quantile(row, at, 0) ? 1 : 0) - MISSES));
    this.#move(2 * k + 1, rate * ((value > this.quantile(row, at, OUTER) ? 1 : 0) - MISSES));
  }

  #move(side: number, by: number): void {
    this.#stretch[side] = Math.max(-STRETCH_MOST, Math.min(STRETCH_MOST, (this.#stretch[side] as number) + by));
  }

  #order(k: number, out: Float64Array, at: number): void {
    const half = Math.max(0, (out[at + OUTER] as number) - (out[at] as number)) / 2;
    out[at] = (out[at] as number) - half * (Math.exp(this.#stretch[2 * k] as number) - 1);
    out[at + OUTER] = (out[at + OUTER] as number) + half * (Math.exp(this.#stretch[2 * k + 1] as number) - 1);
    // From the median outwards: the median is the point and stays.
    for (let q = MEDIAN - 1; q >= 0; q--)
      if ((out[at + q] as number) > (out[at + q + 1] as number)) out[at + q] = out[at + q + 1] as number;
    for (let q = MEDIAN + 1; q < Q; q++)
      if ((out[at + q] as number) < (out[at + q - 1] as number)) out[at + q] = out[at + q - 1] as number;
  }
}

export interface BandInput {
  readonly moving: number;
  readonly spread: number;
  readonly unit: number;
}

export interface BandOutcome {
  readonly value: number;
  readonly point: number;
  readonly scale: number;
}
