/**
 * What is counted of one running instance: a few additions a job, whether anybody reads them or not. Sums only grow; worst cases are of
 * the interval since they were last taken, once for the samples that fly by and once for those that are kept.
 */
import type { TaskName } from '../model/ids.ts';
import type { TaskSample } from './sample.ts';

export interface JobFigures {
  readonly executionUs: number;
  readonly fuelUsed: number;
  /** From when its input was here until now; undefined: it was released before the instance had caught up. */
  readonly responseUs: number | undefined;
  /** 0: none. */
  readonly deadlineUs: number;
  /** Ticks that fell due before this job's and were not made up, while the instance was running. */
  readonly skipped?: number;
}

export class TaskCounters {
  jobs = 0;
  executionUs = 0;
  responses = 0;
  responseUs = 0;
  misses = 0;
  skipped = 0;
  fuel = 0;
  outputs = 0;
  captures = 0;
  captureUs = 0;
  dirtyPages = 0;
  pages = 0;
  private readonly flying = new WorstCases();
  private readonly kept = new WorstCases();
  private longestUs = 0;

  jobDone({ executionUs, fuelUsed, responseUs, deadlineUs, skipped = 0 }: JobFigures): void {
    this.jobs++;
    this.executionUs += executionUs;
    this.fuel += fuelUsed;
    this.flying.job(executionUs, responseUs ?? 0);
    this.kept.job(executionUs, responseUs ?? 0);
    this.skipped += skipped;
    if (executionUs > this.longestUs) this.longestUs = executionUs;
    if (responseUs === undefined) return;
    this.responses++;
    this.responseUs += responseUs;
    if (deadlineUs > 0 && responseUs > deadlineUs) this.misses++;
  }

  /** The longest execution since this was last asked. */
  takeLongestUs(): number {
    const { longestUs } = this;
    this.longestUs = 0;
    return longestUs;
  }

  captured(capture: { readonly captureUs: number; readonly dirtyPages: number; readonly pages: number }): void {
    this.captures++;
    this.captureUs += capture.captureUs;
    this.dirtyPages = capture.dirtyPages;
    this.pages = capture.pages;
  }

  /** Takes the worst cases of the interval with it: the next sample of its sort begins anew. */
  sample(
    of: { readonly task: TaskName; readonly epoch: number; readonly inputsBehind: number },
    sort: 'flying' | 'kept',
  ): TaskSample {
    const { jobs, executionUs, responses, responseUs, misses, fuel, outputs, captures, captureUs, dirtyPages, pages } = this;
    const worst = this[sort].take();
    return {
      task: of.task,
      epoch: of.epoch,
      jobs,
      executionUs: Math.round(executionUs),
      executionUsMax: Math.round(worst.executionUs),
      responses,
      responseUs: Math.round(responseUs),
      responseUsMax: Math.round(worst.responseUs),
      misses,
      fuel,
      outputs,
      captures,
      captureUs: Math.round(captureUs),
      dirtyPages,
      pages,
      inputsBehind: of.inputsBehind,
    };
  }
}

class WorstCases {
  private executionUs = 0;
  private responseUs = 0;

  job(executionUs: number, responseUs: number): void {
    if (executionUs > this.executionUs) this.executionUs = executionUs;
    if (responseUs > this.responseUs) this.responseUs = responseUs;
  }

  take(): { readonly executionUs: number; readonly responseUs: number } {
    const { executionUs, responseUs } = this;
    this.executionUs = 0;
    this.responseUs = 0;
    return { executionUs, responseUs };
  }
}
