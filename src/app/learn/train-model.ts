/**
 * Trains one model on one data set. The last tenth of the sets is not learned from: it calibrates the band in which a yes/no model should
 * defer to the exact test, and says how good it became. The same data, options and seed on the same backend give the same model.
 *
 * TensorFlow is loaded only for what needs it; forest, Bayes and neighbours are trained by the domain itself.
 */

import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { type Architecture, type Family, initialParameters, readsTasks } from '../../domain/learn/architecture.ts';
import { CANDIDATE_FEATURES, candidateExamples } from '../../domain/learn/certificate.ts';
import { applyScale, type Inputs, inputLength, learnScale, type Shape, writeInputs } from '../../domain/learn/examples.ts';
import type { FeatureSet } from '../../domain/learn/features.ts';
import { trainForest } from '../../domain/learn/forest.ts';
import { calibrateDeferral } from '../../domain/learn/metrics.ts';
import {
  asker,
  type CertifiedModel,
  type Learned,
  type Model,
  type TwinModel,
  type YesNoModel,
} from '../../domain/learn/model.ts';
import { trainBayes } from '../../domain/learn/shallow.ts';
import { type LabelledSets, sliceSets } from '../../domain/learn/task-sets.ts';
import { TWIN_TASKS_MAX, twinArchitectures, twinExamples } from '../../domain/learn/twin.ts';
import type { Trainer } from '../../ports/trainer.ts';
import type { NetworkName } from './network-names.ts';

export interface TrainOptions {
  readonly network: Exclude<NetworkName, 'trace-gan'>;
  readonly cell: 'gru' | 'lstm';
  readonly reads: FeatureSet;
  /** Of the hidden layers; the network's own when absent. */
  readonly widths?: readonly number[] | undefined;
  readonly epochs?: number | undefined;
  readonly seed: number;
  /** A trained model to go on from: its shape, scale and features are kept. */
  readonly from?: Model | undefined;
  /** Started when something needs it. */
  readonly trainer: () => Promise<Trainer>;
  /** `done` of `total` epochs, trees or steps. */
  readonly onProgress?: (done: number, total: number, more: string) => void;
  readonly signal?: AbortSignal;
}

const WIDTHS: Readonly<Record<Family, readonly number[]>> = {
  fnn: [32, 32],
  cnn: [32, 32],
  gru: [32],
  lstm: [32],
  snn: [64, 64],
};
const EPOCHS: Readonly<Record<Family, number>> = { fnn: 30, cnn: 6, gru: 5, lstm: 5, snn: 6 };
const CERTIFIED = { widths: [32, 16], epochs: 20 };
const TWIN = { generator: [96, 96], critic: [96, 96], stepsPerEpoch: 100, epochs: 15 };
const [BATCH, RATE] = [256, 2e-3];
/** Of the first step. Feed-forward networks bear more: 0.9924 instead of 0.9921 right after 20,000 sets. */
const RATES: Readonly<Record<Family, number>> = { fnn: 5e-3, cnn: RATE, gru: RATE, lstm: RATE, snn: RATE };
/** Fine-tuning should not shake what is known. */
const FINE_RATE = 4e-4;
const FOREST = { trees: 60, depthMost: 18, leafLeast: 4 };
const NEIGHBOURS = { k: 15, examplesMost: 4_000 };
/** Of all answers of a deferring model; below the 1 % that is asked of it, because other sets differ from those it was calibrated on. */
const ERRORS_MOST = 0.005;
const SETS_LEAST = 40;

export async function trainModel(sets: LabelledSets, options: TrainOptions): Promise<Model> {
  if (sets.count < SETS_LEAST)
    throw new DroverError('ERR_USAGE', `${sets.count} sets are too few to learn from: at least ${SETS_LEAST}`);
  const held = Math.max(10, Math.floor(sets.count / 10));
  const learnFrom = sliceSets(sets, 0, sets.count - held);
  if (options.network === 'certified') return trainCertified(learnFrom, options);
  if (options.network === 'gan') return trainTwin(learnFrom, options);
  return trainYesNo(learnFrom, sliceSets(sets, sets.count - held, sets.count), options);
}

// ——— yes or no ———

async function trainYesNo(learnFrom: LabelledSets, heldBack: LabelledSets, options: TrainOptions): Promise<YesNoModel> {
  const from = options.from;
  if (from !== undefined && from.purpose !== 'yes-no')
    throw new DroverError('ERR_USAGE', 'only a yes/no model can be trained further');
  const family = familyOf(options);
  const shape: Shape = from?.shape ?? (family !== undefined && readsTasks(family) ? 'tasks' : 'row');
  const reads = from?.reads ?? options.reads;
  const inputs = writeInputs(learnFrom, shape, reads);
  const scale = from?.scale ?? learnScale(inputs);
  applyScale(inputs, scale);
  const { learned, backend } = await learn(inputs, learnFrom.schedulable, {
    options,
    family,
    width: inputLength(shape, reads),
  });
  const held = writeInputs(heldBack, shape, reads);
  applyScale(held, scale);
  const deferral = calibrateDeferral(scoresOf(learned, held), heldBack.schedulable, ERRORS_MOST);
  const trained = { network: options.network, backend, seed: options.seed, sets: learnFrom.count };
  return { purpose: 'yes-no', trained, reads, shape, scale, deferral, learned };
}

function familyOf({ network, cell, from }: TrainOptions): Family | undefined {
  if (from?.purpose === 'yes-no' && from.learned.kind === 'network') return from.learned.architecture.family;
  if (network === 'rnn') return cell;
  if (network === 'logistic') return 'fnn';
  return network === 'fnn' || network === 'cnn' || network === 'snn' ? network : undefined;
}

function scoresOf(learned: Learned, inputs: Inputs): Float64Array {
  const ask = asker(learned);
  const stride = inputs.rowsPerExample * inputs.width;
  return Float64Array.from(inputs.rowCounts, (tasks, s) => ask(inputs.values, tasks, s * stride));
}

async function learn(
  inputs: Inputs,
  labels: Uint8Array,
  { options, family, width }: { readonly options: TrainOptions; readonly family: Family | undefined; readonly width: number },
): Promise<{ readonly learned: Learned; readonly backend: string }> {
  const { network, seed, from, onProgress } = options;
  const rng = createRng(seed, network);
  if (family !== undefined) {
    const before = from?.purpose === 'yes-no' && from.learned.kind === 'network' ? from.learned : undefined;
    const widths = network === 'logistic' ? [] : (options.widths ?? WIDTHS[family]);
    const architecture: Architecture = before?.architecture ?? { family, inputs: width, widths, outputs: 1 };
    const trainer = await options.trainer();
    const epochs = options.epochs ?? EPOCHS[family];
    const { rowsPerExample, rowCounts, values } = inputs;
    const parameters = await trainer.train({
      architecture,
      parameters: before?.parameters ?? initialParameters(architecture, rng),
      examples: { inputs: values, rowsPerExample, rowCounts, labels },
      epochs,
      batch: BATCH,
      learningRate: before === undefined ? RATES[family] : FINE_RATE,
      seed,
      onEpoch: (epoch, loss) => onProgress?.(epoch, epochs, `loss ${loss.toFixed(4)}`),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return { learned: { kind: 'network', architecture, parameters }, backend: trainer.backend };
  }
  if (from !== undefined) throw new DroverError('ERR_USAGE', 'only networks can be trained further; train the others anew');
  const backend = 'drover';
  if (network === 'forest') {
    const onTree = (tree: number): void => onProgress?.(tree, FOREST.trees, '');
    return { learned: { kind: 'forest', ...trainForest(inputs.values, labels, width, rng, { ...FOREST, onTree }) }, backend };
  }
  if (network === 'bayes') return { learned: { kind: 'bayes', ...trainBayes(inputs.values, labels, width) }, backend };
  // Examples are in random order already.
  const kept = Math.min(labels.length, NEIGHBOURS.examplesMost);
  const rows = inputs.values.slice(0, kept * width);
  return { learned: { kind: 'knn', k: NEIGHBOURS.k, rows, labels: labels.slice(0, kept) }, backend };
}

// ——— certified ———

async function trainCertified(sets: LabelledSets, options: TrainOptions): Promise<CertifiedModel> {
  const { rows, labels } = candidateExamples(sets);
  if (labels.length === 0) {
    throw new DroverError('ERR_USAGE', 'no task of these sets needs a certificate other than its deadline: draw more sets');
  }
  const width = CANDIDATE_FEATURES.length;
  const inputs: Inputs = { values: rows, width, rowsPerExample: 1, rowCounts: new Uint16Array(labels.length).fill(1) };
  const scale = learnScale(inputs);
  applyScale(inputs, scale);
  const architecture: Architecture = { family: 'fnn', inputs: width, widths: options.widths ?? CERTIFIED.widths, outputs: 1 };
  const trainer = await options.trainer();
  const epochs = options.epochs ?? CERTIFIED.epochs;
  const parameters = await trainer.train({
    architecture,
    parameters: initialParameters(architecture, createRng(options.seed, 'certified')),
    examples: { inputs: rows, rowsPerExample: 1, rowCounts: inputs.rowCounts, labels },
    epochs,
    batch: BATCH,
    learningRate: RATE,
    seed: options.seed,
    onEpoch: (epoch, loss) => options.onProgress?.(epoch, epochs, `loss ${loss.toFixed(4)}`),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const trained = { network: options.network, backend: trainer.backend, seed: options.seed, sets: sets.count };
  return { purpose: 'certified', trained, scale, architecture, parameters };
}

// ——— twin ———

async function trainTwin(sets: LabelledSets, options: TrainOptions): Promise<TwinModel> {
  const examples = twinExamples(sets);
  if (examples === undefined) throw new DroverError('ERR_USAGE', `the twin has room for ${TWIN_TASKS_MAX} tasks a set`);
  const { generator, critic } = twinArchitectures(options.widths ?? TWIN.generator, TWIN.critic);
  const trainer = await options.trainer();
  const steps = (options.epochs ?? TWIN.epochs) * TWIN.stepsPerEpoch;
  const parameters = await trainer.trainTwin({
    ...examples,
    generator,
    critic,
    steps,
    batch: BATCH,
    learningRate: RATE / 4,
    seed: options.seed,
    onStep: (step) => options.onProgress?.(step, steps, ''),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const trained = { network: options.network, backend: trainer.backend, seed: options.seed, sets: sets.count };
  return { purpose: 'twin', trained, range: examples.range, architecture: generator, parameters };
}
