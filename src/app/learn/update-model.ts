/** Plays a data set to the learner of a bridge (`src/domain/learn/online.ts`), as a stream: each set is answered first, then learned from. */
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { applyScale, writeInputs } from '../../domain/learn/examples.ts';
import { judge } from '../../domain/learn/metrics.ts';
import type { Model, YesNoModel } from '../../domain/learn/model.ts';
import { createNetwork } from '../../domain/learn/network.ts';
import { OnlineLearner, type OnlineOptions } from '../../domain/learn/online.ts';
import type { LabelledSets } from '../../domain/learn/task-sets.ts';
import { processorMs } from './processor-time.ts';

export interface UpdateReport {
  readonly sets: number;
  /** Right about the stream with the model as it was. */
  readonly accuracyFrozen: number;
  /** Right about each set before it was learned from. */
  readonly accuracyLearning: number;
  readonly stateBytes: number;
  /** Of processor time: answering and learning. */
  readonly usPerSet: number;
}

export function updateOnline(
  model: Model,
  sets: LabelledSets,
  options: OnlineOptions & { readonly seed: number },
): { readonly model: YesNoModel; readonly report: UpdateReport } {
  const learned = model.purpose === 'yes-no' && model.learned.kind === 'network' ? model.learned : undefined;
  if (model.purpose !== 'yes-no' || learned?.architecture.family !== 'fnn') {
    throw new DroverError(
      'ERR_USAGE',
      'only feed-forward and logistic yes/no models learn on at a bridge (--network fnn or logistic)',
    );
  }
  const inputs = writeInputs(sets, model.shape, model.reads);
  applyScale(inputs, model.scale);
  const learner = new OnlineLearner(learned.architecture, learned.parameters, createRng(options.seed, 'online'), options);
  const before = createNetwork(learned.architecture, learned.parameters, 1);
  const frozen = new Float64Array(sets.count);
  const learning = new Float64Array(sets.count);
  for (let s = 0; s < sets.count; s++) frozen[s] = before.run(inputs.values, s * inputs.width, 1)[0] as number;
  const beganMs = processorMs();
  for (let s = 0; s < sets.count; s++) {
    learning[s] = learner.answer(inputs.values, s * inputs.width);
    learner.learn(inputs.values, s * inputs.width, sets.schedulable[s] as number);
  }
  const usPerSet = Math.round(((processorMs() - beganMs) * 10_000) / Math.max(1, sets.count)) / 10;
  return {
    model: { ...model, learned: { ...learned, parameters: learner.parameters } },
    report: {
      sets: sets.count,
      accuracyFrozen: judge(frozen, sets.schedulable, 0).accuracy,
      accuracyLearning: judge(learning, sets.schedulable, 0).accuracy,
      stateBytes: learner.stateBytes,
      usPerSet,
    },
  };
}
