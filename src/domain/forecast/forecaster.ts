/** Forecaster (prototype). */
import { askBoostedTrees } from './boosted-trees.ts';
import { BATCH_LEAST, type BatchModels } from './batch.ts';
import { MEDIAN, OUTER, TAUS } from './deciles.ts';
import { ExpertWeights } from './expert-weights.ts';
import { EWMA_RATES, Ewmas, linearFeatures, RLS_WIDTH, SMOOTH_WIDTH, smoothFeatures, TREE_CONTEXT, TREE_WIDTH, treeFeatures } from './features.ts';
import { History } from './history.ts';
import { predictNLinear } from './nlinear.ts';
import { RecursiveLeastSquares } from './recursive-least-squares.ts';
import { SortedWindows } from './sorted-window.ts';
import { StateArena } from './state-arena.ts';

export const T = {
  priorB: 0.1, lamA: 0.9995, lamB: 0.9995, clipA: 4, clipB: 1, prior: 1,
  rate: 0.2, fade: 0.9995, rp: 0.3, qrp: 0.3, window: 300, qrate: 0.05, qfade: 0.998, gamma: 0.03, gpow: 0.5, volRate: 0.05, useGamma: true, stretchAll: true,
  pn: 0, pe: -1, pr: 0, pt: 0.5, medoff: 0, boost: {} as object, gmax: 2, qshare:1, mask: '' as string, ph: 0, clampK: 1.5, ignore: 0,
};
export const NAMES = ['naive', ...EWMA_RATES.map((r) => `ewma${r}`), 'median', 'rlsA', 'rlsB', 'nlinear', 'trees'];
const E = NAMES.length;
const J = 3;
const Q = TAUS.length;
const STRIDE = E + 1 + J * Q + Q + 2;
const POINT = E;
const OFFSETS = E + 1;
const FINAL = OFFSETS + J * Q;
const SIGMA = FINAL + Q;
const WARM = 20;

export class Forecaster {
  readonly horizons: readonly number[];
  readonly arena = new StateArena();
  readonly history: History;
  readonly #ewmas: Ewmas;
  readonly #rlsA: RecursiveLeastSquares;
  readonly #rlsB: RecursiveLeastSquares;
  readonly weights: ExpertWeights;
  readonly #qweights: ExpertWeights;
  readonly #windows: SortedWindows;
  readonly #median: SortedWindows;
  readonly #rows: Float64Array[];
  readonly #naiveError: Float64Array;
  readonly #reach: Float64Array;
  readonly #stretch: Float64Array;
  /** unit, steps, vol fast, vol slow */
  readonly #scalars: Float64Array;
  readonly #x = new Float64Array(RLS_WIDTH);
  readonly #x2 = new Float64Array(SMOOTH_WIDTH);
  readonly #treeRow = new Float32Array(TREE_WIDTH);
  readonly #scratch = new Float64Array(J);
  #batch: BatchModels | undefined;
  lossOf: Float64Array;
  lossN = 0;

  constructor(horizons: readonly number[], memory = 4096) {
    this.horizons = horizons;
    const a = this.arena;
    const H = horizons.length;
    const far = Math.max(...horizons);
    this.history = new History(a, memory);
    this.#ewmas = new Ewmas(a);
    const base = { width: RLS_WIDTH, horizons: H, ring: far + 1, prior: T.prior };
    this.#rlsA = new RecursiveLeastSquares(a, { ...base, forgetting: T.lamA, clip: T.clipA });
    this.#rlsB = new RecursiveLeastSquares(a, { ...base, width: SMOOTH_WIDTH, prior: T.priorB, forgetting: T.lamB, clip: T.clipB });
    const prior = NAMES.map((n) => (n === 'naive' ? T.pn : n.startsWith('ewma') || n === 'median' ? T.pe : n === 'trees' ? T.pt : T.pr));
    this.weights = new ExpertWeights(a, { groups: H, experts: E, rates: horizons.map((h) => T.rate / h ** T.rp), fading: T.fade, prior });
    this.#qweights = new ExpertWeights(a, { groups: H * Q, experts: J, rates: horizons.flatMap((h) => TAUS.map(() => T.qrate / h ** T.qrp)), fading: T.qfade, prior: [0, 0, 0] });
    this.#windows = new SortedWindows(a, H * J, T.window);
    this.#median = new SortedWindows(a, 1, 96);
    this.#rows = horizons.map((h) => a.take((h + 1) * STRIDE));
    this.#naiveError = a.take(H);
    this.#stretch = a.take(2 * H);
    this.#scalars = a.take(4);
    this.#reach = a.take(H);
    this.lossOf = new Float64Array(H * (E + 1));
  }

  adopt(b: BatchModels): void {
    this.#batch = b;
  }

  observe(y: number): void {
    const t = this.history.count;
    const last = this.history.back(0);
    this.history.push(y);
    const series = this.history.values;
    const at = this.history.window(1);
    const s = this.#scalars;
    if (t > 0) {
      const d = Math.abs(y - last);
      const vf = Math.max(T.volRate, 1 / t);
      const vs = Math.max(0.002, 1 / t);
      s[2] = (s[2] as number) + vf * (d - (s[2] as number));
      s[3] = (s[3] as number) + vs * (d - (s[3] as number));
    }
    if (s[0] === 0 && t >= WARM && (s[3] as number) > 0) { s[0] = s[3] as number; s[1] = t; }
    const start = s[0] === 0 ? Number.POSITIVE_INFINITY : (s[1] as number);
    for (let k = 0; k < this.horizons.length; k++) {
      const o = t - (this.horizons[k] as number);
      if (o >= start) this.#settle(k, o, y);
    }
    this.#ewmas.push(y);
    this.#median.push(0, y);
    if (s[0] === 0) return;
    linearFeatures(this.#x, series, at, this.history.length, this.#ewmas.values, s[0] as number);
    this.#rlsA.push(t, this.#x);
    smoothFeatures(this.#x2, y, this.#ewmas.values, s[0] as number);
    this.#rlsB.push(t, this.#x2);
    const b = this.#batch;
    if (b !== undefined && b.trees.length > 0) treeFeatures(this.#treeRow, series, at, this.#ewmas.values, b.origin);
    for (let k = 0; k < this.horizons.length; k++) this.#forecast(k, t, at, y);
  }

  quantiles(k: number, out: Float64Array): number {
    const t = this.history.count - 1;
    const rows = this.#rows[k] as Float64Array;
    const row = (t % ((this.horizons[k] as number) + 1)) * STRIDE;
    if (this.#scalars[0] === 0) {
      out.fill(this.history.back(0));
      return out[MEDIAN] as number;
    }
    for (let q = 0; q < Q; q++) out[q] = rows[row + FINAL + q] as number;
    return out[MEDIAN] as number;
  }

  #settle(k: number, o: number, y: number): void {
    const h = this.horizons[k] as number;
    const rows = this.#rows[k] as Float64Array;
    const row = (o % (h + 1)) * STRIDE;
    const unit = this.#scalars[0] as number;
    const base = rows[row] as number;
    this.#rlsA.learn(k, o, (y - base) / unit);
    this.#rlsB.learn(k, o, (y - base) / unit);
    const ne = this.#naiveError[k] as number;
    const ad = Math.abs(y - base);
    this.#naiveError[k] = ne === 0 ? ad : ne + 0.01 * (ad - ne);
    this.#reach[k] = Math.max(ad, 0.998 * (this.#reach[k] as number));
    const scale = Math.max(this.#naiveError[k] as number, 1e-9 * unit);
    const m = rows[row + POINT] as number;
    this.lossN++;
    for (let e = 0; e < E; e++) { const v = rows[row + e] as number; this.lossOf[k * (E + 1) + e]! += Math.abs(y - (v === v ? v : m)) / unit; }
    this.lossOf[k * (E + 1) + E]! += Math.abs(y - m) / unit;
    const slope = m > y ? 1 : m < y ? -1 : 0;
    this.weights.learn(k, rows, row, { mixture: m, slope, scale });
    // Quantile experts.
    const r = y - m;
    for (let q = 0; q < Q; q++) {
      let mixture = 0;
      for (let j = 0; j < J; j++) this.#scratch[j] = rows[row + OFFSETS + j * Q + q] as number;
      mixture = this.#qweights.mix(k * Q + q, this.#scratch, 0);
      const tau = TAUS[q] as number;
      this.#qweights.learn(k * Q + q, this.#scratch, 0, { mixture, slope: r > mixture ? -tau : 1 - tau, scale: scale });
    }
    const sigma = rows[row + SIGMA] as number;
    this.#windows.push(k * J, r);
    this.#windows.push(k * J + 1, r / sigma);
    this.#windows.push(k * J + 2, r / (rows[row + SIGMA + 1] as number));
    // Stretch.
    if (T.useGamma) {
      const g = T.gamma / h ** T.gpow;
      const lo = rows[row + FINAL] as number;
      const hi = rows[row + FINAL + OUTER] as number;
      const st = this.#stretch;
      st[2 * k] = Math.max(-T.gmax, Math.min(T.gmax, (st[2 * k] as number) + g * ((y < lo ? 1 : 0) - 0.1)));
      st[2 * k + 1] = Math.max(-T.gmax, Math.min(T.gmax, (st[2 * k + 1] as number) + g * ((y > hi ? 1 : 0) - 0.1)));
    }
  }

  #forecast(k: number, t: number, at: number, y: number): void {
    const h = this.horizons[k] as number;
    const rows = this.#rows[k] as Float64Array;
    const row = (t % (h + 1)) * STRIDE;
    const unit = this.#scalars[0] as number;
    const series = this.history.values;
    rows[row] = y;
    let e = 1;
    for (let i = 0; i < EWMA_RATES.length; i++) rows[row + e++] = this.#ewmas.values[i] as number;
    rows[row + e++] = this.#median.quantile(0, 0.5);
    rows[row + e++] = y + unit * this.#rlsA.predict(k, t);
    rows[row + e++] = y + unit * this.#rlsB.predict(k, t);
    const b = this.#batch;
    const ready = this.history.length >= TREE_CONTEXT;
    rows[row + e++] = b?.nlinear !== undefined && ready ? y + predictNLinear(b.nlinear, k, series, at) : Number.NaN;
    const trees = b?.trees[k];
    rows[row + e++] = trees !== undefined && ready ? y + askBoostedTrees(trees, this.#treeRow) : Number.NaN;
    if (T.mask !== '') for (let i = 0; i < E; i++) if (T.mask.split(',').includes(NAMES[i] as string)) rows[row + i] = i === 0 ? y : Number.NaN;
    const reach = T.clampK * (this.#reach[k] as number);
    if (reach > 0) for (let i = EWMA_RATES.length + 2; i < E; i++) { const v = rows[row + i] as number; rows[row + i] = v > y + reach ? y + reach : v < y - reach ? y - reach : v; }
    const m = this.weights.mix(k, rows, row);
    rows[row + POINT] = m;
    const s = this.#scalars;
    const sigma = (s[2] as number) + 0.3 * (s[3] as number) + 1e-3 * unit;
    const sigma2 = Math.sqrt(sigma * ((s[3] as number) + 1e-3 * unit));
    rows[row + SIGMA] = sigma;
    rows[row + SIGMA + 1] = sigma2;
    const scales = [1, sigma, sigma2];
    let previous = Number.NEGATIVE_INFINITY;
    for (let q = 0; q < Q; q++) {
      const tau = TAUS[q] as number;
      for (let j = 0; j < J; j++) {
        const offset = (scales[j] as number) * this.#windows.quantile(k * J + j, tau);
        this.#scratch[j] = offset;
        rows[row + OFFSETS + j * Q + q] = offset;
      }
      let offset = this.#qweights.mix(k * Q + q, this.#scratch, 0);
      if (q === MEDIAN) offset *= T.medoff;
      const st = Math.exp(q < MEDIAN ? (this.#stretch[2 * k] as number) : (this.#stretch[2 * k + 1] as number));
      if (T.stretchAll || q === 0 || q === OUTER) offset *= st;
      const value = Math.max(previous, m + offset);
      rows[row + FINAL + q] = value;
      previous = value;
    }
  }
}
export { BATCH_LEAST };
