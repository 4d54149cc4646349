/**
 * Convex combination of experts by exponential weights on what each would have gained over the mixture (the gradient of the loss at the mixture,
 * so that the best *mixture* is followed, not only the best expert). Old gains fade, so that weights move when the series changes.
 *
 *   G_i ← φ G_i + η · ((1 − α) · g · (m − f_i) + α · (ℓ(m) − ℓ(f_i))) / s        w_i ∝ exp(G_i)        ℓ: absolute error, g: its derivative at the mixture m
 *
 * α is the share of the loss itself. The gradient rewards everybody on the other side of the mixture, however far beyond the value: right where many
 * independent looks cancel such luck, wrong where there are few, as of long forecasts. By convexity the second gain is never above the first.
 *
 * X1  The weights of the experts awake sum to 1. An expert that gives NaN sleeps: it has no weight and gains nothing.
 *
 * Source: Cesa-Bianchi and Lugosi, Prediction, Learning and Games, 2.4 and 2.6 (exponentiated gradient, sleeping experts); fading as in
 * de Rooij et al.'s and Herbster and Warmuth's tracking of experts.
 */
import { decay } from './decay.ts';
import type { StateArena } from './state-arena.ts';

export interface WeightOptions {
  readonly groups: number;
  readonly experts: number;
  /** η, a group each. */
  readonly rates: readonly number[];
  /** φ, a group each. */
  readonly fading: readonly number[];
  /** α, a group each. */
  readonly ownLoss: readonly number[];
  /** Gains at the start, group by group an expert each. */
  readonly prior: readonly number[];
}

const GAIN_MOST = 3;

export class ExpertWeights {
  readonly #options: WeightOptions;
  readonly #prior: Float64Array;
  readonly #gains: Float64Array;
  readonly #weights: Float64Array;

  constructor(arena: StateArena, options: WeightOptions) {
    this.#options = options;
    const { groups, experts, prior } = options;
    this.#gains = arena.take(groups * experts);
    this.#weights = arena.take(groups * experts);
    this.#prior = Float64Array.from(prior);
    this.#gains.set(this.#prior);
    for (let each = 0; each < groups * experts; each++) this.#weights[each] = Math.exp(this.#prior[each] as number);
  }

  /** The mixture of group `g` over `values` from `at`, by weights that sum to 1 over those awake; NaN where all sleep. */
  mix(g: number, values: Float64Array, at: number): number {
    const { experts } = this.#options;
    const from = g * experts;
    let [sum, total] = [0, 0];
    for (let e = 0; e < experts; e++) {
      const value = values[at + e] as number;
      if (Number.isNaN(value)) continue;
      const weight = this.#weights[from + e] as number;
      sum += weight * value;
      total += weight;
    }
    return sum / total;
  }

  /** Learns that `value` came where `mixture` was said; `scale`: a usual difference. */
  learn(g: number, values: Float64Array, at: number, mixture: number, value: number, scale: number): void {
    const { experts, rates, fading, ownLoss } = this.#options;
    const rate = rates[g] as number;
    const kept = fading[g] as number;
    const own = ownLoss[g] as number;
    const slope = mixture > value ? 1 : mixture < value ? -1 : 0;
    const missed = Math.abs(mixture - value);
    const from = g * experts;
    let best = Number.NEGATIVE_INFINITY;
    for (let e = 0; e < experts; e++) {
      const said = values[at + e] as number;
      let gain = this.#gains[from + e] as number;
      if (!Number.isNaN(said)) {
        let won = slope * (mixture - said);
        if (own > 0) won += own * (missed - Math.abs(said - value) - won);
        won = Math.max(-GAIN_MOST, Math.min(GAIN_MOST, won / scale));
        const start = this.#prior[from + e] as number;
        gain = start + kept * (gain - start) + rate * won;
        this.#gains[from + e] = gain;
      }
      if (gain > best) best = gain;
    }
    for (let e = 0; e < experts; e++) this.#weights[from + e] = decay(best - (this.#gains[from + e] as number));
  }

  weight(g: number, e: number): number {
    return this.#weights[g * this.#options.experts + e] as number;
  }
}
