/**
 * Trains the digital twin of traces (`domain/learn/trace-twin.ts`) on sets whose jobs are known. The last fifth of the sets is not learned
 * from: on it the generator and the bootstrap are scored, and the model says which of the two its traces are drawn from. A generator that
 * does not beat the bootstrap is kept in the file for whoever wants to look at it, and not used.
 */
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { learnScale } from '../../domain/learn/examples.ts';
import type { TraceTwinModel } from '../../domain/learn/model.ts';
import { createNetwork } from '../../domain/learn/network.ts';
import { sliceSets } from '../../domain/learn/task-sets.ts';
import { scoreTraces } from '../../domain/learn/trace-score.ts';
import {
  bootstrapSource,
  generatorSource,
  headOfPool,
  poolOf,
  scaleConditions,
  TASK_CONDITIONS,
  traceArchitectures,
  traceExamples,
  traceScaleOf,
  writeConditions,
} from '../../domain/learn/trace-twin.ts';
import { sliceTraces, type TracedSets } from '../../domain/learn/traces.ts';
import type { Trainer } from '../../ports/trainer.ts';

/** The energy score weighs ten times the critic: without it 8,669 jobs are too few to beat the bootstrap. */
const [WIDTHS, STEPS_PER_EPOCH, EPOCHS, BATCH, RATE, ENERGY] = [[48, 48], 100, 8, 128, 3e-3, 30];
const SETS_LEAST = 40;
/** Of the pool that goes with the model. */
const POOL_MOST = 4_000;

export interface TrainTracesOptions {
  /** Of the generator and of its critic; their own when absent. */
  readonly widths?: readonly number[] | undefined;
  readonly epochs?: number | undefined;
  readonly seed: number;
  readonly trainer: () => Promise<Trainer>;
  readonly onProgress?: (done: number, total: number, more: string) => void;
  readonly signal?: AbortSignal;
}

export async function trainTraces(traced: TracedSets, options: TrainTracesOptions): Promise<TraceTwinModel> {
  const { sets } = traced;
  if (sets.count < SETS_LEAST)
    throw new DroverError('ERR_USAGE', `${sets.count} sets are too few to learn from: at least ${SETS_LEAST}`);
  const held = Math.floor(sets.count / 5);
  const [learnFrom, heldBack] = [partOf(traced, 0, sets.count - held), partOf(traced, sets.count - held, sets.count)];
  const conditions = writeConditions(learnFrom.sets);
  const rowCounts = new Uint16Array(conditions.length / TASK_CONDITIONS).fill(1);
  const scale = learnScale({ values: conditions, width: TASK_CONDITIONS, rowsPerExample: 1, rowCounts });
  scaleConditions(conditions, scale);
  const traces = traceScaleOf(learnFrom);
  const whole = poolOf(learnFrom, conditions, traces);
  if (whole.starts.length < 2) throw new DroverError('ERR_DATASET_FILE', 'none of these sets holds a job');
  const { widths = WIDTHS, seed } = options;
  const { generator, critic } = traceArchitectures(widths, widths);
  const trainer = await options.trainer();
  const steps = (options.epochs ?? EPOCHS) * STEPS_PER_EPOCH;
  const parameters = await trainer.trainTwin({
    ...traceExamples(whole),
    ...{ generator, critic, steps, batch: BATCH, learningRate: RATE, energy: ENERGY, seed },
    onStep: (step) => options.onProgress?.(step, steps, ''),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const pool = headOfPool(whole, POOL_MOST);
  const judged = { traced: heldBack, conditions: writeConditions(heldBack.sets) };
  scaleConditions(judged.conditions, scale);
  const made = generatorSource(createNetwork(generator, parameters, 1));
  const [byGenerator, byBootstrap] = [made, bootstrapSource(pool)].map(
    (source) => scoreTraces(source, traces, judged, createRng(seed, 'held back')).response,
  ) as [number, number];
  const uses = byGenerator < byBootstrap ? 'generator' : 'bootstrap';
  const trained = { network: 'trace-gan', backend: trainer.backend, seed, sets: learnFrom.sets.count };
  return { purpose: 'trace-twin', trained, uses, architecture: generator, parameters, scale, traces, pool };
}

export const partOf = ({ sets, jobs }: TracedSets, from: number, to: number): TracedSets => ({
  sets: sliceSets(sets, from, to),
  jobs: sliceTraces(jobs, from, to),
});
