/**
 * What became of the jobs of many task sets, as columns: when each was released, when it was done and how long it had executed. Run on a
 * bridge (`runs/verdict.ts`), simulated, or drawn by a twin of those (`trace-twin.ts`).
 *
 *   starts: 0         12      20      set s has the jobs starts[s] … starts[s + 1] − 1, by release
 *   task:   0 1 0 2 1 …               the place of its task in its set
 */
import type { RunJob } from '../realtime/runs/verdict.ts';
import type { LabelledSets, TaskSets } from './task-sets.ts';

export interface JobTraces {
  /** One more than there are sets. */
  readonly starts: Uint32Array;
  readonly task: Uint8Array;
  readonly releaseUs: Float64Array;
  /** 0: it was not done when it was last looked at. */
  readonly stopUs: Float64Array;
  readonly executionUs: Float64Array;
}

export interface TracedSets {
  readonly sets: LabelledSets;
  readonly jobs: JobTraces;
}

/** The sets `from` (inclusive) to `to` (exclusive) of traces, sharing the memory of the whole. */
export function sliceTraces(jobs: JobTraces, from: number, to: number): JobTraces {
  const [first, last] = [jobs.starts[from] as number, jobs.starts[to] as number];
  return {
    starts: jobs.starts.slice(from, to + 1).map((start) => start - first),
    task: jobs.task.subarray(first, last),
    releaseUs: jobs.releaseUs.subarray(first, last),
    stopUs: jobs.stopUs.subarray(first, last),
    executionUs: jobs.executionUs.subarray(first, last),
  };
}

/** By task of set `s`: its jobs, as indexes into the columns, in order of release. */
export function jobsByTask({ starts }: TaskSets, { starts: jobStarts, task }: JobTraces, s: number): number[][] {
  const own = Array.from({ length: (starts[s + 1] as number) - (starts[s] as number) }, (): number[] => []);
  for (let j = jobStarts[s] as number; j < (jobStarts[s + 1] as number); j++) own[task[j] as number]?.push(j);
  return own;
}

/** The longest response of each task; 0 where a job of it was late. */
export function responsesOf(tasks: number, jobs: readonly RunJob[]): number[] {
  const longest = new Array<number>(tasks).fill(0);
  const isLate = new Array<boolean>(tasks).fill(false);
  for (const { task, releaseUs, stopUs, onTime } of jobs) {
    longest[task] = Math.max(longest[task] as number, stopUs - releaseUs);
    if (!onTime) isLate[task] = true;
  }
  return longest.map((responseUs, task) => (isLate[task] === true ? 0 : responseUs));
}
