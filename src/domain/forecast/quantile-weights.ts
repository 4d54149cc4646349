/**
 * Exponential weights (expert-weights.ts) for all quantiles of a forecast at once: each quantile has its own mixture of the same few views, on the
 * gradient of the pinball loss at the mixture. A loop of its own, for it is run for eight quantiles at every horizon of every step: one call for all of
 * them hands over bare numbers once.
 *
 *   G_i ← φ G_i + η · g · (m − f_i) / s        w_i ∝ exp(G_i)        g = −τ where the value lies above the mixture m, else 1 − τ
 *
 * Views lie one after the other, each with its quantiles side by side. One that gives NaN sleeps, at all quantiles. The median is not mixed here: it is
 * the point.
 */
import { decay } from './decay.ts';
import { MEDIAN, TAUS } from './deciles.ts';
import type { StateArena } from './state-arena.ts';

const Q = TAUS.length;
const GAIN_MOST = 3;

export class QuantileWeights {
  readonly #rates: readonly number[];
  readonly #fading: number;
  readonly #prior: readonly number[];
  /** Horizon by horizon, quantile by quantile, a view each. */
  readonly #gains: Float64Array;
  readonly #weights: Float64Array;

  /** `rates`: η, a horizon each. `fading`: φ. `prior`: gains at the start, a view each. */
  constructor(
    arena: StateArena,
    options: { readonly rates: readonly number[]; readonly fading: number; readonly prior: readonly number[] },
  ) {
    const { rates, fading, prior } = options;
    const size = rates.length * Q * prior.length;
    this.#rates = rates;
    this.#fading = fading;
    this.#prior = prior;
    this.#gains = arena.take(size);
    this.#weights = arena.take(size);
    for (let at = 0; at < size; at++) {
      const start = prior[at % prior.length] as number;
      this.#gains[at] = start;
      this.#weights[at] = Math.exp(start);
    }
  }

  /** The mixtures at horizon `k` of the first `views` views, which lie in `values` from `at`, into `out` from `first`; nothing for the median. */
  mix(k: number, values: Float64Array, at: number, views: number, out: Float64Array, first: number): void {
    for (let q = 0; q < Q; q++) if (q !== MEDIAN) out[first + q] = this.#mixture(k * Q + q, values, at + q, views);
  }

  /** Learns that `outcome` came; `scale` is a usual size of it. */
  learn(k: number, values: Float64Array, at: number, views: number, outcome: number, scale: number): void {
    const prior = this.#prior;
    const kept = this.#fading;
    const rate = this.#rates[k] as number;
    for (let q = 0; q < Q; q++) {
      if (q === MEDIAN) continue;
      const from = (k * Q + q) * prior.length;
      const mixture = this.#mixture(k * Q + q, values, at + q, views);
      const tau = TAUS[q] as number;
      const slope = outcome > mixture ? -tau : 1 - tau;
      let best = Number.NEGATIVE_INFINITY;
      for (let view = 0; view < views; view++) {
        const said = values[at + q + view * Q] as number;
        let gain = this.#gains[from + view] as number;
        if (!Number.isNaN(said)) {
          const won = Math.max(-GAIN_MOST, Math.min(GAIN_MOST, (slope * (mixture - said)) / scale));
          const start = prior[view] as number;
          gain = start + kept * (gain - start) + rate * won;
          this.#gains[from + view] = gain;
        }
        if (gain > best) best = gain;
      }
      for (let view = 0; view < views; view++) this.#weights[from + view] = decay(best - (this.#gains[from + view] as number));
    }
  }

  #mixture(group: number, values: Float64Array, at: number, views: number): number {
    const from = group * this.#prior.length;
    let [sum, total] = [0, 0];
    for (let view = 0; view < views; view++) {
      const value = values[at + view * Q] as number;
      if (Number.isNaN(value)) continue;
      const weight = this.#weights[from + view] as number;
      sum += weight * value;
      total += weight;
    }
    return sum / total;
  }
}
