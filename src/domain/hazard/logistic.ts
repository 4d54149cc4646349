/**
 * Logistic regression with a ridge, in one batch and online.
 *
 *   batch    Newton's method, halving a step that does not help: the loss never rises, so separable classes do no harm
 *   online   one Newton step on each new row from the precision gathered so far (the extended Kalman filter of a logit), forgetting old
 *            rows at a rate; what a batch learned is the prior, its inverse Hessian the covariance
 *
 * The last weight is the intercept and has no ridge. Rows with next to no curvature are left out of the Hessian, never out of the gradient:
 * the way to the minimum is a little different and the minimum the same.
 */
import { factorise, invertFactorised, solveFactorised } from '../statistics/cholesky.ts';

export interface LogisticRows {
  /** `labels.length` rows of `width` scaled features. */
  readonly rows: Float64Array;
  readonly width: number;
  /** 1, 0, or `IGNORED`: not at risk, or nobody knows. */
  readonly labels: Uint8Array;
}

export const IGNORED = 2;

const STEPS_MOST = 50;
const HALVINGS_MOST = 20;
const GAIN_LEAST = 1e-6;
const CURVATURE_LEAST = 1e-4;
/** Rows that are added to the Hessian together: it is read and written once for all of them. */
const TOGETHER = 4;
const LOGIT_MOST = 40;

export const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
export const logit = (p: number): number => Math.log(p / (1 - p));
/** log(1 + eᶻ), for any z. */
export const softplus = (z: number): number => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

/** Weights, intercept last. `from` is where to begin: a solution for another ridge saves most steps. */
export function fitLogistic(data: LogisticRows, ridge: number, from?: Float64Array): Float64Array {
  const { labels, width } = data;
  const size = width + 1;
  let weights = from?.slice() ?? initialWeights(labels, width);
  const scores = new Float64Array(labels.length);
  let loss = lossOf(data, weights, ridge, scores);
  for (let step = 0; step < STEPS_MOST; step++) {
    const { gradient, hessian } = derivatives(data, weights, ridge, scores);
    if (!factorise(hessian, size)) break;
    solveFactorised(hessian, size, gradient);
    let next = weights;
    let nextLoss = Number.POSITIVE_INFINITY;
    let share = 1;
    for (let halving = 0; halving < HALVINGS_MOST && !(nextLoss <= loss); halving++, share /= 2) {
      next = weights.map((weight, i) => weight + share * (gradient[i] as number));
      nextLoss = lossOf(data, next, ridge, scores);
    }
    if (!(nextLoss <= loss)) break;
    const gain = loss - nextLoss;
    weights = next;
    loss = nextLoss;
    if (gain < GAIN_LEAST * (1 + loss)) break;
  }
  return weights;
}

/** z of the row of `rows` that begins at `at`. */
export function scoreOf(weights: Float64Array, rows: Float64Array, at: number): number {
  const width = weights.length - 1;
  let z = weights[width] as number;
  for (let f = 0; f < width; f++) z += (weights[f] as number) * (rows[at + f] as number);
  return Math.max(-LOGIT_MOST, Math.min(LOGIT_MOST, z));
}

function initialWeights(labels: Uint8Array, width: number): Float64Array {
  let [positives, count] = [0, 0];
  for (const label of labels) {
    if (label === IGNORED) continue;
    count++;
    positives += label;
  }
  const weights = new Float64Array(width + 1);
  weights[width] = logit((positives + 0.5) / (count + 1));
  return weights;
}

/** The loss at `weights`; leaves the scores. */
function lossOf({ rows, width, labels }: LogisticRows, weights: Float64Array, ridge: number, scores: Float64Array): number {
  let loss = 0;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (label === IGNORED) continue;
    const z = scoreOf(weights, rows, i * width);
    scores[i] = z;
    loss += softplus(z) - label * z;
  }
  for (let f = 0; f < width; f++) loss += 0.5 * ridge * (weights[f] as number) ** 2;
  return loss;
}

interface Derivatives {
  /** Of the log-likelihood: uphill. */
  readonly gradient: Float64Array;
  /** Of the loss; only the lower triangle. */
  readonly hessian: Float64Array;
}

function derivatives(
  { rows, width, labels }: LogisticRows,
  weights: Float64Array,
  ridge: number,
  scores: Float64Array,
): Derivatives {
  const size = width + 1;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size * size);
  // Rows wait here, the intercept's 1 at their end, times the root of their curvature.
  const waiting = new Float64Array(TOGETHER * size);
  let count = 0;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (label === IGNORED) continue;
    const p = sigmoid(scores[i] as number);
    const at = i * width;
    const error = label - p;
    for (let f = 0; f < width; f++) gradient[f] = (gradient[f] as number) + error * (rows[at + f] as number);
    gradient[width] = (gradient[width] as number) + error;
    const curvature = p * (1 - p);
    if (curvature < CURVATURE_LEAST) continue;
    const root = Math.sqrt(curvature);
    const to = count * size;
    for (let f = 0; f < width; f++) waiting[to + f] = root * (rows[at + f] as number);
    waiting[to + width] = root;
    if (++count < TOGETHER) continue;
    addProducts(hessian, waiting, size);
    count = 0;
  }
  waiting.fill(0, count * size);
  addProducts(hessian, waiting, size);
  for (let f = 0; f < width; f++) {
    gradient[f] = (gradient[f] as number) - ridge * (weights[f] as number);
    hessian[f * size + f] = (hessian[f * size + f] as number) + ridge;
  }
  // A class without curvature left (all certain) still has a solution.
  for (let f = 0; f < size; f++) hessian[f * size + f] = (hessian[f * size + f] as number) + 1e-9;
  return { gradient, hessian };
}

/** Adds Σ x·xᵀ of the `TOGETHER` rows in `waiting` to the lower triangle. */
function addProducts(hessian: Float64Array, waiting: Float64Array, size: number): void {
  const [second, third, fourth] = [size, 2 * size, 3 * size];
  for (let f = 0; f < size; f++) {
    const a = waiting[f] as number;
    const b = waiting[second + f] as number;
    const c = waiting[third + f] as number;
    const d = waiting[fourth + f] as number;
    const row = f * size;
    for (let g = 0; g <= f; g++) {
      hessian[row + g] =
        (hessian[row + g] as number) +
        a * (waiting[g] as number) +
        b * (waiting[second + g] as number) +
        c * (waiting[third + g] as number) +
        d * (waiting[fourth + g] as number);
    }
  }
}

// ——— online ———

export interface OnlineOptions {
  readonly ridge: number;
  /** What a row still counts after one more row: 1 keeps all for ever. */
  readonly keeps: number;
}

export class OnlineLogistic {
  /** Changes in place. */
  readonly weights: Float64Array;
  readonly #covariance: Float64Array;
  readonly #gain: Float64Array;
  readonly #keeps: number;

  private constructor(weights: Float64Array, covariance: Float64Array, keeps: number) {
    this.weights = weights;
    this.#covariance = covariance;
    this.#gain = new Float64Array(weights.length);
    this.#keeps = keeps;
  }

  /** Knows nothing but the ridge. */
  static create(width: number, { ridge, keeps }: OnlineOptions): OnlineLogistic {
    const size = width + 1;
    const covariance = new Float64Array(size * size);
    for (let f = 0; f < size; f++) covariance[f * size + f] = 1 / (f === width ? Math.min(ridge, 0.01) : ridge);
    return new OnlineLogistic(new Float64Array(size), covariance, keeps);
  }

  /** Goes on from what a batch gave. */
  static after(data: LogisticRows, weights: Float64Array, { ridge, keeps }: OnlineOptions): OnlineLogistic {
    const size = weights.length;
    const scores = new Float64Array(data.labels.length);
    lossOf(data, weights, ridge, scores);
    const { hessian } = derivatives(data, weights, ridge, scores);
    if (!factorise(hessian, size)) return OnlineLogistic.create(data.width, { ridge, keeps });
    return new OnlineLogistic(weights.slice(), invertFactorised(hessian, size), keeps);
  }

  score(rows: Float64Array, at: number): number {
    return scoreOf(this.weights, rows, at);
  }

  /** Learns one row; O(width²), no garbage. */
  learn(rows: Float64Array, at: number, label: 0 | 1): void {
    const size = this.weights.length;
    const value = (f: number): number => (f === size - 1 ? 1 : (rows[at + f] as number));
    const covariance = this.#covariance;
    const gain = this.#gain;
    const p = sigmoid(this.score(rows, at));
    const curvature = p * (1 - p);
    let spread = 0;
    for (let f = 0; f < size; f++) {
      let sum = 0;
      for (let g = 0; g < size; g++) sum += (covariance[f * size + g] as number) * value(g);
      gain[f] = sum;
      spread += sum * value(f);
    }
    // (P⁻¹·keeps + v·x·xᵀ)⁻¹ by Sherman & Morrison; then w moves by that times x·(y − p).
    const scale = curvature / (this.#keeps + curvature * spread);
    for (let f = 0; f < size; f++) {
      for (let g = 0; g <= f; g++) {
        const entry = ((covariance[f * size + g] as number) - scale * (gain[f] as number) * (gain[g] as number)) / this.#keeps;
        covariance[f * size + g] = entry;
        covariance[g * size + f] = entry;
      }
    }
    const move = (label - p) / (this.#keeps + curvature * spread);
    for (let f = 0; f < size; f++) this.weights[f] = (this.weights[f] as number) + move * (gain[f] as number);
  }
}
