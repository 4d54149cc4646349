/**
 * What was learned, as one value that can be kept in a file (`infra/learned/model-file.ts`) and asked without TensorFlow.
 *
 *   yes-no      is a set schedulable? A score above 0 says yes. Networks, forest, Bayes and neighbours alike; `deferral` is the band of scores
 *               in which the exact test should be asked instead
 *   certified   proposes times that a check accepts or refuses (`certificate.ts`)
 *   twin        draws task sets like those it was trained on (`twin.ts`)
 *   trace-twin  draws what the jobs of a given set would do (`trace-twin.ts`)
 *   rare-twin   draws units that run up to a failure (`src/domain/hazard/rare-twin.ts`); its `trained.sets` are units
 *   forecast    says how series go on (`src/domain/forecast/network.ts`); its `trained.sets` are series
 */
import { type ForecastNetwork, networkSize } from '../forecast/network.ts';
import { faultOfRareTwin, type RareTwin } from '../hazard/rare-twin.ts';
import { type Architecture, parameterCount, readsTasks } from './architecture.ts';
import { CANDIDATE_FEATURES } from './certificate.ts';
import { inputLength, type Scale, type Shape, scaleRow, TASKS_MAX } from './examples.ts';
import { type FeatureSet, featureCount, writeSetRow, writeTaskRows } from './features.ts';
import { askForest, type Forest } from './forest.ts';
import type { Deferral } from './metrics.ts';
import { createNetwork } from './network.ts';
import { askBayes, askNeighbours, type Bayes, type Neighbours } from './shallow.ts';
import type { TaskSets } from './task-sets.ts';
import { TASK_CONDITIONS, TRACE_CONDITIONS, TRACE_NOISE, TRACE_WIDTH, type TracePool, type TraceScale } from './trace-twin.ts';
import { type PeriodRange, TWIN_CONDITIONS, TWIN_NOISE, TWIN_WIDTH } from './twin.ts';

export interface Trained {
  /** As it was asked for: `fnn`, `forest`, … */
  readonly network: string;
  readonly backend: string;
  readonly seed: number;
  readonly sets: number;
}

export type Learned =
  | { readonly kind: 'network'; readonly architecture: Architecture; readonly parameters: Float32Array }
  | ({ readonly kind: 'forest' } & Forest)
  | ({ readonly kind: 'bayes' } & Bayes)
  | ({ readonly kind: 'knn' } & Neighbours);

export interface YesNoModel {
  readonly purpose: 'yes-no';
  readonly trained: Trained;
  readonly reads: FeatureSet;
  readonly shape: Shape;
  readonly scale: Scale;
  readonly deferral: Deferral;
  readonly learned: Learned;
}

export interface CertifiedModel {
  readonly purpose: 'certified';
  readonly trained: Trained;
  readonly scale: Scale;
  readonly architecture: Architecture;
  readonly parameters: Float32Array;
}

export interface TwinModel {
  readonly purpose: 'twin';
  readonly trained: Trained;
  readonly range: PeriodRange;
  readonly architecture: Architecture;
  readonly parameters: Float32Array;
}

export interface TraceTwinModel {
  readonly purpose: 'trace-twin';
  readonly trained: Trained;
  /** Which of the two foretold sets better that neither had learned from; traces are drawn from that one. */
  readonly uses: (typeof TRACE_SOURCES)[number];
  readonly architecture: Architecture;
  readonly parameters: Float32Array;
  /** Of the conditions. */
  readonly scale: Scale;
  readonly traces: TraceScale;
  /** What the bootstrap draws from. */
  readonly pool: TracePool;
}

export const TRACE_SOURCES = ['generator', 'bootstrap'] as const;

export interface RareTwinModel {
  readonly purpose: 'rare-twin';
  readonly trained: Trained;
  readonly twin: RareTwin;
}

export interface ForecastModel {
  readonly purpose: 'forecast';
  readonly trained: Trained;
  readonly network: ForecastNetwork;
}

export type Model = YesNoModel | CertifiedModel | TwinModel | TraceTwinModel | RareTwinModel | ForecastModel;

export interface Scorer {
  /** Above 0: schedulable. The farther from 0 the surer, on a scale of the model's own. */
  score(sets: TaskSets, s: number): number;
}

export function createScorer(model: YesNoModel): Scorer {
  const { reads, shape, scale } = model;
  const width = inputLength(shape, reads);
  const input = new Float32Array(shape === 'row' ? width : TASKS_MAX * width);
  const rows = new Float32Array(TASKS_MAX * featureCount(reads));
  const ask = asker(model.learned);
  if (shape === 'row') {
    return {
      score: (sets, s) => {
        writeSetRow(sets, s, { reads, out: input, at: 0, rows });
        scaleRow(input, 0, scale);
        return ask(input, 1);
      },
    };
  }
  return {
    score: (sets, s) => {
      const tasks = writeTaskRows(sets, s, { reads, out: input, at: 0, tasksMax: TASKS_MAX });
      for (let r = 0; r < tasks; r++) scaleRow(input, r * width, scale);
      return ask(input, tasks);
    },
  };
}

/** Answers for inputs that are already written and scaled. */
export function asker(learned: Learned): (input: Float32Array, tasks: number, at?: number) => number {
  if (learned.kind === 'network') {
    const network = createNetwork(learned.architecture, learned.parameters, TASKS_MAX);
    return (input, tasks, at = 0) => network.run(input, at, tasks)[0] as number;
  }
  if (learned.kind === 'forest') return (input, _, at = 0) => askForest(learned, input, at) - 0.5;
  if (learned.kind === 'bayes') return (input, _, at = 0) => askBayes(learned, input, at);
  return (input, _, at = 0) => askNeighbours(learned, input, at) - 0.5;
}

/** What contradicts itself in a model from outside; undefined when nothing does. The sentence goes on after "the model". */
export function faultOf(model: Model): string | undefined {
  if (model.purpose === 'twin') {
    if (model.architecture.inputs !== TWIN_NOISE + TWIN_CONDITIONS || model.architecture.outputs !== TWIN_WIDTH)
      return 'has a generator of another shape';
    if (!(model.range.leastUs > 0 && model.range.mostUs > model.range.leastUs)) return 'has no range of periods';
    return faultOfNetwork(model.architecture, model.parameters);
  }
  if (model.purpose === 'trace-twin') return faultOfTraceTwin(model);
  if (model.purpose === 'rare-twin')
    return faultOfRareTwin(model.twin) ?? faultOfNetwork(model.twin.architecture, model.twin.parameters);
  if (model.purpose === 'forecast') return faultOfForecast(model.network);
  const width = model.purpose === 'certified' ? CANDIDATE_FEATURES.length : inputLength(model.shape, model.reads);
  const { mean, factor } = model.scale;
  if (mean.length !== width || factor.length !== width) return `has a scale for other features than its ${width}`;
  if (!allFinite(mean) || !allFinite(factor)) return 'has a scale that is not finite';
  if (model.purpose === 'certified') {
    if (model.architecture.inputs !== width || model.architecture.family !== 'fnn') return 'has a network for other candidates';
    return model.architecture.outputs === 1
      ? faultOfNetwork(model.architecture, model.parameters)
      : 'has a network with several outputs';
  }
  if (Number.isNaN(model.deferral.no) || Number.isNaN(model.deferral.yes) || model.deferral.no > model.deferral.yes)
    return 'has no band for deferring';
  return faultOfLearned(model.learned, width, model.shape);
}

function faultOfTraceTwin({ architecture, parameters, scale, traces, pool }: TraceTwinModel): string | undefined {
  if (
    architecture.family !== 'fnn' ||
    architecture.inputs !== TRACE_NOISE + TRACE_CONDITIONS ||
    architecture.outputs !== TRACE_WIDTH
  )
    return 'has a generator of another shape';
  if (scale.mean.length !== TASK_CONDITIONS || scale.factor.length !== TASK_CONDITIONS)
    return 'has a scale for other conditions';
  if (!allFinite(scale.mean) || !allFinite(scale.factor)) return 'has a scale that is not finite';
  const numbers = [traces.execution, traces.wait].flatMap(({ mean, deviation }) => [mean, deviation]);
  if (numbers.some((x) => !Number.isFinite(x) || Math.abs(x) > 100)) return 'has a scale of jobs that is absurd';
  const tasks = pool.starts.length - 1;
  const isWhole =
    tasks >= 1 &&
    pool.starts[0] === 0 &&
    pool.conditions.length === tasks * TASK_CONDITIONS &&
    pool.jobs.length === 2 * (pool.starts[tasks] as number);
  if (!isWhole || pool.starts.some((start, at) => at > 0 && start <= (pool.starts[at - 1] as number)))
    return 'has a pool whose columns contradict each other';
  if (!allFinite(pool.conditions) || !allFinite(pool.jobs)) return 'has a pool that is not finite';
  return faultOfNetwork(architecture, parameters);
}

function faultOfLearned(learned: Learned, width: number, shape: Shape): string | undefined {
  if (learned.kind === 'network') {
    const { architecture } = learned;
    if (architecture.inputs !== width || architecture.outputs !== 1) return 'has a network for other features';
    if (readsTasks(architecture.family) !== (shape === 'tasks')) return 'has a network that reads another shape';
    return faultOfNetwork(architecture, learned.parameters);
  }
  if (shape !== 'row') return 'reads a shape it cannot';
  if (learned.kind === 'forest') return faultOfForest(learned, width);
  if (learned.kind === 'bayes') {
    const { means, variances, prior } = learned;
    if (means.length !== 2 * width || variances.length !== 2 * width) return 'has classes of other features';
    const isFine =
      allFinite(means) && allFinite(variances) && Number.isFinite(prior) && variances.every((variance) => variance > 0);
    return isFine ? undefined : 'has classes that are not finite';
  }
  const { k, rows, labels } = learned;
  if (!Number.isSafeInteger(k) || k < 1 || k > 1000) return 'asks an absurd number of neighbours';
  return rows.length === labels.length * width && allFinite(rows) ? undefined : 'has neighbours of other features';
}

function faultOfForecast({ parameters, ...shape }: ForecastNetwork): string | undefined {
  if (shape.horizons.some((h, k) => k > 0 && h <= (shape.horizons[k - 1] as number))) return 'has horizons that do not ascend';
  if (parameters.length !== networkSize(shape))
    return `has ${parameters.length} parameters where its network has ${networkSize(shape)}`;
  return allFinite(parameters) ? undefined : 'has parameters that are not finite';
}

function faultOfNetwork(architecture: Architecture, parameters: Float32Array): string | undefined {
  if (parameterCount(architecture) !== parameters.length)
    return `has ${parameters.length} parameters where its network has ${parameterCount(architecture)}`;
  return allFinite(parameters) ? undefined : 'has parameters that are not finite';
}

/** Children stand behind their parents, so that walking a tree ends. */
function faultOfForest({ roots, feature, threshold, left, value }: Forest, width: number): string | undefined {
  const nodes = feature.length;
  if (roots.length === 0 || threshold.length !== nodes || left.length !== nodes || value.length !== nodes)
    return 'has a forest with columns of different lengths';
  if (roots.some((root) => root >= nodes)) return 'has a tree without a root';
  for (let node = 0; node < nodes; node++) {
    const f = feature[node] as number;
    const child = left[node] as number;
    if (f >= width || (f >= 0 && (child <= node || child + 1 >= nodes)))
      return `has a tree that leads nowhere, at node ${node}`;
  }
  return allFinite(threshold) && allFinite(value) ? undefined : 'has a forest that is not finite';
}

const allFinite = (values: Float32Array): boolean => values.every((value) => Number.isFinite(value));
