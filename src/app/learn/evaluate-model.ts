/**
 * How good is a model on sets it has not seen? Every number stands beside what costs nothing: answering the same every time, proposing the
 * deadline, training on the real sets.
 */
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { createProposer, judgeCertificates } from '../../domain/learn/certificate.ts';
import { exactResponses, labelExactly } from '../../domain/learn/exact-label.ts';
import { TASKS_MAX, writeInputs } from '../../domain/learn/examples.ts';
import { askForest, trainForest } from '../../domain/learn/forest.ts';
import { judge, judgeDeferral } from '../../domain/learn/metrics.ts';
import {
  type CertifiedModel,
  createScorer,
  type Model,
  type TraceTwinModel,
  type TwinModel,
  type YesNoModel,
} from '../../domain/learn/model.ts';
import { createNetwork } from '../../domain/learn/network.ts';
import { columnsOf, type LabelledSets, sliceSets } from '../../domain/learn/task-sets.ts';
import { drawTwin, TWIN_TASKS_MAX } from '../../domain/learn/twin.ts';
import { latencyOf } from './latency.ts';

/** Twins of traces have judges of their own (`evaluate-traces.ts`). */
export function evaluateModel(model: Exclude<Model, TraceTwinModel>, sets: LabelledSets) {
  const about = { ...model.trained, purpose: model.purpose };
  if (model.purpose === 'yes-no') return { ...about, ...evaluateYesNo(model, sets) };
  if (model.purpose === 'certified') return { ...about, ...evaluateCertified(model, sets) };
  if (model.purpose === 'twin') return { ...about, ...evaluateTwin(model, sets) };
  if (model.purpose === 'rare-twin')
    throw new DroverError('ERR_USAGE', 'the model is a twin of rare situations: judge one with drover hazard twin evaluate');
  throw new DroverError('ERR_USAGE', 'the model forecasts series: judge it with drover forecast evaluate --model');
}

export function evaluateYesNo(model: YesNoModel, sets: LabelledSets) {
  const scorer = createScorer(model);
  const scores = Float64Array.from({ length: sets.count }, (_, s) => scorer.score(sets, s));
  const deferring = judgeDeferral(scores, sets.schedulable, model.deferral);
  const three = setsOf(sets, 3);
  const responseUs = new Float64Array(sets.responseUs.length);
  return {
    sets: sets.count,
    ...without(judge(scores, sets.schedulable, 0)),
    deferralRate: deferring.deferralRate,
    deferringAccuracy: deferring.accuracy,
    deferringUnsafeRate: deferring.unsafeRate,
    latencyUs: latencyOf(sets.count, (s) => scorer.score(sets, s)),
    ...(three.length === 0
      ? {}
      : { latencyUsAt3Tasks: latencyOf(three.length, (s) => scorer.score(sets, three[s] as number)) }),
    /** The whole response-time analysis of the same sets, for comparison. */
    exactLatencyUs: latencyOf(sets.count, (s) => (exactResponses(sets, s, responseUs) ? 1 : 0)),
  };
}

const without = ({ count: _, ...rest }: ReturnType<typeof judge>) => rest;

export function evaluateCertified(model: CertifiedModel, sets: LabelledSets) {
  const most = Math.max(TASKS_MAX, ...Array.from({ length: sets.count }, (_, s) => sizeOf(sets, s)));
  const proposer = createProposer(createNetwork(model.architecture, model.parameters, 1), model.scale, most);
  const judged = judgeCertificates(proposer, sets, most);
  const proposedUs = new Float64Array(most);
  const good = sets.schedulable.reduce((sum, flag) => sum + flag, 0);
  const share = good / Math.max(1, sets.count);
  return {
    sets: sets.count,
    accuracy: judged.acceptedRate * share + (1 - share) - judged.unsafe / Math.max(1, sets.count),
    majorityRate: Math.max(share, 1 - share),
    acceptedRate: judged.acceptedRate,
    acceptedRateByDeadlines: judged.acceptedRateByDeadlines,
    unsafe: judged.unsafe,
    unsafeRate: judged.unsafe / Math.max(1, judged.acceptedRate * good + judged.unsafe),
    /** Not accepted: for these only the exact test can say yes. */
    deferralRate: 1 - judged.acceptedRate * share,
    latencyUs: latencyOf(sets.count, (s) => {
      proposer.propose(sets, s, proposedUs);
      return proposedUs[0] as number;
    }),
  };
}

const TWIN_FOREST = { trees: 30, depthMost: 14, leafLeast: 4 };
const TWIN_SETS_MAX = 20_000;

/** Train on synthetic, test on real; beside it, train on real, test on real. */
export function evaluateTwin(model: TwinModel, sets: LabelledSets) {
  const { real, synthetic, asked, fromSynthetic, relabelled, trainedOnReal } = tryTwin(model, sets);
  const { majorityRate, ...learned } = fromSynthetic();
  let agrees = 0;
  for (let s = 0; s < asked.length; s++) if (synthetic.schedulable[s] === asked[s]) agrees++;
  return {
    sets: sets.count,
    ...learned,
    majorityRate,
    /** The same with synthetic sets labelled by the exact test instead of by what the twin was asked for. */
    relabelled: relabelled(),
    trainedOnReal: trainedOnReal(),
    /** Synthetic sets that are what they were asked to be. */
    agreement: agrees / Math.max(1, asked.length),
    meanUtilisation: { real: meanUtilisation(real), synthetic: meanUtilisation(synthetic) },
  };
}

/** The first half of the sets says what to draw, and is what is learned from for comparison; the second is what forests are tested on. */
export function tryTwin(model: TwinModel, sets: LabelledSets) {
  const half = Math.min(TWIN_SETS_MAX, Math.floor(sets.count / 2));
  const [real, test] = [sliceSets(sets, 0, half), sliceSets(sets, half, sets.count)];
  const generator = createNetwork(model.architecture, model.parameters, 1);
  const rng = createRng(model.trained.seed, 'twin test');
  const drawn = Array.from({ length: half }, (_, s) =>
    drawTwin(generator, rng, {
      schedulable: real.schedulable[s] === 1,
      tasks: Math.min(TWIN_TASKS_MAX, sizeOf(real, s)),
      range: model.range,
    }),
  );
  const synthetic = labelExactly(columnsOf(drawn));
  const testRows = writeInputs(test, 'row', 'closed');
  const score = (train: LabelledSets, labels: Uint8Array) => {
    const { values, width } = writeInputs(train, 'row', 'closed');
    const forest = trainForest(values, labels, width, createRng(model.trained.seed, 'forest'), TWIN_FOREST);
    const scores = Float64Array.from({ length: test.count }, (_, s) => askForest(forest, testRows.values, s * width) - 0.5);
    const { accuracy, auc, majorityRate, unsafeRate } = judge(scores, test.schedulable, 0);
    return { accuracy, auc, majorityRate, unsafeRate };
  };
  return {
    ...{ real, synthetic, asked: real.schedulable },
    fromSynthetic: () => score(synthetic, real.schedulable),
    relabelled: () => score(synthetic, synthetic.schedulable),
    trainedOnReal: () => score(real, real.schedulable),
  };
}

const sizeOf = ({ starts }: LabelledSets, s: number): number => (starts[s + 1] as number) - (starts[s] as number);
const setsOf = (sets: LabelledSets, size: number): number[] =>
  [...Array(sets.count).keys()].filter((s) => sizeOf(sets, s) === size);

function meanUtilisation({ wcetUs, periodUs, count }: LabelledSets): number {
  let sum = 0;
  for (let i = 0; i < wcetUs.length; i++) sum += (wcetUs[i] as number) / (periodUs[i] as number);
  return sum / Math.max(1, count);
}
