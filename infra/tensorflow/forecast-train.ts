/**
 * Trains a forecasting network: stretches drawn from the seed, every series alike however long it is, the absolute error as a share of the last
 * value's, Adam with a rate that falls along a cosine. The same request on the same backend gives the same network.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import {
  type ForecastNetwork,
  INPUT_WIDTH,
  initialNetwork,
  inputWidth,
  type NetworkShape,
} from '../../src/domain/forecast/network.ts';
import type { NetworkExamples } from '../../src/domain/forecast/network-examples.ts';
import { createRng, type Rng } from '../../src/domain/kernel/rng.ts';
import { BACKENDS, type Backend, findBackend } from './backend.ts';
import { forecastGraph, networkVariables, readNetwork } from './forecast-graph.ts';
import { setRate } from './rate.ts';

export interface NetworkTraining {
  readonly shape: NetworkShape;
  readonly examples: readonly NetworkExamples[];
  /** Batches in all. */
  readonly batches: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly ladder?: readonly Backend[];
}

export interface TrainedNetwork {
  readonly network: ForecastNetwork;
  readonly backend: Backend;
  /** Mean of the last tenth of the batches: 1 is the last value. */
  readonly loss: number;
}

/** Stretches a batch, steps a stretch, and how many of them only fill the network's memory. */
const STRETCHES = 24;
const STEPS = 128;
const FILLING = 16;
const GRADIENT_MOST = 1;
const TELL_EVERY = 10;

export async function trainForecastNetwork(
  { shape, examples, batches, learningRate, seed, ladder = BACKENDS }: NetworkTraining,
  onBatch?: (batch: number, loss: number) => void,
): Promise<TrainedNetwork> {
  const { backend } = await findBackend(ladder);
  const rng = createRng(seed, 'forecast network');
  const variables = networkVariables(initialNetwork(shape, rng.stream('parameters')));
  const list = [...variables.values()];
  const optimizer = tf.train.adam(learningRate);
  const drawn = rng.stream('stretches');
  let [sum, count] = [0, 0];
  for (let batch = 0; batch < batches; batch++) {
    setRate(optimizer, (learningRate / 2) * (1 + Math.cos((Math.PI * batch) / batches)));
    const { inputs, targets, weights } = takeStretches(examples, shape, drawn);
    const loss = tf.tidy(() => {
      const { value, grads } = tf.variableGrads(() => {
        const said = forecastGraph(shape, variables, inputs, INPUT_WIDTH);
        return tf.div(tf.sum(tf.mul(weights, tf.abs(tf.sub(said, targets)))), targets.size) as tf.Scalar;
      }, list);
      optimizer.applyGradients(clipped(grads));
      return value.dataSync()[0] as number;
    });
    tf.dispose([inputs, targets, weights]);
    if (batch >= 0.9 * batches) [sum, count] = [sum + loss, count + 1];
    if ((batch + 1) % TELL_EVERY !== 0) continue;
    onBatch?.(batch + 1, loss);
    await nextTurn();
  }
  const network = { ...shape, parameters: readNetwork(shape, variables) };
  tf.dispose(list);
  optimizer.dispose();
  return { network, backend, loss: sum / Math.max(1, count) };
}

/** No longer than GRADIENT_MOST together: through many steps they can grow without measure. */
function clipped(grads: tf.NamedTensorMap): { name: string; tensor: tf.Tensor }[] {
  const length = tf.sqrt(tf.addN(Object.values(grads).map((grad) => tf.sum(tf.square(grad)) as tf.Scalar)));
  const factor = tf.div(GRADIENT_MOST, tf.maximum(length, GRADIENT_MOST));
  return Object.entries(grads).map(([name, grad]) => ({ name, tensor: tf.mul(grad, factor) }));
}

interface Stretches {
  readonly inputs: tf.Tensor3D;
  readonly targets: tf.Tensor3D;
  readonly weights: tf.Tensor3D;
}

function takeStretches(examples: readonly NetworkExamples[], shape: NetworkShape, rng: Rng): Stretches {
  const [width, outputs] = [inputWidth(shape.family), shape.horizons.length];
  // New arrays each time: a tensor keeps the array it was made of.
  const x = new Float32Array(STRETCHES * STEPS * width);
  const y = new Float32Array(STRETCHES * STEPS * outputs);
  const w = new Float32Array(STRETCHES * STEPS * outputs);
  const filling = shape.family === 'fnn' ? 0 : FILLING;
  for (let s = 0; s < STRETCHES; s++) {
    const one = examples[rng.below(examples.length)] as NetworkExamples;
    const steps = Math.min(STEPS, one.steps);
    const from = rng.below(one.steps - steps + 1);
    x.set(one.inputs.subarray(from * width, (from + steps) * width), s * STEPS * width);
    y.set(one.targets.subarray(from * outputs, (from + steps) * outputs), s * STEPS * outputs);
    const known = one.weights.subarray((from + filling) * outputs, (from + steps) * outputs);
    w.set(known, (s * STEPS + filling) * outputs);
  }
  return {
    inputs: tf.tensor3d(x, [STRETCHES, STEPS, width]),
    targets: tf.tensor3d(y, [STRETCHES, STEPS, outputs]),
    weights: tf.tensor3d(w, [STRETCHES, STEPS, outputs]),
  };
}
