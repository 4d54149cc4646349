/**
 * How a task would do on a resource that it may never have run on: what a decision to move it compares.
 *
 *   execution time   the additive model of `additive-model.ts`, work's size and nominal speed known beforehand
 *   latency          execution time × stretch; the stretch (response ÷ execution) is another such model around 1/(1 − load), which is what
 *                    sharing a processor costs before anything is measured, at the load that is forecast for the horizon
 *   throughput       what the task asks for, or what is left of the resource, whichever is less
 *
 * All three with a band: four times in five the value should be inside, and `error` says how wrong the model was where it had as little
 * to go by.
 */
import { AdditiveModel, type Basis, type Estimate } from './additive-model.ts';

export interface ResourceView {
  readonly id: string;
  /** cpu, gpu, fpga, asic, … */
  readonly kind: string;
  /** Against others of its kind, from its description; 1 where it says nothing. */
  readonly nominalSpeed: number;
  /** Load by others at a time ahead, 0 … 1, as it is forecast, and how competing that load is for caches and memory. */
  readonly loadAt: (horizonS: number) => { readonly load: number; readonly contention: number };
}

export interface TaskView {
  readonly id: string;
  /** Of its code: tasks of one module are alike. */
  readonly family: string;
  /** Of one job, in whatever unit the task counts its work; 1 where all jobs are alike. */
  readonly size: number;
  /** Jobs a second that come; undefined where it takes as many as it can get. */
  readonly jobsPerS: number | undefined;
}

/** One job that ran, by its counters. */
export interface JobCounters {
  readonly executionUs: number;
  readonly responseUs: number;
  /** Of others, while it ran. */
  readonly load: number;
  readonly contention: number;
}

export interface Band {
  readonly expected: number;
  readonly low: number;
  readonly high: number;
}

export interface Performance {
  readonly executionUs: Band;
  readonly latencyUs: Band;
  readonly jobsPerS: Band;
  /** What the execution time rests on, and how wrong such predictions were: 0.1 is a tenth. */
  readonly basis: Basis;
  readonly samples: number;
  readonly error: number;
}

/** z of 10 % and 90 %. */
export const BAND_Z = 1.2815515655446004;
const LOAD_MOST = 0.98;

export class PerformanceModel {
  readonly #execution = new AdditiveModel();
  readonly #stretch = new AdditiveModel();

  /** `compares`: whether what the model would have said counts as one of its errors, where the pair is new (`AdditiveModel.observe`). */
  observe(resource: ResourceView, task: TaskView, job: JobCounters, compares = true): void {
    const { executionUs, responseUs } = job;
    if (!(executionUs > 0)) return;
    const pair = { task: task.id, family: task.family, resource: resource.id, kind: resource.kind, contention: job.contention };
    this.#execution.observe({ ...pair, offset: workOf(resource, task) }, Math.log(executionUs), compares);
    if (!(responseUs >= executionUs)) return;
    const stretch = { ...pair, contention: 0, offset: sharingOf(job.load) };
    this.#stretch.observe(stretch, Math.log(responseUs / executionUs), compares);
  }

  forget(gone: { readonly task?: string; readonly resource?: string }): void {
    this.#execution.forget(gone);
    this.#stretch.forget(gone);
  }

  predictPerformance(resource: ResourceView, task: TaskView, horizonS: number): Performance {
    const { load, contention } = resource.loadAt(horizonS);
    const pair = { task: task.id, family: task.family, resource: resource.id, kind: resource.kind, contention };
    const execution = this.#execution.estimate({ ...pair, offset: workOf(resource, task) });
    const stretch = this.#stretch.estimate({ ...pair, contention: 0, offset: sharingOf(load) });
    const executionUs = bandOf(execution, 0);
    // A response is never shorter than the execution.
    const latency = {
      log: execution.log + Math.max(0, stretch.log),
      deviation: Math.hypot(execution.deviation, stretch.deviation),
    };
    const latencyUs = bandOf(latency, executionUs.low);
    const left = 1 - Math.min(LOAD_MOST, Math.max(0, load));
    const jobs = (us: number): number => Math.min(task.jobsPerS ?? Number.POSITIVE_INFINITY, (left * 1e6) / us);
    return {
      executionUs,
      latencyUs,
      jobsPerS: { expected: jobs(executionUs.expected), low: jobs(executionUs.high), high: jobs(executionUs.low) },
      basis: execution.basis,
      samples: execution.samples,
      error: Math.expm1(execution.deviation),
    };
  }
}

function bandOf({ log, deviation }: Pick<Estimate, 'log' | 'deviation'>, least: number): Band {
  const at = (z: number): number => Math.max(least, Math.exp(log + z * deviation));
  return { expected: at(0), low: at(-BAND_Z), high: at(BAND_Z) };
}

const workOf = ({ nominalSpeed }: ResourceView, { size }: TaskView): number =>
  Math.log(size > 0 ? size : 1) - Math.log(nominalSpeed > 0 ? nominalSpeed : 1);

const sharingOf = (load: number): number => -Math.log(1 - Math.min(LOAD_MOST, Math.max(0, Number.isFinite(load) ? load : 0)));
