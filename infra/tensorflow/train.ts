/**
 * The trainer on TensorFlow.js: batches in an order drawn from the seed, binary cross-entropy on the logarithm of the odds, Adam with
 * a rate that falls along a cosine. Between batches the event loop gets its turn, so that Ctrl-C and progress are not held up.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import { createRng, type Rng } from '../../src/domain/kernel/rng.ts';
import type { Examples, Trainer, TrainRequest } from '../../src/ports/trainer.ts';
import { BACKENDS, type Backend, findBackend } from './backend.ts';
import { forward, makeVariables, readVariables } from './graph.ts';
import { setRate } from './rate.ts';
import { trainTwin } from './twin.ts';

const TURN_MS = 20;

export async function createTrainer(ladder: readonly Backend[] = BACKENDS): Promise<Trainer> {
  const { backend } = await findBackend(ladder);
  return { backend, train, answer, trainTwin };
}

async function train(request: TrainRequest): Promise<Float32Array> {
  const { architecture, examples, epochs, learningRate, seed, signal } = request;
  const count = examples.labels.length;
  const batch = Math.min(request.batch, count);
  const variables = makeVariables(architecture, request.parameters);
  const optimizer = tf.train.adam(learningRate);
  const rng = createRng(seed, 'batches');
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const perEpoch = Math.floor(count / batch);
  const take = batchTaker(examples, batch);
  const list = [...variables.values()];
  let turnAtMs = performance.now() + TURN_MS;
  let step = 0;
  try {
    for (let epoch = 1; epoch <= epochs && !isAborted(signal); epoch++) {
      shuffle(order, rng);
      let loss: tf.Scalar | undefined;
      for (let b = 0; b < perEpoch && !isAborted(signal); b++) {
        const { inputs, mask, labels } = take(order, b * batch);
        setRate(optimizer, (learningRate / 2) * (1 + Math.cos((Math.PI * step++) / (epochs * perEpoch))));
        loss?.dispose();
        loss = tf.tidy(() => {
          const logits = () => forward(architecture, variables, inputs, mask);
          return optimizer.minimize(() => crossEntropy(logits(), labels), true, list) as tf.Scalar;
        });
        tf.dispose([inputs, mask, labels]);
        if (performance.now() < turnAtMs) continue;
        await nextTurn();
        turnAtMs = performance.now() + TURN_MS;
      }
      if (loss !== undefined) request.onEpoch?.(epoch, loss.dataSync()[0] ?? Number.NaN);
      loss?.dispose();
    }
    return readVariables(architecture, variables);
  } finally {
    for (const variable of list) variable.dispose();
    optimizer.dispose();
  }
}

async function answer({ architecture, parameters, examples, batch }: Parameters<Trainer['answer']>[0]): Promise<Float32Array> {
  const count = examples.labels.length;
  const answers = new Float32Array(count * architecture.outputs);
  const variables = makeVariables(architecture, parameters);
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let from = 0; from < count; from += batch) {
    const { inputs, mask, labels } = batchTaker(examples, Math.min(batch, count - from))(order, from);
    answers.set(
      tf.tidy(() => forward(architecture, variables, inputs, mask).dataSync()),
      from * architecture.outputs,
    );
    tf.dispose([inputs, mask, labels]);
    await nextTurn();
  }
  for (const variable of variables.values()) variable.dispose();
  return answers;
}

/** A function, because the answer may be another one after each wait. */
const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;

/** −log of the probability given to the true label, from log-odds z: softplus(z) − y·z. */
export const crossEntropy = (logits: tf.Tensor2D, labels: tf.Tensor2D): tf.Scalar =>
  tf.mean(tf.sub(tf.softplus(logits), tf.mul(labels, logits)));

export function shuffle(order: Uint32Array, rng: Rng): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
}

interface Batch {
  readonly inputs: tf.Tensor3D;
  readonly mask: tf.Tensor2D;
  readonly labels: tf.Tensor2D;
}

function batchTaker(
  { inputs, rowsPerExample, rowCounts, labels }: Examples,
  batch: number,
): (order: Uint32Array, from: number) => Batch {
  const length = inputs.length / labels.length;
  return (order, from) => {
    // New arrays each time: a tensor keeps the array it was made of.
    const x = new Float32Array(batch * length);
    const mask = new Float32Array(batch * rowsPerExample);
    const y = new Float32Array(batch);
    for (let i = 0; i < batch; i++) {
      const example = order[from + i] as number;
      x.set(inputs.subarray(example * length, (example + 1) * length), i * length);
      mask.fill(1, i * rowsPerExample, i * rowsPerExample + (rowCounts[example] as number));
      y[i] = labels[example] as number;
    }
    return {
      inputs: tf.tensor3d(x, [batch, rowsPerExample, length / rowsPerExample]),
      mask: tf.tensor2d(mask, [batch, rowsPerExample]),
      labels: tf.tensor2d(y, [batch, 1]),
    };
  };
}
