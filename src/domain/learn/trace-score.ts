/**
 * How well a source of traces foretells the jobs of sets it has not seen: the continuous ranked probability score, least for whoever draws
 * from the true distribution (Gneiting & Raftery, JASA 102, 2007).
 *
 *   CRPS(X, y) = E |X − y| − ½ E |X − X′|        over DRAWS traces of the task; y the job that was seen
 *
 * Measured in x / (1 + x), of response / D and of execution / C, so that a job that is late by ten deadlines counts as late and not as ten
 * jobs. 0 would be knowing each job beforehand.
 */
import type { Rng } from '../kernel/rng.ts';
import { JOBS_MOST, readJob, TASK_CONDITIONS, type TraceScale, type TraceSource } from './trace-twin.ts';
import { jobsByTask, type TracedSets } from './traces.ts';

const DRAWS = 24;

export interface TraceScore {
  readonly response: number;
  readonly execution: number;
}

/** `conditions`: of all tasks of these sets, scaled. */
export function scoreTraces(
  source: TraceSource,
  scale: TraceScale,
  { traced, conditions }: { readonly traced: TracedSets; readonly conditions: Float32Array },
  rng: Rng,
): TraceScore {
  const { sets, jobs } = traced;
  const drawn = Array.from({ length: DRAWS }, () => new Float32Array(2 * JOBS_MOST));
  const [responses, executions] = [new Float64Array(DRAWS), new Float64Array(DRAWS)];
  let [response, execution, count] = [0, 0, 0];
  for (let s = 0; s < sets.count; s++) {
    for (const [k, own] of jobsByTask(sets, jobs, s).entries()) {
      const i = (sets.starts[s] as number) + k;
      const [c, d] = [sets.wcetUs[i] as number, sets.deadlineUs[i] as number];
      const seen = own.slice(0, JOBS_MOST);
      for (const out of drawn) source.draw({ of: conditions, at: i * TASK_CONDITIONS }, seen.length, rng, out);
      for (const [at, j] of seen.entries()) {
        for (const [draw, out] of drawn.entries()) {
          const made = readJob(scale, out, at);
          executions[draw] = squash(made.execution);
          responses[draw] = squash((made.execution * c) / d + made.wait);
        }
        const stop = jobs.stopUs[j] as number;
        response += crps(responses, stop === 0 ? 1 : squash((stop - (jobs.releaseUs[j] as number)) / d));
        execution += crps(executions, squash((jobs.executionUs[j] as number) / c));
        count++;
      }
    }
  }
  return { response: response / Math.max(1, count), execution: execution / Math.max(1, count) };
}

const squash = (x: number): number => x / (1 + x);

/** In the form that sorts once: ½ E |X − X′| from the ranks, without bias for the few draws. */
export function crps(draws: Float64Array, seen: number): number {
  const sorted = draws.slice().sort();
  const n = sorted.length;
  let [distance, spread] = [0, 0];
  for (let k = 0; k < n; k++) {
    distance += Math.abs((sorted[k] as number) - seen);
    spread += (2 * k - n + 1) * (sorted[k] as number);
  }
  return distance / n - spread / (n * (n - 1));
}
