/**
 * Recursive least squares with forgetting, for several horizons at once, with errors clipped (Huber) so that an outlier moves little.
 *
 *   k = P x / (λ + xᵀ P x)      P ← (P − k xᵀ P) / λ      w_h ← w_h + k · clip(y_h − w_hᵀ x)
 *
 * The gain k depends on the inputs alone. All horizons read the same inputs, so P is updated once a step and each gain is kept until the
 * value it forecast arrives; a horizon then costs one scalar product and one addition of vectors.
 *
 * R1  P stays symmetric (one half is computed, the other copied), and its trace below `TRACE_MOST`: with quiet inputs P/λ would grow without end.
 * R2  A gain older than the ring's length is gone; the longest horizon must be below it.
 *
 * Source: Haykin, Adaptive Filter Theory, ch. 9 (RLS); clipping as in Huber, Robust Statistics.
 * Cost:   1.5 d² + 2 d · horizons multiplications a step, no allocation.
 */
import type { StateArena } from './state-arena.ts';

const TRACE_MOST = 1e6;

export interface RlsOptions {
  /** Inputs, the constant included. */
  readonly width: number;
  readonly horizons: number;
  /** Steps for which a gain is kept: one more than the longest horizon. */
  readonly ring: number;
  /** λ. */
  readonly forgetting: number;
  /** P at the start, times the identity. */
  readonly prior: number;
  /** Errors count as at most this many times their usual size. */
  readonly clip: number;
}

export class RecursiveLeastSquares {
  readonly #options: RlsOptions;
  readonly #p: Float64Array;
  readonly #weights: Float64Array;
  readonly #gains: Float64Array;
  readonly #inputs: Float64Array;
  /** Usual size of the error, a horizon. */
  readonly #usual: Float64Array;
  readonly #px: Float64Array;

  constructor(arena: StateArena, options: RlsOptions) {
    this.#options = options;
    const { width, horizons, ring, prior } = options;
    this.#p = arena.take(width * width);
    this.#weights = arena.take(horizons * width);
    this.#gains = arena.take(ring * width);
    this.#inputs = arena.take(ring * width);
    this.#usual = arena.take(horizons);
    this.#px = new Float64Array(width);
    for (let i = 0; i < width; i++) this.#p[i * width + i] = prior;
  }

  /** Takes in the inputs of step `step`; every step once, in order. */
  push(step: number, x: Float64Array): void {
    const { width, ring, forgetting } = this.#options;
    const p = this.#p;
    const px = this.#px;
    let power = forgetting;
    // Two rows at a time: a sum waits for its last addition, and two sums wait at the same time.
    for (let i = 0; i < width; i += 2) {
      const row = i * width;
      const next = i + 1 < width ? row + width : row;
      let [sum, twin] = [0, 0];
      for (let j = 0; j < width; j++) {
        const input = x[j] as number;
        sum += (p[row + j] as number) * input;
        twin += (p[next + j] as number) * input;
      }
      px[i] = sum;
      power += sum * (x[i] as number);
      if (next === row) break;
      px[i + 1] = twin;
      power += twin * (x[i + 1] as number);
    }
    const slot = (step % ring) * width;
    const inverse = 1 / forgetting;
    let trace = 0;
    for (let i = 0; i < width; i++) {
      const gain = (px[i] as number) / power;
      this.#gains[slot + i] = gain;
      this.#inputs[slot + i] = x[i] as number;
      const row = i * width;
      for (let j = i; j < width; j++) {
        const value = ((p[row + j] as number) - gain * (px[j] as number)) * inverse;
        p[row + j] = value;
        p[j * width + i] = value;
      }
      trace += p[row + i] as number;
    }
    if (trace > TRACE_MOST) {
      const shrink = TRACE_MOST / trace;
      for (let i = 0; i < width * width; i++) p[i] = (p[i] as number) * shrink;
    }
  }

  /** What horizon `h` is expected to bring, from the inputs of `step`. */
  predict(h: number, step: number): number {
    const { width, ring } = this.#options;
    const slot = (step % ring) * width;
    const at = h * width;
    let sum = 0;
    for (let i = 0; i < width; i++) sum += (this.#weights[at + i] as number) * (this.#inputs[slot + i] as number);
    return sum;
  }

  /** Learns what horizon `h` brought after `step`. */
  learn(h: number, step: number, target: number): void {
    const { width, ring, clip } = this.#options;
    const error = target - this.predict(h, step);
    const size = Math.abs(error);
    const usual = this.#usual[h] as number;
    const most = usual === 0 ? size : clip * usual;
    this.#usual[h] = usual === 0 ? size : usual + 0.02 * (Math.min(size, 5 * usual) - usual);
    const taken = Math.max(-most, Math.min(most, error));
    const slot = (step % ring) * width;
    const at = h * width;
    for (let i = 0; i < width; i++)
      this.#weights[at + i] = (this.#weights[at + i] as number) + taken * (this.#gains[slot + i] as number);
  }
}
