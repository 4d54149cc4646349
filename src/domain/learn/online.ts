/**
 * Learning on where a task set was just decided: a bridge sees one set after the other and has neither TensorFlow, nor much memory, nor time.
 *
 *   bounded memory  `keep` examples, a uniform sample of all that came (reservoir sampling), and one copy of the parameters
 *   bounded time    each new example costs 1 + `replays` steps of plain gradient descent, whatever came before
 *
 * Replaying what is kept is what stops it from forgetting: without it the last few sets would be all it knows. Only networks that read
 * one row (fnn; logistic regression is one without hidden layers). Gradients are clipped, so that one strange set cannot ruin them.
 *
 *   loss = softplus(z) − y·z        ∂loss/∂z = σ(z) − y        hidden: δ ← (Wᵀδ) where the unit fired, else 0
 *
 * Source: Vitter, ACM TOMS 11(1), 1985 (reservoir sampling, algorithm R).
 */
import { assert } from '../kernel/assert.ts';
import type { Rng } from '../kernel/rng.ts';
import { type Architecture, parameterShapes } from './architecture.ts';

export interface OnlineOptions {
  readonly keep: number;
  readonly replays: number;
  readonly rate: number;
}

/** Of the gradient by a layer's sums. */
const DELTA_MOST = 4;

export class OnlineLearner {
  /** Changes in place. */
  readonly parameters: Float32Array;
  readonly #descent: Descent;
  readonly #options: OnlineOptions;
  readonly #rng: Rng;
  readonly #rows: Float32Array;
  readonly #labels: Uint8Array;
  readonly #width: number;
  #seen = 0;

  constructor(architecture: Architecture, parameters: Float32Array, rng: Rng, options: OnlineOptions) {
    this.parameters = parameters.slice();
    this.#descent = createDescent(architecture, this.parameters);
    this.#options = options;
    this.#rng = rng;
    this.#width = architecture.inputs;
    this.#rows = new Float32Array(options.keep * this.#width);
    this.#labels = new Uint8Array(options.keep);
  }

  /** What it holds, and goes on holding. */
  get stateBytes(): number {
    return this.parameters.byteLength + this.#rows.byteLength + this.#labels.byteLength + this.#descent.roomBytes;
  }

  /** Other parameters of the same shape to go on from; what is kept for replay stays. */
  rebase(parameters: Float32Array): void {
    assert(parameters.length === this.parameters.length, 'a learner goes on with a network of its own shape');
    this.parameters.set(parameters);
  }

  /** The log-odds it gives a scaled row, with what it has learned so far. */
  answer(input: Float32Array, at: number): number {
    return this.#descent.answer(input, at);
  }

  /** Learns from one scaled row that turned out schedulable (1) or not (0). */
  learn(input: Float32Array, at: number, label: number): void {
    const { keep, replays, rate } = this.#options;
    this.#descent.step(input, at, label, rate);
    const kept = Math.min(this.#seen, keep);
    for (let r = 0; r < replays && kept > 0; r++) {
      const example = this.#rng.below(kept);
      this.#descent.step(this.#rows, example * this.#width, this.#labels[example] as number, rate);
    }
    const place = this.#seen < keep ? this.#seen : this.#rng.below(this.#seen + 1);
    this.#seen++;
    if (place >= keep) return;
    for (let f = 0; f < this.#width; f++) this.#rows[place * this.#width + f] = input[at + f] as number;
    this.#labels[place] = label;
  }
}

export interface Descent {
  readonly roomBytes: number;
  answer(input: Float32Array, at: number): number;
  /** One step against the gradient of one example; gives the loss before it. */
  step(input: Float32Array, at: number, label: number, rate: number): number;
}

/** Back-propagation through a feed-forward network with one output, on its parameters in place. */
export function createDescent(architecture: Architecture, parameters: Float32Array): Descent {
  assert(architecture.family === 'fnn' && architecture.outputs === 1, 'descent on typed arrays is for feed-forward networks');
  const shapes = parameterShapes(architecture);
  const layers = [...architecture.widths, 1].map((width, l) => {
    const [kernel, bias] = [shapes[2 * l], shapes[2 * l + 1]];
    assert(kernel !== undefined && bias !== undefined, 'a layer has a kernel and a bias');
    return {
      reads: kernel.rows,
      width,
      kernel: kernel.at,
      bias: bias.at,
      values: new Float64Array(width),
      deltas: new Float64Array(width),
    };
  });
  type Layer = (typeof layers)[number];
  const first = new Float64Array(architecture.inputs);
  const readBy = (l: number): Float64Array => (l === 0 ? first : (layers[l - 1] as Layer).values);

  const forward = (input: Float32Array, at: number): number => {
    for (let i = 0; i < first.length; i++) first[i] = input[at + i] as number;
    for (let l = 0; l < layers.length; l++) {
      const { reads, width, kernel, bias, values } = layers[l] as Layer;
      const x = readBy(l);
      for (let o = 0; o < width; o++) values[o] = parameters[bias + o] as number;
      for (let i = 0; i < reads; i++) {
        const value = x[i] as number;
        if (value === 0) continue;
        const row = kernel + i * width;
        for (let o = 0; o < width; o++) values[o] = (values[o] as number) + value * (parameters[row + o] as number);
      }
      if (l < layers.length - 1) for (let o = 0; o < width; o++) if ((values[o] as number) < 0) values[o] = 0;
    }
    return (layers[layers.length - 1] as Layer).values[0] as number;
  };

  const backward = (rate: number): void => {
    for (let l = layers.length - 1; l >= 0; l--) {
      const { reads, width, kernel, bias, deltas } = layers[l] as Layer;
      const x = readBy(l);
      for (let i = 0; i < reads; i++) {
        const value = x[i] as number;
        const row = kernel + i * width;
        // Passed down before the weights move; a unit that did not fire passes nothing.
        if (l > 0) {
          let sum = 0;
          if (value > 0) for (let o = 0; o < width; o++) sum += (parameters[row + o] as number) * (deltas[o] as number);
          (layers[l - 1] as Layer).deltas[i] = Math.max(-DELTA_MOST, Math.min(DELTA_MOST, sum));
        }
        if (value === 0) continue;
        for (let o = 0; o < width; o++)
          parameters[row + o] = (parameters[row + o] as number) - rate * value * (deltas[o] as number);
      }
      for (let o = 0; o < width; o++) parameters[bias + o] = (parameters[bias + o] as number) - rate * (deltas[o] as number);
    }
  };

  return {
    roomBytes: first.byteLength + layers.reduce((sum, { values, deltas }) => sum + values.byteLength + deltas.byteLength, 0),
    answer: forward,
    step: (input, at, label, rate) => {
      const z = forward(input, at);
      (layers[layers.length - 1] as Layer).deltas[0] = 1 / (1 + Math.exp(-z)) - label;
      backward(rate);
      return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - label * z;
    },
  };
}
