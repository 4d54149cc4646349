/**
 * First passage when nobody has seen a failure yet: what wears is a Wiener process with a drift, X(t) = x + μ·t + σ·B(t), and the unit fails
 * when X first reaches a limit that is `margin` away.
 *
 *   P(T ≤ w | μ) = Φ((μw − m)/(σ√w)) + exp(2μm/σ²)·Φ((−m − μw)/(σ√w))
 *
 * Neither level nor drift is known: a Kalman filter of the two (a measurement has noise ρ, the drift wanders by ω√t) starts from a normal prior
 * of the drift, the fleet's or a datasheet's, and what is answered is the mean over what both may be, by Gauss–Hermite points. The
 * four deviations come from the likelihood of whatever was measured (`fitWiener`): that needs wear, not failures.
 * Source: Whitmore & Schenkelberg, Lifetime Data Anal. 3, 1997; Si et al., EJOR 213(1), 2011.
 */
import { logNormalCdf, NORMAL_NODES, normalCdf } from '../statistics/normal.ts';

export interface WienerPrior {
  /** Of the drift: level a unit of time. */
  readonly driftMean: number;
  readonly driftDeviation: number;
  /** ω: how far the drift itself wanders in a √unit of time. */
  readonly driftWander: number;
  /** σ: level a √unit of time. */
  readonly diffusion: number;
  /** ρ: standard deviation of one measurement of the level. */
  readonly noise: number;
}

/** P(the level passes a margin within a window | the drift). Below the limit `margin` is positive. */
export function firstPassage(margin: number, window: number, drift: number, diffusion: number): number {
  if (margin <= 0) return 1;
  if (window <= 0) return 0;
  if (diffusion <= 0) return drift * window >= margin ? 1 : 0;
  const spread = diffusion * Math.sqrt(window);
  const reflected = (2 * drift * margin) / diffusion ** 2 + logNormalCdf((-margin - drift * window) / spread);
  return Math.min(1, normalCdf((drift * window - margin) / spread) + Math.exp(Math.min(0, reflected)));
}

/** One unit's level as it is observed: a filter of (level, drift). */
export class WienerTracker {
  readonly #prior: WienerPrior;
  #time: number | undefined;
  #level = 0;
  #drift: number;
  // Covariance of the two.
  #ofLevel = 0;
  #ofBoth = 0;
  #ofDrift: number;
  #logLikelihood = 0;

  constructor(prior: WienerPrior) {
    this.#prior = prior;
    this.#drift = prior.driftMean;
    this.#ofDrift = prior.driftDeviation ** 2;
  }

  /** A level that is not a number says nothing, as does one that is not later than the last. */
  observe(time: number, measured: number): void {
    if (!Number.isFinite(measured)) return;
    const { diffusion, noise, driftWander } = this.#prior;
    if (this.#time === undefined) {
      this.#time = time;
      this.#level = measured;
      this.#ofLevel = noise ** 2;
      return;
    }
    const step = time - this.#time;
    if (!(step > 0)) return;
    this.#time = time;
    this.#level += this.#drift * step;
    this.#ofLevel += 2 * step * this.#ofBoth + step * step * this.#ofDrift + diffusion ** 2 * step;
    this.#ofBoth += step * this.#ofDrift;
    this.#ofDrift += driftWander ** 2 * step;
    const variance = this.#ofLevel + noise ** 2;
    if (!(variance > 0)) return;
    const surprise = measured - this.#level;
    this.#logLikelihood -= 0.5 * (Math.log(2 * Math.PI * variance) + surprise ** 2 / variance);
    const [ofLevel, ofBoth] = [this.#ofLevel, this.#ofBoth];
    this.#level += (ofLevel / variance) * surprise;
    this.#drift += (ofBoth / variance) * surprise;
    this.#ofLevel -= ofLevel ** 2 / variance;
    this.#ofBoth -= (ofLevel * ofBoth) / variance;
    this.#ofDrift -= ofBoth ** 2 / variance;
  }

  get level(): number {
    return this.#level;
  }

  get drift(): number {
    return this.#drift;
  }

  /** log P(all that was measured after the first). */
  get logLikelihood(): number {
    return this.#logLikelihood;
  }

  /** The level a window from now, by its drift alone. */
  ahead(window: number): { readonly mean: number; readonly deviation: number } {
    const { diffusion, driftWander } = this.#prior;
    const wander = (driftWander ** 2 * window ** 3) / 3;
    const known = this.#ofLevel + 2 * window * this.#ofBoth + window ** 2 * this.#ofDrift;
    return {
      mean: this.#level + this.#drift * window,
      deviation: Math.sqrt(Math.max(0, known + diffusion ** 2 * window + wander)),
    };
  }

  /** P(the limit is passed within `window`); `limitDeviation` says how well the limit itself is known. */
  probability(limit: number, window: number, limitDeviation = 0): number {
    if (this.#time === undefined) return 0;
    const ofDrift = Math.sqrt(Math.max(0, this.#ofDrift));
    // What is left to know of the level where the drift is known.
    const slope = this.#ofDrift > 0 ? this.#ofBoth / this.#ofDrift : 0;
    const ofMargin = Math.sqrt(Math.max(0, this.#ofLevel - slope * this.#ofBoth) + limitDeviation ** 2);
    // The drift goes on wandering on the way.
    const diffusion = Math.sqrt(this.#prior.diffusion ** 2 + (this.#prior.driftWander * window) ** 2 / 3);
    let sum = 0;
    for (const drift of NORMAL_NODES) {
      const off = ofDrift * drift.node;
      for (const margin of NORMAL_NODES) {
        const left = limit - this.#level - slope * off + ofMargin * margin.node;
        sum += drift.weight * margin.weight * firstPassage(left, window, this.#drift + off, diffusion);
      }
    }
    return Math.min(1, sum);
  }
}

export interface LevelSeries {
  readonly times: Float64Array;
  readonly levels: Float64Array;
}

const ROUNDS = 3;
const FACTORS = [1 / 4, 1 / 2, 2, 4];

/** The deviations under which the series are likeliest: a search along one after the other, in factors of two. */
export function fitWiener(series: readonly LevelSeries[]): WienerPrior {
  let best = firstGuess(series);
  let most = likelihoodOf(series, best);
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ['noise', 'diffusion', 'driftWander'] as const) {
      const center = best;
      for (const factor of FACTORS) {
        const tried = { ...center, [name]: center[name] * factor };
        const likelihood = likelihoodOf(series, tried);
        if (likelihood > most) [best, most] = [tried, likelihood];
      }
    }
  }
  return best;
}

function likelihoodOf(series: readonly LevelSeries[], prior: WienerPrior): number {
  let sum = 0;
  for (const { times, levels } of series) {
    const tracker = new WienerTracker(prior);
    for (let i = 0; i < times.length; i++) tracker.observe(times[i] as number, levels[i] as number);
    sum += tracker.logLikelihood;
  }
  return Number.isNaN(sum) ? Number.NEGATIVE_INFINITY : sum;
}

/** From whole series: the drift of each from end to end, and the variance of single steps, half of it laid on either noise. */
function firstGuess(series: readonly LevelSeries[]): WienerPrior {
  const drifts: number[] = [];
  let [squares, steps, span, rows] = [0, 0, 0, 0];
  for (const { times, levels } of series) {
    const seen = Array.from(levels.keys()).filter((i) => Number.isFinite(levels[i]));
    const [first, last] = [seen[0], seen.at(-1)];
    if (first === undefined || last === undefined || first === last) continue;
    const took = (times[last] as number) - (times[first] as number);
    drifts.push(((levels[last] as number) - (levels[first] as number)) / took);
    span += took;
    rows += seen.length - 1;
    for (let s = 1; s < seen.length; s++) {
      squares += ((levels[seen[s] as number] as number) - (levels[seen[s - 1] as number] as number)) ** 2;
      steps++;
    }
  }
  const count = Math.max(1, drifts.length);
  const mean = drifts.reduce((sum, drift) => sum + drift, 0) / count;
  const variance = drifts.reduce((sum, drift) => sum + (drift - mean) ** 2, 0) / count;
  const step = Math.max(1e-12, squares / Math.max(1, steps));
  const period = rows === 0 ? 1 : span / rows;
  const deviation = Math.max(Math.sqrt(variance), Math.abs(mean) / 2, 1e-9);
  return {
    driftMean: mean,
    driftDeviation: deviation,
    driftWander: deviation / Math.sqrt(Math.max(period, span / count)),
    diffusion: Math.sqrt(step / 4 / period),
    noise: Math.sqrt(step / 4),
  };
}
