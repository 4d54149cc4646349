/**
 * A network (`src/domain/learn/architecture.ts`) as TensorFlow's graph, for training. It computes what `src/domain/learn/network.ts`
 * computes, for a batch at once; a test holds the two against each other on random parameters.
 *
 * Shapes: B examples, T rows each, F numbers a row. `mask` is [B, T]: 1 where a row is used. Rows come first to last, so that the used
 * ones are at the front, and a state simply stops changing behind them.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type Architecture, LEAK, parameterShapes, THRESHOLD } from '../../src/domain/learn/architecture.ts';

export type Variables = ReadonlyMap<string, tf.Variable<tf.Rank.R2>>;

export function makeVariables(architecture: Architecture, parameters: Float32Array): Variables {
  const variables = new Map<string, tf.Variable<tf.Rank.R2>>();
  for (const { name, rows, columns, at } of parameterShapes(architecture)) {
    const values = tf.tensor2d(parameters.slice(at, at + rows * columns), [rows, columns]);
    variables.set(name, tf.variable(values));
    values.dispose();
  }
  return variables;
}

export function readVariables(architecture: Architecture, variables: Variables): Float32Array {
  const shapes = parameterShapes(architecture);
  const last = shapes[shapes.length - 1];
  const parameters = new Float32Array(last === undefined ? 0 : last.at + last.rows * last.columns);
  for (const { name, at } of shapes) parameters.set(of(variables, name).dataSync(), at);
  return parameters;
}

const of = (variables: Variables, name: string): tf.Variable<tf.Rank.R2> => variables.get(name) as tf.Variable<tf.Rank.R2>;

/** [B, outputs]. `inputs` is [B, T, F], with T = 1 for a network that reads one row. */
export function forward(architecture: Architecture, variables: Variables, inputs: tf.Tensor3D, mask: tf.Tensor2D): tf.Tensor2D {
  const { family, widths } = architecture;
  const shows = {
    fnn: () => rows(widths, variables, inputs),
    cnn: () => convolution(widths, variables, inputs, mask),
    gru: () => recurrent(gruStep, widths, variables, inputs, mask),
    lstm: () => recurrent(lstmStep, widths, variables, inputs, mask),
    snn: () => spiking(widths, variables, inputs, mask),
  }[family]();
  return dense(variables, 'out', shows);
}

const dense = (variables: Variables, name: string, x: tf.Tensor2D): tf.Tensor2D =>
  tf.add(tf.matMul(x, of(variables, `${name}/kernel`)), of(variables, `${name}/bias`));

/** All rows of all examples through one matrix: [B, T, F] → [B, T, columns]. */
function denseRows(variables: Variables, name: string, x: tf.Tensor3D): tf.Tensor3D {
  const [b, t, f] = x.shape;
  return tf.reshape(dense(variables, name, tf.reshape(x, [b * t, f])), [b, t, -1]);
}

const rowOf = (x: tf.Tensor3D, t: number): tf.Tensor2D => tf.reshape(tf.slice(x, [0, t, 0], [-1, 1, -1]), [x.shape[0], -1]);

function rows(widths: readonly number[], variables: Variables, inputs: tf.Tensor3D): tf.Tensor2D {
  let x: tf.Tensor2D = tf.reshape(inputs, [inputs.shape[0], -1]);
  for (let layer = 0; layer < widths.length; layer++) x = tf.relu(dense(variables, String(layer), x));
  return x;
}

/** A convolution as slices and one product: the gradient of TensorFlow's own has no kernel in WebAssembly. */
function convolution(widths: readonly number[], variables: Variables, inputs: tf.Tensor3D, mask: tf.Tensor2D): tf.Tensor2D {
  const [b, t] = inputs.shape;
  const used = tf.expandDims(mask, 2);
  let x = inputs;
  for (let layer = 0; layer < widths.length; layer++) {
    const padded = tf.pad(x, [
      [0, 0],
      [1, 1],
      [0, 0],
    ]);
    const neighbours = [0, 1, 2].map((shift) => tf.slice(padded, [0, shift, 0], [b, t, -1]));
    x = tf.mul(tf.relu(denseRows(variables, String(layer), tf.concat(neighbours, 2) as tf.Tensor3D)), used);
  }
  const mean: tf.Tensor2D = tf.div(tf.sum(x, 1), tf.sum(mask, 1, true));
  return widths.length === 0 ? mean : tf.concat([tf.max(x, 1) as tf.Tensor2D, mean], 1);
}

interface Step {
  readonly gates: number;
  /** `fromInput` with its bias and `fromState` are [B, gates · width]; gives the new state and cell. */
  step(fromInput: tf.Tensor2D, fromState: tf.Tensor2D, state: tf.Tensor2D, cell: tf.Tensor2D): [tf.Tensor2D, tf.Tensor2D];
}

const gate = (x: tf.Tensor2D, at: number, width: number): tf.Tensor2D => tf.slice(x, [0, at * width], [-1, width]);

const gruStep: Step = {
  gates: 3,
  step: (x, h, state, cell) => {
    const width = state.shape[1];
    const update = tf.sigmoid(tf.add(gate(x, 0, width), gate(h, 0, width)));
    const reset = tf.sigmoid(tf.add(gate(x, 1, width), gate(h, 1, width)));
    const candidate = tf.tanh(tf.add(gate(x, 2, width), tf.mul(reset, gate(h, 2, width))));
    return [tf.add(candidate, tf.mul(update, tf.sub(state, candidate))), cell];
  },
};

const lstmStep: Step = {
  gates: 4,
  step: (x, h, state, cell) => {
    const width = state.shape[1];
    const both = tf.add(x, h) as tf.Tensor2D;
    const takes = tf.sigmoid(gate(both, 0, width));
    const keeps = tf.sigmoid(gate(both, 1, width));
    const candidate = tf.tanh(gate(both, 2, width));
    const shows = tf.sigmoid(gate(both, 3, width));
    const next: tf.Tensor2D = tf.add(tf.mul(keeps, cell), tf.mul(takes, candidate));
    return [tf.mul(shows, tf.tanh(next)), next];
  },
};

function recurrent(
  { step }: Step,
  widths: readonly number[],
  variables: Variables,
  inputs: tf.Tensor3D,
  mask: tf.Tensor2D,
): tf.Tensor2D {
  const [b, t] = inputs.shape;
  let x = inputs;
  let state: tf.Tensor2D = tf.zeros([b, 1]);
  for (const [layer, width] of widths.entries()) {
    const fromInput = denseRows(variables, String(layer), x);
    const states: tf.Tensor2D[] = [];
    let cell: tf.Tensor2D = tf.zeros([b, width]);
    state = tf.zeros([b, width]);
    for (let i = 0; i < t; i++) {
      const fromState = tf.matMul(state, of(variables, `${layer}/recurrent`));
      const [nextState, nextCell] = step(rowOf(fromInput, i), fromState as tf.Tensor2D, state, cell);
      const used = tf.slice(mask, [0, i], [-1, 1]);
      state = tf.add(state, tf.mul(used, tf.sub(nextState, state)));
      cell = tf.add(cell, tf.mul(used, tf.sub(nextCell, cell)));
      states.push(state);
    }
    x = tf.stack(states, 1) as tf.Tensor3D;
  }
  return state;
}

/** How steep the surrogate of the firing step is. Choice: gentle enough that a neuron far from firing still learns. */
const SURROGATE_SLOPE = 4;

/**
 * 1 where the potential reaches THRESHOLD, else 0. Its true derivative is 0 almost everywhere; instead, the derivative of a fast
 * sigmoid, 1 / (1 + slope·|v − THRESHOLD|)², is passed back (Zenke & Ganguli, Neural Computation 30(6), 2018).
 */
export const fire = tf.customGrad((potential, save) => {
  const v = potential as tf.Tensor;
  (save as tf.GradSaveFunc)([v]);
  return {
    value: tf.cast(tf.greaterEqual(v, THRESHOLD), 'float32'),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const distance = tf.abs(tf.sub(saved[0] as tf.Tensor, THRESHOLD));
      return tf.div(dy, tf.square(tf.add(1, tf.mul(SURROGATE_SLOPE, distance))));
    },
  };
});

function spiking(widths: readonly number[], variables: Variables, inputs: tf.Tensor3D, mask: tf.Tensor2D): tf.Tensor2D {
  const [b, t, f] = inputs.shape;
  const membranes: tf.Tensor2D[] = widths.map((width) => tf.zeros([b, width]));
  let total: tf.Tensor2D = tf.zeros([b, widths[widths.length - 1] ?? f]);
  for (let i = 0; i < t; i++) {
    let x = rowOf(inputs, i);
    for (let layer = 0; layer < widths.length; layer++) {
      const current = dense(variables, String(layer), x);
      const potential: tf.Tensor2D = tf.add(tf.mul(LEAK, membranes[layer] as tf.Tensor2D), current);
      const spikes = fire(potential) as tf.Tensor2D;
      membranes[layer] = tf.sub(potential, tf.mul(spikes, THRESHOLD));
      x = spikes;
    }
    total = tf.add(total, tf.mul(x, tf.slice(mask, [0, i], [-1, 1])));
  }
  return total;
}
