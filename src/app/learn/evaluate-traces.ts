/**
 * How good is a twin of traces on sets it has not seen? Two judges, each with the bootstrap beside it:
 *
 *   CRPS                            how far what it draws for a set is from what the set's jobs did (`trace-score.ts`; less is better)
 *   train on synthetic, test on     a forest learns from drawn traces alone which sets keep their deadlines, and is asked about sets that
 *   real                            did or did not; beside it one that learned from what was really seen of the same sets
 *
 * Forests learn from one half of the sets and are asked about the other, and the other way round, so that all sets are asked about. From each
 * set TRACES traces are drawn: that nothing else is needed for another one is what a twin is for.
 */
import { createRng } from '../../domain/kernel/rng.ts';
import { writeInputs } from '../../domain/learn/examples.ts';
import { askForest, trainForest } from '../../domain/learn/forest.ts';
import { judge } from '../../domain/learn/metrics.ts';
import type { TraceTwinModel } from '../../domain/learn/model.ts';
import { createNetwork } from '../../domain/learn/network.ts';
import { sliceSets, type TaskSets } from '../../domain/learn/task-sets.ts';
import { scoreTraces } from '../../domain/learn/trace-score.ts';
import {
  bootstrapSource,
  drawTrace,
  generatorSource,
  scaleConditions,
  type TraceSource,
  writeConditions,
} from '../../domain/learn/trace-twin.ts';
import { jobsByTask, type TracedSets } from '../../domain/learn/traces.ts';

const TRACES = 10;
const FOREST = { trees: 60, depthMost: 18, leafLeast: 4 };

export function evaluateTraces(model: TraceTwinModel, traced: TracedSets) {
  const { sets, jobs } = traced;
  const conditions = conditionsOf(model, sets);
  const score = (source: TraceSource) =>
    scoreTraces(source, model.traces, { traced, conditions }, createRng(model.trained.seed, 'score'));
  const [generator, bootstrap, blind] = [
    generatorSource(createNetwork(model.architecture, model.parameters, 1)),
    bootstrapSource(model.pool),
    bootstrapSource(model.pool, Number.POSITIVE_INFINITY),
  ];
  const labelsOf = (source: TraceSource): readonly Uint8Array[] => {
    const rng = createRng(model.trained.seed, 'trace test');
    return Array.from({ length: TRACES }, () => drawLabels(source, model, { traced, conditions, rng }));
  };
  const crps = { generator: score(generator), bootstrap: score(bootstrap), blindBootstrap: score(blind) };
  const forests = {
    generator: crossForests(traced, labelsOf(generator)),
    bootstrap: crossForests(traced, labelsOf(bootstrap)),
    real: crossForests(traced, [sets.schedulable]),
  };
  return {
    sets: sets.count,
    jobs: jobs.task.length,
    uses: model.uses,
    ...forests[model.uses],
    /** Of response / D and execution / C, both as x / (1 + x). */
    crps,
    trainOnSyntheticTestOnReal: { generator: forests.generator, bootstrap: forests.bootstrap },
    trainedOnReal: forests.real,
    beatsBootstrap: {
      crps: crps.generator.response < crps.bootstrap.response,
      auc: forests.generator.auc > forests.bootstrap.auc,
    },
  };
}

/** Of all tasks of these sets, as the model was taught to read them. */
export function conditionsOf(model: TraceTwinModel, sets: TaskSets): Float32Array {
  const conditions = writeConditions(sets);
  scaleConditions(conditions, model.scale);
  return conditions;
}

export const sourceOf = (model: TraceTwinModel): TraceSource =>
  model.uses === 'generator'
    ? generatorSource(createNetwork(model.architecture, model.parameters, 1))
    : bootstrapSource(model.pool);

/** Whether all jobs were on time in one drawn trace of each set, with as many jobs as were seen of it. */
function drawLabels(
  source: TraceSource,
  { traces }: TraceTwinModel,
  {
    traced,
    conditions,
    rng,
  }: { readonly traced: TracedSets; readonly conditions: Float32Array; readonly rng: ReturnType<typeof createRng> },
): Uint8Array {
  const { sets, jobs } = traced;
  return Uint8Array.from({ length: sets.count }, (_, s) => {
    const own = jobsByTask(sets, jobs, s);
    const trace = drawTrace(source, traces, { sets, s, conditions, jobsOf: (task) => own[task]?.length ?? 0 }, rng);
    return trace.every(({ onTime }) => onTime) ? 1 : 0;
  });
}

/** Forests of both halves, each asked about the half it did not learn from. `labels`: one or more answers for each set. */
function crossForests({ sets }: TracedSets, labels: readonly Uint8Array[]) {
  const half = Math.floor(sets.count / 2);
  const scores = new Float64Array(sets.count);
  for (const [from, to, testFrom, testTo] of [
    [0, half, half, sets.count],
    [half, sets.count, 0, half],
  ] as const) {
    const [learnFrom, test] = [sliceSets(sets, from, to), sliceSets(sets, testFrom, testTo)];
    const { values, width } = writeInputs(learnFrom, 'row', 'demand');
    const rows = new Float32Array(values.length * labels.length);
    const answers = new Uint8Array(learnFrom.count * labels.length);
    for (const [k, label] of labels.entries()) {
      rows.set(values, k * values.length);
      answers.set(label.subarray(from, to), k * learnFrom.count);
    }
    const options = { ...FOREST, leafLeast: FOREST.leafLeast * labels.length };
    const forest = trainForest(rows, answers, width, createRng(1, 'forest'), options);
    const asked = writeInputs(test, 'row', 'demand').values;
    for (let s = 0; s < test.count; s++) scores[testFrom + s] = askForest(forest, asked, s * width) - 0.5;
  }
  const { accuracy, auc, majorityRate, unsafeRate } = judge(scores, sets.schedulable, 0);
  return { accuracy, auc, majorityRate, unsafeRate };
}
