/**
 * Draws a data set from a digital twin: task sets from one of task sets, and what the jobs of given sets would do from one of traces. The
 * file is a data set like any other, whose `drover.label` is `twin`.
 */
import { encodeDataset } from '../../../infra/arrow/dataset-file.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { exactResponses } from '../../domain/learn/exact-label.ts';
import type { TraceTwinModel, TwinModel } from '../../domain/learn/model.ts';
import { createNetwork } from '../../domain/learn/network.ts';
import { columnsOf, type TaskSets } from '../../domain/learn/task-sets.ts';
import { drawTrace } from '../../domain/learn/trace-twin.ts';
import { type JobTraces, jobsByTask, responsesOf } from '../../domain/learn/traces.ts';
import { drawTwin, TWIN_TASKS_MAX } from '../../domain/learn/twin.ts';
import type { RealtimeTask } from '../../domain/realtime/realtime-task.ts';
import { conditionsOf, sourceOf } from './evaluate-traces.ts';

export interface Drawn {
  readonly bytes: Uint8Array;
  readonly sets: number;
  readonly jobs: number;
  readonly schedulable: number;
}

/** Half of them asked to be schedulable; what they are the exact analysis says. Jobs: none. */
export function drawSets(model: TwinModel, { sets, seed }: { readonly sets: number; readonly seed: number }): Drawn {
  const generator = createNetwork(model.architecture, model.parameters, 1);
  const rng = createRng(seed, 'twin');
  const drawn = Array.from({ length: sets }, (_, s) =>
    drawTwin(generator, rng, {
      schedulable: s % 2 === 0,
      tasks: 3 + rng.below(TWIN_TASKS_MAX - 2),
      range: model.range,
    }),
  );
  const columns = columnsOf(drawn);
  const responseUs = new Float64Array(columns.wcetUs.length);
  let schedulable = 0;
  for (let s = 0; s < sets; s++) if (exactResponses(columns, s, responseUs)) schedulable++;
  const rows = drawn.map((tasks, s) => ({
    tasks,
    responsesUs: [...responseUs.subarray(columns.starts[s], columns.starts[s + 1])],
  }));
  const spec = JSON.stringify({ twin: model.trained, seed, sets });
  return { bytes: encodeDataset(rows, { firstSet: 0, spec }), sets, jobs: 0, schedulable };
}

/** `times` traces of each set. A task has as many jobs as its data set saw of it, else `jobs`. */
export function drawTraces(
  model: TraceTwinModel,
  {
    sets,
    seen,
    jobs,
    times,
    seed,
  }: {
    readonly sets: TaskSets;
    readonly seen: JobTraces | undefined;
    readonly jobs: number;
    readonly times: number;
    readonly seed: number;
  },
): Drawn {
  const conditions = conditionsOf(model, sets);
  const source = sourceOf(model);
  const rng = createRng(seed, 'traces');
  let [jobCount, schedulable] = [0, 0];
  const rows = Array.from({ length: times * sets.count }, (_, at) => {
    const s = at % sets.count;
    const own = seen === undefined ? [] : jobsByTask(sets, seen, s);
    const jobsOf = (task: number): number => Math.max(1, own[task]?.length ?? jobs);
    const trace = drawTrace(source, model.traces, { sets, s, conditions, jobsOf }, rng);
    if (trace.some(({ stopUs }) => stopUs >= 2 ** 32))
      throw new DroverError('ERR_USAGE', `set ${s} has periods with which a trace takes over an hour: draw fewer jobs`);
    const tasks = tasksOf(sets, s);
    const responsesUs = responsesOf(tasks.length, trace);
    jobCount += trace.length;
    if (responsesUs.every((us) => us > 0)) schedulable++;
    return { tasks, responsesUs, jobs: trace };
  });
  const spec = JSON.stringify({ twin: model.trained, uses: model.uses, seed, times });
  const bytes = encodeDataset(rows, { firstSet: 0, spec, more: { 'drover.label': 'twin' } });
  return { bytes, sets: rows.length, jobs: jobCount, schedulable };
}

/** In the order of the file, which is what models read. */
function tasksOf({ starts, wcetUs, periodUs, deadlineUs }: TaskSets, s: number): RealtimeTask[] {
  const [from, to] = [starts[s] as number, starts[s + 1] as number];
  return Array.from({ length: to - from }, (_, k) => ({
    wcetUs: wcetUs[from + k] as number,
    periodUs: periodUs[from + k] as number,
    deadlineUs: deadlineUs[from + k] as number,
    priority: to - from - k,
  }));
}
