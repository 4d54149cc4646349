/**
 * A generative adversarial network, conditioned on the label: the digital twin of a data set.
 *
 *   generator: noise and condition → a row of (0, 1)          critic: row and condition → log-odds of being real
 *
 * One step of the critic (real rows 1, smoothed to 0.9; generated ones 0), then one of the generator (wants 1), as in Goodfellow et al.,
 * NeurIPS 2014 (the non-saturating loss). Where it is asked for, the generator also pays for its energy score (Gneiting & Raftery, JASA 102,
 * 2007) times `energy`: few real rows then suffice, as it is told how far it was from each and not only whether a critic noticed. Noise
 * comes from the seed.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import { createRng, type Rng } from '../../src/domain/kernel/rng.ts';
import { initialParameters, normal } from '../../src/domain/learn/architecture.ts';
import type { TwinRequest } from '../../src/ports/trainer.ts';
import { forward, makeVariables, readVariables, type Variables } from './graph.ts';
import { setRate } from './rate.ts';

const REAL_IS = 0.9;
const TURN_EVERY = 8;
/** Of the first moment; the usual 0.9 lets generator and critic chase each other. */
const BETA1 = 0.5;

export async function trainTwin(request: TwinRequest): Promise<Float32Array> {
  const { generator, critic, steps, batch, learningRate, seed, signal, energy = 0 } = request;
  const rng = createRng(seed, 'twin');
  const [makes, judges] = [
    makeVariables(generator, initialParameters(generator, rng.stream('generator'))),
    makeVariables(critic, initialParameters(critic, rng.stream('critic'))),
  ];
  const [makerSteps, criticSteps] = [tf.train.adam(learningRate, BETA1), tf.train.adam(learningRate, BETA1)];
  const noiseCount = generator.inputs - request.conditionCount;
  try {
    for (let step = 1; step <= steps && signal?.aborted !== true; step++) {
      const { real, conditions, used } = pick(request, rng);
      const noise = normals(batch * noiseCount, rng);
      tf.tidy(() => {
        const said = tf.tensor2d(conditions, [batch, request.conditionCount]);
        const mask = tf.tensor2d(used, [batch, generator.outputs]);
        const drawn = tf.concat([tf.tensor2d(noise, [batch, noiseCount]), said], 1);
        const seen = tf.tensor2d(real, [batch, generator.outputs]);
        const make = (from = drawn): tf.Tensor2D => tf.mul(tf.sigmoid(row(generator, makes, from)), mask);
        const other = (): tf.Tensor2D =>
          make(tf.concat([tf.tensor2d(normals(batch * noiseCount, rng), [batch, noiseCount]), said], 1));
        const made = make();
        criticSteps.minimize(
          () =>
            tf.add(
              odds(row(critic, judges, tf.concat([seen, said], 1)), REAL_IS),
              odds(row(critic, judges, tf.concat([made, said], 1)), 0),
            ) as tf.Scalar,
          false,
          [...judges.values()],
        );
        makerSteps.minimize(
          () => {
            const again = make();
            const fooled = odds(row(critic, judges, tf.concat([again, said], 1)), 1);
            if (energy === 0) return fooled;
            return tf.add(fooled, tf.mul(energy, energyScore(again, other(), seen))) as tf.Scalar;
          },
          false,
          [...makes.values()],
        );
      });
      // Towards the end both come to rest; a critic alone is left to chase as it always did.
      const rate = (learningRate / 2) * (1 + Math.cos((Math.PI * step) / steps));
      if (energy > 0) for (const optimizer of [makerSteps, criticSteps]) setRate(optimizer, rate);
      request.onStep?.(step);
      if (step % TURN_EVERY === 0) await nextTurn();
    }
    return readVariables(generator, makes);
  } finally {
    tf.dispose([...makes.values(), ...judges.values()]);
    makerSteps.dispose();
    criticSteps.dispose();
  }
}

function row(architecture: TwinRequest['generator'], variables: Variables, x: tf.Tensor2D): tf.Tensor2D {
  const [b, f] = x.shape;
  return forward(architecture, variables, tf.reshape(x, [b, 1, f]), tf.ones([b, 1]));
}

/** Cross-entropy against one target for all. */
const odds = (logits: tf.Tensor2D, target: number): tf.Scalar => tf.mean(tf.sub(tf.softplus(logits), tf.mul(target, logits)));

const normals = (count: number, rng: Rng): Float32Array => Float32Array.from({ length: count }, () => normal(rng));

/** E |X − y| − ½ E |X − X′|: least where what is made is distributed as what was seen, condition by condition. */
function energyScore(made: tf.Tensor2D, other: tf.Tensor2D, seen: tf.Tensor2D): tf.Scalar {
  const distance = (a: tf.Tensor2D, b: tf.Tensor2D): tf.Scalar =>
    tf.mean(tf.sqrt(tf.add(tf.sum(tf.square(tf.sub(a, b)), 1), 1e-8)));
  return tf.sub(distance(made, seen), tf.mul(0.5, distance(made, other)));
}

function pick({ real, conditions, conditionCount, used, batch, generator }: TwinRequest, rng: Rng) {
  const width = generator.outputs;
  const taken = {
    real: new Float32Array(batch * width),
    conditions: new Float32Array(batch * conditionCount),
    used: new Float32Array(batch * width),
  };
  for (let i = 0; i < batch; i++) {
    const example = rng.below(used.length);
    taken.real.set(real.subarray(example * width, (example + 1) * width), i * width);
    taken.conditions.set(conditions.subarray(example * conditionCount, (example + 1) * conditionCount), i * conditionCount);
    taken.used.fill(1, i * width, i * width + (used[example] as number));
  }
  return taken;
}
