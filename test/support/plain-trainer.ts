/** A trainer without TensorFlow for tests that cannot wait for it, or live in simulated time: plain descent, an example at a time, all in one turn. */
import { createRng } from '../../src/domain/kernel/rng.ts';
import { createDescent } from '../../src/domain/learn/online.ts';
import type { Trainer, TrainRequest } from '../../src/ports/trainer.ts';

const RATE = 0.02;

export const plainTrainer: Trainer = {
  backend: 'plain',
  train: ({ architecture, parameters: from, examples, epochs, seed }: TrainRequest) => {
    const parameters = from.slice();
    const descent = createDescent(architecture, parameters);
    const rng = createRng(seed, 'plain');
    const { inputs, labels } = examples;
    for (let step = 0; step < epochs * labels.length; step++) {
      const example = rng.below(labels.length);
      descent.step(inputs, example * architecture.inputs, labels[example] as number, RATE / (1 + step / labels.length));
    }
    return Promise.resolve(parameters);
  },
  answer: () => Promise.reject(new Error('this trainer only trains')),
  trainTwin: () => Promise.reject(new Error('this trainer only trains')),
};
