/**
 * Convex combination of experts by exponential weights on what each would have gained over the mixture (the gradient of the loss at the mixture,
 * so that the best *mixture* is followed, not only the best expert). Old gains fade, so that weights move when the series changes.
 *
 *   G_i ← φ G_i + η · g · (m − f_i) / s        w_i ∝ exp(G_i)        g: derivative of the loss at the mixture m
 *
 * X1  The weights of the experts awake sum to 1. An expert that gives NaN sleeps: it has no weight and gains nothing.
 *
 * Source: Cesa-Bianchi and Lugosi, Prediction, Learning and Games, 2.4 and 2.6 (exponentiated gradient, sleeping experts); fading as in
 * de Rooij et al.'s and Herbster and Warmuth's tracking of experts.
 */
import type { StateArena } from './state-arena.ts';

export interface WeightOptions {
  readonly groups: number;
  readonly experts: number;
  /** η, a group each. */
  readonly rates: readonly number[];
  readonly fading: number;
  /** Gains at the start, an expert each. */
  readonly prior: readonly number[];
}

const GAIN_MOST = 3;

export class ExpertWeights {
  readonly #options: WeightOptions;
  readonly #gains: Float64Array;
  readonly #weights: Float64Array;

  constructor(arena: StateArena, options: WeightOptions) {
    this.#options = options;
    const { groups, experts, prior } = options;
    this.#gains = arena.take(groups * experts);
    this.#weights = arena.take(groups * experts);
    for (let g = 0; g < groups; g++)
      for (let e = 0; e < experts; e++) {
        this.#gains[g * experts + e] = prior[e] ?? 0;
        this.#weights[g * experts + e] = Math.exp(prior[e] ?? 0);
      }
  }

  /**
   * The mixture of group `g` over `values` from `at`, by weights that sum to 1 over those awake; NaN where all sleep. `count`: the others sleep and
   * are not even looked at.
   */
  mix(g: number, values: Float64Array, at: number, count = this.#options.experts): number {
    const from = g * this.#options.experts;
    let [sum, total] = [0, 0];
    for (let e = 0; e < count; e++) {
      const value = values[at + e] as number;
      if (Number.isNaN(value)) continue;
      const weight = this.#weights[from + e] as number;
      sum += weight * value;
      total += weight;
    }
    return sum / total;
  }

  /** `slope`: of the loss at `mixture`; `scale`: a usual difference. Bare numbers, for it is called hundreds of times a step. */
  learn(
    g: number,
    values: Float64Array,
    at: number,
    mixture: number,
    slope: number,
    scale: number,
    count = this.#options.experts,
  ): void {
    const { experts, rates, fading, prior } = this.#options;
    const rate = rates[g] as number;
    const from = g * experts;
    let best = Number.NEGATIVE_INFINITY;
    for (let e = 0; e < count; e++) {
      const value = values[at + e] as number;
      let gain = this.#gains[from + e] as number;
      if (!Number.isNaN(value)) {
        const won = Math.max(-GAIN_MOST, Math.min(GAIN_MOST, (slope * (mixture - value)) / scale));
        const start = prior[e] ?? 0;
        gain = start + fading * (gain - start) + rate * won;
        this.#gains[from + e] = gain;
      }
      if (gain > best) best = gain;
    }
    for (let e = 0; e < count; e++) this.#weights[from + e] = Math.exp((this.#gains[from + e] as number) - best);
  }

  weight(g: number, e: number): number {
    return this.#weights[g * this.#options.experts + e] as number;
  }
}
