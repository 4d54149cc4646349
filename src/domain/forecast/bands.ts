/**
 * From a point to nine quantiles. Four views of the errors made of late are each a window of the last ones, kept in order: as they are, over
 * how much the series moves now, over the size of error that the trees expect here, and over its size at this beat of the series' rhythm, where
 * it has one. The views are mixed for each quantile by
 * exponential weights on pinball loss. At last the outer two are moved until they miss as often as they should (adaptive conformal inference): a
 * miss moves a side out by (1 − MISSES) γ in the logarithm of the half width, a hit in by MISSES γ; where there is a rhythm, at each beat once more,
 * for a series asked always at the same beat must find its band right there.
 *
 *   Q1  Quantiles ascend.
 *   Q2  What is learned of a forecast is learned when its horizon has passed, never before.
 *   Q3  With few errors seen (fewer than a few times the horizon) bands are wider: that many steps are hardly one independent look.
 *
 * Source: Gibbs and Candès, NeurIPS 2021 (arXiv 2106.00170), with the level replaced by the width as in Angelopoulos et al., NeurIPS 2023.
 */
import { MEDIAN, OUTER, TAUS } from './deciles.ts';
import { QuantileWeights } from './quantile-weights.ts';
import { RHYTHM_MOST } from './rhythm.ts';
import { SortedWindows } from './sorted-window.ts';
import type { StateArena } from './state-arena.ts';

const VIEWS = 4;
/** The last of them, which there is only where there is a rhythm. */
const BEAT_VIEW = 3;
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
/** γ = rate / h^slower; of what belongs to a beat alone, γ is `beat`. */
const STRETCH = { rate: 0.08, slower: 0.6, beat: 0.15 };
/** Of each side; fewer are aimed at while few forecasts have been scored: of a short series they are hardly known. */
const MISSES = 0.1;
const CAREFUL = { count: 30, slower: 0.1 };
/** Of the errors at this beat, beside the other views. */
const BEAT_PRIOR = 1.5;
const STRETCH_MOST = 3;
/** How quickly the usual size of an error follows: in general, and at a beat. */
const USUAL_RATE = 0.02;
const BEAT_RATE = 0.1;
/** Of a standard normal, for a series of which no error is known yet. */
const NORMAL: readonly number[] = [-1.2816, -0.8416, -0.5244, -0.2533, 0, 0.2533, 0.5244, 0.8416, 1.2816];

export class Bands {
  readonly #horizons: readonly number[];
  readonly #windows: SortedWindows;
  readonly #weights: QuantileWeights;
  /** Lower and upper, a horizon each: how many half widths further out. */
  readonly #stretch: Float64Array;
  readonly #settled: Float64Array;
  /** A horizon each, worked out once. */
  readonly #rates: readonly number[];
  readonly #careful: readonly number[];
  readonly #thinnings: readonly number[];
  /** Usual size of an error at each beat, a horizon each; 0: not seen yet. */
  readonly #beats: Float64Array;
  readonly #usual: Float64Array;
  /** As #stretch, at each beat on top. */
  readonly #beatStretch: Float64Array;

  /** `errorsKept`: of each view and horizon. */
  constructor(arena: StateArena, horizons: readonly number[], errorsKept: number) {
    this.#horizons = horizons;
    this.#rates = horizons.map((h) => STRETCH.rate / h ** STRETCH.slower);
    this.#careful = horizons.map((h) => CAREFUL.count * h ** CAREFUL.slower);
    this.#thinnings = horizons.map(thinning);
    this.#windows = new SortedWindows(arena, horizons.length * VIEWS, errorsKept);
    const rates = horizons.map((h) => MIX.rate / h ** MIX.slower);
    this.#weights = new QuantileWeights(arena, { rates, fading: MIX.fading, prior: [0, 0, 0, BEAT_PRIOR] });
    this.#stretch = arena.take(2 * horizons.length);
    this.#settled = arena.take(horizons.length);
    this.#beats = arena.take(horizons.length * RHYTHM_MOST);
    this.#usual = arena.take(horizons.length);
    this.#beatStretch = arena.take(2 * horizons.length * RHYTHM_MOST);
  }

  /** The quantiles around `point`, into `out` from `at` (BAND_LENGTH numbers). `moving`: a usual change now; `spread` may be NaN. */
  forecast(k: number, point: number, { moving, spread, unit, beat }: BandInput, out: Float64Array, at: number): void {
    const h = this.#horizons[k] as number;
    const floor = 1e-3 * unit;
    out[at + SIZES] = 1;
    out[at + SIZES + 1] = moving + floor;
    out[at + SIZES + 2] = spread + floor;
    out[at + SIZES + BEAT_VIEW] = beat < 0 ? Number.NaN : this.#sizeAt(k, beat) + floor;
    const looks = ((this.#settled[k] as number) + 1) / h;
    const wider = 1 + 1 / (looks + 0.5);
    const views = beat < 0 ? BEAT_VIEW : VIEWS;
    for (let view = 0; view < views; view++) {
      const window = k * VIEWS + view;
      const first = at + view * Q;
      const size = out[at + SIZES + view] as number;
      if (this.#windows.count(window) >= ERRORS_LEAST && !Number.isNaN(size))
        this.#windows.quantiles(window, TAUS, wider * size, out, first);
      else if (view > 0 || this.#windows.count(window) >= ERRORS_LEAST) out.fill(Number.NaN, first, first + Q);
      else for (let q = 0; q < Q; q++) out[first + q] = wider * unit * Math.sqrt(h) * (NORMAL[q] as number);
    }
    this.#weights.mix(k, out, at, views, out, at + QUANTILES);
    for (let q = 0; q < Q; q++) {
      const quantile = at + QUANTILES + q;
      out[quantile] = q === MEDIAN ? point : point + (out[quantile] as number);
    }
    this.#order(k, beat, out, at + QUANTILES);
  }

  /** Quantile `q` of what was forecast from `at`. */
  quantile(out: Float64Array, at: number, q: number): number {
    return out[at + QUANTILES + q] as number;
  }

  /** Learns that `value` came where `forecast` wrote at `at` around `point`; `scale` is a usual error of the last value. */
  learn(k: number, { value, point, scale, beat }: BandOutcome, row: Float64Array, at: number): void {
    const error = value - point;
    // As it was when the forecast was made.
    const views = Number.isNaN(row[at + SIZES + BEAT_VIEW]) ? BEAT_VIEW : VIEWS;
    this.#weights.learn(k, row, at, views, error, scale);
    const settled = this.#settled[k] as number;
    for (let view = 0; view < views && settled % (this.#thinnings[k] as number) === 0; view++) {
      const size = row[at + SIZES + view] as number;
      if (!Number.isNaN(size)) this.#windows.push(k * VIEWS + view, error / size);
    }
    this.#settled[k] = settled + 1;
    this.#measure(k, beat, Math.abs(error));
    const rate = this.#rates[k] as number;
    const misses = (MISSES * (settled + 1)) / (settled + 1 + (this.#careful[k] as number));
    const below = (value < this.quantile(row, at, 0) ? 1 : 0) - misses;
    const above = (value > this.quantile(row, at, OUTER) ? 1 : 0) - misses;
    this.#move(this.#stretch, 2 * k, rate * below);
    this.#move(this.#stretch, 2 * k + 1, rate * above);
    if (beat < 0) return;
    const side = 2 * (k * RHYTHM_MOST + beat);
    this.#move(this.#beatStretch, side, STRETCH.beat * below);
    this.#move(this.#beatStretch, side + 1, STRETCH.beat * above);
  }

  /** Until a beat has been seen, and a little after, it is like all others. */
  #sizeAt(k: number, beat: number): number {
    const seen = this.#beats[k * RHYTHM_MOST + beat] as number;
    return seen === 0 ? (this.#usual[k] as number) : 0.9 * seen + 0.1 * (this.#usual[k] as number);
  }

  #measure(k: number, beat: number, size: number): void {
    const usual = this.#usual[k] as number;
    this.#usual[k] = usual === 0 ? size : usual + USUAL_RATE * (size - usual);
    if (beat < 0) return;
    const at = k * RHYTHM_MOST + beat;
    const before = (this.#beats[at] as number) || (this.#usual[k] as number);
    this.#beats[at] = before + BEAT_RATE * (size - before);
  }

  #move(stretch: Float64Array, side: number, by: number): void {
    stretch[side] = Math.max(-STRETCH_MOST, Math.min(STRETCH_MOST, (stretch[side] as number) + by));
  }

  #stretchOf(k: number, beat: number, side: number): number {
    const general = this.#stretch[2 * k + side] as number;
    return beat < 0 ? general : general + (this.#beatStretch[2 * (k * RHYTHM_MOST + beat) + side] as number);
  }

  #order(k: number, beat: number, out: Float64Array, at: number): void {
    const half = Math.max(0, (out[at + OUTER] as number) - (out[at] as number)) / 2;
    out[at] = (out[at] as number) - half * (Math.exp(this.#stretchOf(k, beat, 0)) - 1);
    out[at + OUTER] = (out[at + OUTER] as number) + half * (Math.exp(this.#stretchOf(k, beat, 1)) - 1);
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
  /** Of the rhythm, at the step the forecast is made at; −1 where there is none. */
  readonly beat: number;
}

export interface BandOutcome {
  readonly value: number;
  readonly point: number;
  readonly scale: number;
  readonly beat: number;
}
