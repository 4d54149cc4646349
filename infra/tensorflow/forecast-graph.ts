/**
 * A forecasting network (`src/domain/forecast/network.ts`) as TensorFlow's graph, for training: whole stretches of many series at once.
 *
 * Shapes: B stretches, T steps, F inputs a step, H horizons. Every step of a stretch is an example, for what it says there depends on the steps
 * before it alone. The causal convolution is slices of the stretch, moved by the dilation, and one product: TensorFlow's own knows neither
 * causal padding nor a gradient of dilation.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  type ForecastNetwork,
  LEAK,
  type NetworkShape,
  networkParts,
  networkSize,
  TAPS,
  THRESHOLD,
  TRACE,
} from '../../src/domain/forecast/network.ts';
import { fire } from './graph.ts';

export type NetworkVariables = ReadonlyMap<string, tf.Variable<tf.Rank.R2>>;

export function networkVariables(network: ForecastNetwork): NetworkVariables {
  const variables = new Map<string, tf.Variable<tf.Rank.R2>>();
  for (const { name, rows, columns, at } of networkParts(network)) {
    const values = tf.tensor2d(network.parameters.slice(at, at + rows * columns), [rows, columns]);
    variables.set(name, tf.variable(values));
    values.dispose();
  }
  return variables;
}

export function readNetwork(shape: NetworkShape, variables: NetworkVariables): Float32Array {
  const parameters = new Float32Array(networkSize(shape));
  for (const { name, at } of networkParts(shape)) parameters.set(of(variables, name).dataSync(), at);
  return parameters;
}

const of = (variables: NetworkVariables, name: string): tf.Variable<tf.Rank.R2> =>
  variables.get(name) as tf.Variable<tf.Rank.R2>;

/** [B, T, H]. `inputs` is [B, T, F]; the first `narrow` inputs go past the layers as well. */
export function forecastGraph(
  { family, layers, width }: NetworkShape,
  variables: NetworkVariables,
  inputs: tf.Tensor3D,
  narrow: number,
): tf.Tensor3D {
  let x = inputs;
  if (family === 'snn') x = spiking(layers, width, variables, inputs);
  else
    for (let layer = 0; layer < layers; layer++) {
      const name = String(layer);
      if (family === 'fnn') x = tf.relu(dense(variables, name, x));
      else if (family === 'gru') x = recurrent(variables, name, width, x);
      else x = convolution(variables, layer, x);
    }
  const beside = tf.slice(inputs, [0, 0, 0], [-1, -1, narrow]);
  return dense(variables, 'out', tf.concat([x, beside], 2) as tf.Tensor3D);
}

function dense(variables: NetworkVariables, name: string, x: tf.Tensor3D): tf.Tensor3D {
  const [b, t, f] = x.shape;
  const flat: tf.Tensor2D = tf.reshape(x, [b * t, f]);
  const kernel = of(variables, `${name}/kernel`);
  return tf.reshape(tf.add(tf.matMul(flat, kernel), of(variables, `${name}/bias`)), [b, t, kernel.shape[1]]);
}

const rowOf = (x: tf.Tensor3D, t: number): tf.Tensor2D => tf.reshape(tf.slice(x, [0, t, 0], [-1, 1, -1]), [x.shape[0], -1]);

function recurrent(variables: NetworkVariables, name: string, width: number, x: tf.Tensor3D): tf.Tensor3D {
  const [b, t] = x.shape;
  const fromInput = dense(variables, name, x);
  const states: tf.Tensor2D[] = [];
  let state: tf.Tensor2D = tf.zeros([b, width]);
  for (let i = 0; i < t; i++) {
    const here = rowOf(fromInput, i);
    const before = tf.matMul(state, of(variables, `${name}/recurrent`)) as tf.Tensor2D;
    const gate = (tensor: tf.Tensor2D, at: number): tf.Tensor2D => tf.slice(tensor, [0, at * width], [-1, width]);
    const both = tf.sigmoid(
      tf.add(tf.slice(here, [0, 0], [-1, 2 * width]), tf.slice(before, [0, 0], [-1, 2 * width])),
    ) as tf.Tensor2D;
    const [update, reset] = [gate(both, 0), gate(both, 1)];
    const candidate = tf.tanh(tf.add(gate(here, 2), tf.mul(reset, gate(before, 2)))) as tf.Tensor2D;
    state = tf.add(candidate, tf.mul(update, tf.sub(state, candidate))) as tf.Tensor2D;
    states.push(state);
  }
  return tf.stack(states, 1) as tf.Tensor3D;
}

function convolution(variables: NetworkVariables, layer: number, x: tf.Tensor3D): tf.Tensor3D {
  const [b, t] = x.shape;
  const dilation = 1 << layer;
  const padded = tf.pad(x, [
    [0, 0],
    [(TAPS - 1) * dilation, 0],
    [0, 0],
  ]);
  const taps = Array.from({ length: TAPS }, (_, tap) => tf.slice(padded, [0, tap * dilation, 0], [b, t, -1]));
  const shown: tf.Tensor3D = tf.relu(dense(variables, String(layer), tf.concat(taps, 2) as tf.Tensor3D));
  return layer === 0 ? shown : tf.add(shown, x);
}

function spiking(layers: number, width: number, variables: NetworkVariables, inputs: tf.Tensor3D): tf.Tensor3D {
  const [b, t] = inputs.shape;
  const currents = dense(variables, '0', inputs);
  const membranes: tf.Tensor2D[] = Array.from({ length: layers }, () => tf.zeros([b, width]));
  const traces: tf.Tensor2D[] = [];
  let trace: tf.Tensor2D = tf.zeros([b, width]);
  for (let i = 0; i < t; i++) {
    let spikes: tf.Tensor2D | undefined;
    for (let layer = 0; layer < layers; layer++) {
      const current: tf.Tensor2D =
        spikes === undefined
          ? rowOf(currents, i)
          : tf.add(tf.matMul(spikes, of(variables, `${layer}/kernel`)), of(variables, `${layer}/bias`));
      const potential: tf.Tensor2D = tf.add(tf.mul(LEAK, membranes[layer] as tf.Tensor2D), current);
      spikes = fire(potential) as tf.Tensor2D;
      membranes[layer] = tf.sub(potential, tf.mul(spikes, THRESHOLD));
    }
    trace = tf.add(tf.mul(TRACE, trace), tf.mul(1 - TRACE, spikes as tf.Tensor2D));
    traces.push(trace);
  }
  return tf.stack(traces, 1) as tf.Tensor3D;
}
