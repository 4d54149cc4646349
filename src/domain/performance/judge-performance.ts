/**
 * How well are measurements foretold, each before it is learned: apart by what the model had to go by, beside what costs nothing: the mean of
 * the task so far wherever it ran, or of all tasks where it never ran.
 */
import { BASES, type Basis } from './additive-model.ts';
import { type JobCounters, PerformanceModel, type ResourceView, type TaskView } from './predict-performance.ts';

export interface MeasuredJob {
  readonly resource: Omit<ResourceView, 'loadAt'>;
  readonly task: TaskView;
  readonly counters: JobCounters;
}

export interface PerformanceJudgement {
  readonly basis: Basis;
  readonly n: number;
  /** Median of |said ÷ measured − 1|, of the model and of the mean so far. */
  readonly medianError: number;
  readonly medianErrorOfMean: number;
  readonly latencyMedianError: number;
  /** Share of measurements inside the 80 % band, and what the model itself says it is wrong by (the last it said). */
  readonly coverage80: number;
  readonly saysError: number;
}

interface Tally {
  readonly errors: number[];
  readonly ofMean: number[];
  readonly latency: number[];
  inside: number;
  saysError: number;
}

export function judgePerformance(jobs: Iterable<MeasuredJob>): PerformanceJudgement[] {
  const model = new PerformanceModel();
  const tallies = new Map<Basis, Tally>();
  const sums = new Map<string, { sum: number; count: number }>();
  const all = { sum: 0, count: 0 };
  for (const { resource, task, counters } of jobs) {
    const { executionUs, responseUs, load, contention } = counters;
    if (!(executionUs > 0)) continue;
    const view: ResourceView = { ...resource, loadAt: () => ({ load, contention }) };
    if (all.count > 0) {
      const said = model.predictPerformance(view, task, 0);
      const { sum, count } = sums.get(task.id) ?? all;
      const tally = tallies.get(said.basis) ?? { errors: [], ofMean: [], latency: [], inside: 0, saysError: 0 };
      tallies.set(said.basis, tally);
      tally.errors.push(Math.abs(said.executionUs.expected / executionUs - 1));
      tally.ofMean.push(Math.abs(Math.exp(sum / count) / executionUs - 1));
      if (responseUs >= executionUs) tally.latency.push(Math.abs(said.latencyUs.expected / responseUs - 1));
      if (executionUs >= said.executionUs.low && executionUs <= said.executionUs.high) tally.inside++;
      tally.saysError = said.error;
    }
    const own = sums.get(task.id) ?? { sum: 0, count: 0 };
    for (const mean of [own, all]) {
      mean.sum += Math.log(executionUs);
      mean.count++;
    }
    sums.set(task.id, own);
    model.observe(view, task, counters);
  }
  return BASES.flatMap((basis) => {
    const tally = tallies.get(basis);
    if (tally === undefined) return [];
    return [
      {
        basis,
        n: tally.errors.length,
        medianError: medianOf(tally.errors),
        medianErrorOfMean: medianOf(tally.ofMean),
        latencyMedianError: medianOf(tally.latency),
        coverage80: tally.inside / tally.errors.length,
        saysError: tally.saysError,
      },
    ];
  });
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
