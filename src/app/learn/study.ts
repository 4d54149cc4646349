/**
 * The study of width and depth: for each network and size, how accurate it becomes, how long an answer takes (drover's typed arrays, and the
 * backend in batches), and how long training takes on each backend.
 *
 * Accuracy is measured once, on the first backend: the same seed leads others to the same network but for rounding. The slower ones
 * train on one batch, for the time alone. Times are the processor's (`processor-time.ts`), the least of what was
 * measured.
 *
 * The twin (`gan`) answers by drawing a set, and is as accurate as a forest becomes that learned from its sets alone (`study-twin.ts`).
 */
import { createRng } from '../../domain/kernel/rng.ts';
import {
  type Architecture,
  type Family,
  initialParameters,
  parameterCount,
  readsTasks,
} from '../../domain/learn/architecture.ts';
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
import { type LabelledSets, sliceSets } from '../../domain/learn/task-sets.ts';
import type { Examples, Trainer } from '../../ports/trainer.ts';
import { machine } from '../bench/machine.ts';
import { leastUs, processorMs } from './processor-time.ts';
import { STANDARD_DRAW, standardSets } from './standard-sets.ts';
import type { Ready, Studied, Study, StudyResult } from './study-result.ts';
import { studyTwin } from './study-twin.ts';

const [BATCH, RATE, TEST_SETS, TIMED_SETS] = [128, 5e-3, 3_000, 512];
/** What the slower backends train on and answer, for the time alone. */
const SLOW_SETS = 64;

const FAMILY: Readonly<Record<string, Family>> = { fnn: 'fnn', rnn: 'gru', cnn: 'cnn', snn: 'snn' };

export interface StudyRequest<B extends string> {
  readonly networks: readonly string[];
  readonly backends: readonly B[];
  readonly trainerOf: (backend: B) => Promise<Trainer>;
  readonly widths: readonly number[];
  readonly depths: readonly number[];
  readonly sets: number;
  readonly epochs: number;
  readonly seed: number;
  /** Measured before, by the same request: not measured again. */
  readonly known?: readonly StudyResult[];
  /** Told after each one that is measured. */
  readonly onResult?: (results: readonly StudyResult[]) => Promise<void>;
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
  const drawn = standardSets(sets + TEST_SETS, seed, 'study');
  const [learnFrom, testSets] = [sliceSets(drawn, 0, sets), sliceSets(drawn, sets, sets + TEST_SETS)];
  const prepared = { row: prepare(learnFrom, testSets, 'row'), tasks: prepare(learnFrom, testSets, 'tasks') };
  const { ready, notRun } = await working(request);
  const total = networks.length * request.widths.length * request.depths.length;
  const results: StudyResult[] = [];
  for (const network of networks) {
    for (const depth of request.depths) {
      for (const width of request.widths) {
        if (signal.aborted) break;
        const before = request.known?.find((one) => one.network === network && one.width === width && one.depth === depth);
        if (before !== undefined) {
          results.push(before);
          continue;
        }
        const widths = Array<number>(depth).fill(width);
        const studied =
          network === 'gan'
            ? await studyTwin(widths, { learnFrom, testSets, backends: ready, epochs, seed, signal })
            : await studyYesNo(FAMILY[network] as Family, widths, prepared, ready, { epochs, seed, signal });
        // Whoever was interrupted has trained less than was asked for.
        if (signal.aborted) break;
        results.push({ network, width, depth, ...studied });
        await request.onResult?.(results);
        request.onProgress(results.length, total, `${network} ${depth} × ${width}`);
      }
    }
  }
  const good = testSets.schedulable.reduce((sum, flag) => sum + flag, 0) / TEST_SETS;
  return {
    machine: about,
    draw: STANDARD_DRAW,
    sets,
    testSets: TEST_SETS,
    epochs,
    seed,
    majorityRate: Math.max(good, 1 - good),
    notRun,
    results,
  };
}

/** A backend that does not work here is left out; the page says which, and why. */
async function working<B extends string>({ backends, trainerOf }: StudyRequest<B>) {
  const ready: { backend: string; start: () => Promise<Trainer> }[] = [];
  const notRun: { backend: string; why: string }[] = [];
  let failure: unknown;
  for (const backend of backends) {
    try {
      await trainerOf(backend);
      // Started again before each use: TensorFlow.js has one backend at a time.
      ready.push({ backend, start: () => trainerOf(backend) });
    } catch (error) {
      failure = error;
      const why = error instanceof Error ? (/: ([^:()]*)\)?$/.exec(error.message)?.[1] ?? error.message) : String(error);
      notRun.push({ backend, why });
    }
  }
  if (ready.length === 0) throw failure;
  return { ready, notRun };
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

async function studyYesNo(
  family: Family,
  widths: readonly number[],
  prepared: Readonly<Record<Shape, Prepared>>,
  backends: Ready,
  { epochs, seed, signal }: { readonly epochs: number; readonly seed: number; readonly signal: AbortSignal },
): Promise<Studied> {
  const shape: Shape = readsTasks(family) ? 'tasks' : 'row';
  const { scale, train, test, testSets } = prepared[shape];
  const architecture: Architecture = { family, inputs: inputLength(shape, 'demand'), widths, outputs: 1 };
  const first = initialParameters(architecture, createRng(seed, 'weights'));
  let parameters = first;
  const times: StudyResult['backends'][number][] = [];
  for (const [rank, { backend, start }] of backends.entries()) {
    const trainer = await start();
    const examples = rank === 0 ? train : head(train, Math.min(SLOW_SETS, train.labels.length));
    const request = { architecture, parameters: first, examples, batch: BATCH, learningRate: RATE, seed, signal };
    let epochMs = Number.POSITIVE_INFINITY;
    // The least of at least two epochs: the first one pays for compiling.
    let beganMs = processorMs();
    const onEpoch = (): void => {
      epochMs = Math.min(epochMs, processorMs() - beganMs);
      beganMs = processorMs();
    };
    const trained = await trainer.train({ ...request, epochs: rank === 0 ? epochs : 2, onEpoch });
    if (rank === 0) parameters = trained;
    const timed = head(test, rank === 0 ? TIMED_SETS : SLOW_SETS);
    const answerUs = await leastUs(timed.labels.length, () =>
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
