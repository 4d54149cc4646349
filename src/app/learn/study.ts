/**
 * The study of width and depth: for each network and size, how accurate it becomes, how long an answer takes (drover's typed arrays, and the
 * backend in batches), and how long training takes on each backend.
 *
 * Accuracy is measured once, on the first backend: the same seed leads others to the same network but for rounding. The slower ones
 * train on one batch, for the time alone. Times are the least of what was measured, since another process can only add to it.
 */
import { createRng } from '../../domain/kernel/rng.ts';
import {
  type Architecture,
  type Family,
  initialParameters,
  parameterCount,
  readsTasks,
} from '../../domain/learn/architecture.ts';
import { labelExactly } from '../../domain/learn/exact-label.ts';
import {
  applyScale,
  type Inputs,
  inputLength,
  learnScale,
  type Scale,
  type Shape,
  TASKS_MAX,
  writeInputs,
} from '../../domain/learn/examples.ts';
import { judge } from '../../domain/learn/metrics.ts';
import { createScorer } from '../../domain/learn/model.ts';
import { createNetwork } from '../../domain/learn/network.ts';
import { columnsOf, type LabelledSets, sliceSets } from '../../domain/learn/task-sets.ts';
import { type DrawSpec, drawTaskSet } from '../../domain/realtime/draw/task-sets.ts';
import type { Examples, Trainer } from '../../ports/trainer.ts';
import { type Machine, machine } from '../bench/machine.ts';

export interface StudyResult {
  readonly network: string;
  readonly width: number;
  readonly depth: number;
  readonly parameters: number;
  readonly accuracy: number;
  readonly auc: number;
  /** One set on typed arrays, features included. */
  readonly answerUs: number;
  readonly backends: readonly {
    readonly backend: string;
    /** One set, in a batch of BATCH, features not included. */
    readonly answerUs: number;
    /** A thousand sets, once. */
    readonly trainMsPerThousand: number;
  }[];
}

export interface Study {
  readonly machine: Machine;
  readonly draw: DrawSpec;
  readonly sets: number;
  readonly testSets: number;
  readonly epochs: number;
  readonly seed: number;
  readonly majorityRate: number;
  readonly results: readonly StudyResult[];
}

const WIDTHS = [8, 16, 32, 64];
const DEPTHS = [1, 2, 3];
const [BATCH, RATE, TEST_SETS, TIMED_SETS, TIMED_PASSES] = [256, 4e-3, 2_000, 512, 3];
const FAMILY: Readonly<Record<string, Family>> = { fnn: 'fnn', rnn: 'gru', cnn: 'cnn', snn: 'snn' };
const DRAW: DrawSpec = {
  tasks: { least: 3, most: 20 },
  utilisation: { least: 0.43, most: 1 },
  utilisations: 'uunifast-discard',
  periods: 'log-uniform',
  periodUs: { least: 1_000, most: 1_000_000 },
  deadlines: 'constrained',
};

export interface StudyRequest<B extends string> {
  readonly networks: readonly string[];
  readonly backends: readonly B[];
  readonly trainerOf: (backend: B) => Promise<Trainer>;
  readonly sets: number;
  readonly epochs: number;
  readonly seed: number;
  readonly onProgress: (done: number, total: number, what: string) => void;
  readonly signal: AbortSignal;
}

interface Prepared {
  readonly scale: Scale;
  readonly train: Examples;
  readonly test: Examples;
  readonly testSets: LabelledSets;
}

export async function studyWidthAndDepth<B extends string>(request: StudyRequest<B>): Promise<Study> {
  const { networks, sets, epochs, seed, signal } = request;
  const about = machine();
  const rng = createRng(seed, 'study');
  const drawn = labelExactly(columnsOf(Array.from({ length: sets + TEST_SETS }, () => drawTaskSet(rng, DRAW) ?? [])));
  const [learnFrom, testSets] = [sliceSets(drawn, 0, sets), sliceSets(drawn, sets, sets + TEST_SETS)];
  const prepared = { row: prepare(learnFrom, testSets, 'row'), tasks: prepare(learnFrom, testSets, 'tasks') };
  const backends = await working(request);
  const total = networks.length * WIDTHS.length * DEPTHS.length;
  const results: StudyResult[] = [];
  for (const network of networks) {
    const family = FAMILY[network] as Family;
    const shape: Shape = readsTasks(family) ? 'tasks' : 'row';
    for (const depth of DEPTHS) {
      for (const width of WIDTHS) {
        if (signal.aborted) break;
        const architecture = {
          family,
          inputs: inputLength(shape, 'demand'),
          widths: Array<number>(depth).fill(width),
          outputs: 1,
        };
        results.push({
          network,
          width,
          depth,
          ...(await one(architecture, shape, prepared[shape], backends, { epochs, seed, signal })),
        });
        request.onProgress(results.length, total, `${network} ${depth} × ${width}`);
      }
    }
  }
  const good = testSets.schedulable.reduce((sum, flag) => sum + flag, 0) / TEST_SETS;
  return {
    machine: about,
    draw: DRAW,
    sets,
    testSets: TEST_SETS,
    epochs,
    seed,
    majorityRate: Math.max(good, 1 - good),
    results,
  };
}

type Ready = readonly { readonly backend: string; readonly start: () => Promise<Trainer> }[];

/** A backend that does not work here is left out; the page says which were used. */
async function working<B extends string>({ backends, trainerOf }: StudyRequest<B>): Promise<Ready> {
  const ready: { backend: string; start: () => Promise<Trainer> }[] = [];
  let failure: unknown;
  for (const backend of backends) {
    try {
      await trainerOf(backend);
      // Started again before each use: TensorFlow.js has one backend at a time.
      ready.push({ backend, start: () => trainerOf(backend) });
    } catch (error) {
      failure = error;
    }
  }
  if (ready.length === 0) throw failure;
  return ready;
}

function prepare(learnFrom: LabelledSets, testSets: LabelledSets, shape: Shape): Prepared {
  const inputs = writeInputs(learnFrom, shape, 'demand');
  const scale = learnScale(inputs);
  const examplesOf = (scaled: Inputs, sets: LabelledSets): Examples => {
    applyScale(scaled, scale);
    return {
      inputs: scaled.values,
      rowsPerExample: scaled.rowsPerExample,
      rowCounts: scaled.rowCounts,
      labels: sets.schedulable,
    };
  };
  const test = examplesOf(writeInputs(testSets, shape, 'demand'), testSets);
  return { scale, train: examplesOf(inputs, learnFrom), test, testSets };
}

async function one(
  architecture: Architecture,
  shape: Shape,
  { scale, train, test, testSets }: Prepared,
  backends: Ready,
  { epochs, seed, signal }: { readonly epochs: number; readonly seed: number; readonly signal: AbortSignal },
): Promise<Omit<StudyResult, 'network' | 'width' | 'depth'>> {
  const first = initialParameters(architecture, createRng(seed, 'weights'));
  let parameters = first;
  const times: StudyResult['backends'][number][] = [];
  for (const [rank, { backend, start }] of backends.entries()) {
    const trainer = await start();
    const examples = rank === 0 ? train : head(train, Math.min(BATCH, train.labels.length));
    const request = { architecture, parameters: first, examples, batch: BATCH, learningRate: RATE, seed, signal };
    let epochMs = Number.POSITIVE_INFINITY;
    // The least of at least two epochs: the first one pays for compiling.
    let beganMs = performance.now();
    const onEpoch = (): void => {
      epochMs = Math.min(epochMs, performance.now() - beganMs);
      beganMs = performance.now();
    };
    const trained = await trainer.train({ ...request, epochs: rank === 0 ? epochs : 2, onEpoch });
    if (rank === 0) parameters = trained;
    const timed = head(test, TIMED_SETS);
    const answerUs = await leastUs(TIMED_SETS, () =>
      trainer.answer({ architecture, parameters, examples: timed, batch: BATCH }),
    );
    const seen = Math.floor(examples.labels.length / BATCH) * BATCH || examples.labels.length;
    times.push({ backend, answerUs, trainMsPerThousand: Math.round((epochMs * 10_000) / seen) / 10 });
  }
  const network = createNetwork(architecture, parameters, TASKS_MAX);
  const stride = test.inputs.length / test.labels.length;
  const scores = Float64Array.from(test.rowCounts, (tasks, s) => network.run(test.inputs, s * stride, tasks)[0] as number);
  const { accuracy, auc } = judge(scores, test.labels, 0);
  const trained = { network: architecture.family, backend: '', seed, sets: train.labels.length };
  const learned = { kind: 'network', architecture, parameters } as const;
  const scorer = createScorer({
    purpose: 'yes-no',
    trained,
    reads: 'demand',
    shape,
    scale,
    deferral: { no: 0, yes: 0 },
    learned,
  });
  const answerUs = await leastUs(TIMED_SETS, () => {
    let sum = 0;
    for (let s = 0; s < TIMED_SETS; s++) sum += scorer.score(testSets, s);
    return sum;
  });
  return { parameters: parameterCount(architecture), accuracy, auc, answerUs, backends: times };
}

const head = ({ inputs, rowsPerExample, rowCounts, labels }: Examples, count: number): Examples => ({
  inputs: inputs.subarray(0, (inputs.length / labels.length) * count),
  rowsPerExample,
  rowCounts: rowCounts.subarray(0, count),
  labels: labels.subarray(0, count),
});

/** µs an answer, of the best of some passes. */
async function leastUs(answers: number, pass: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let k = 0; k < TIMED_PASSES; k++) {
    const beganMs = performance.now();
    await pass();
    least = Math.min(least, performance.now() - beganMs);
  }
  return Math.round((least * 100_000) / answers) / 100;
}
