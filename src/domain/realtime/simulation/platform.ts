/**
 * What is simulated: tasks with all that a simulation knows of them, and the cores they share. Checked here, once, before
 * anything is run; what is refused is refused by name, and what would take too long is refused before it begins.
 */
import type { Result } from '../../kernel/result.ts';
import { err, ok } from '../../kernel/result.ts';
import { type Platform, SLICE_US } from '../platform.ts';
import type { RealtimeTask } from '../realtime-task.ts';
import { type ExecutionTime, executionProblem } from './execution-time.ts';

export interface SimulatedTask extends RealtimeTask {
  readonly name?: string;
  /** Absent: every job takes the WCET. */
  readonly execution?: ExecutionTime;
  /**
   * Every job that arrives with no checkpoint within the last `intervalUs` takes `costUs` longer, beginning with the first:
   * job number k when ⌈interval / period⌉ divides k.
   */
  readonly checkpoint?: { readonly costUs: number; readonly intervalUs: number };
}

/** Round robin has one queue: first come first served, in slices. */
export interface SimulatedPlatform extends Omit<Platform, 'overheads'> {
  readonly sliceUs: number;
  /** A job that was preempted takes this longer when it resumes on the core it was on; 0: nothing. */
  readonly preemptionUs: number;
  /** The same when it resumes on another core. */
  readonly migrationUs: number;
}

export const PLATFORM_DEFAULTS: SimulatedPlatform = {
  cores: 1,
  scheduler: 'fp',
  preemptive: true,
  placement: 'global',
  sliceUs: SLICE_US,
  preemptionUs: 0,
  migrationUs: 0,
};

/** A task's index fits into the ten bits below a time (see engine.ts), a core's into eight. */
export const TASKS_MAX = 1024;
export const CORES_MAX = 256;
/** 2⁴¹ µs, 25 days: the sum of two such times still leaves ten bits of a double's 53. */
export const TIME_US_MAX = 2 ** 41;
/** 10 s: summed over all preemptions of a simulation it still is a whole number. */
const OVERHEAD_US_MAX = 10_000_000;
/** What a simulation may release, unless told otherwise: about ten seconds of work. */
export const JOBS_MAX = 100_000_000;

export type SimulationRefusal =
  | { readonly kind: 'no-tasks' }
  | { readonly kind: 'too-many-tasks'; readonly tasks: number; readonly most: number }
  /** `task` undefined: a field of the platform or of the run itself. */
  | {
      readonly kind: 'bad-field';
      readonly task: number | undefined;
      readonly field: string;
      readonly value: number;
      readonly least: number;
      readonly most: number;
    }
  | { readonly kind: 'bad-execution'; readonly task: number; readonly problem: string }
  | { readonly kind: 'too-much-work'; readonly steps: number; readonly most: number }
  | { readonly kind: 'does-not-pack'; readonly task: number; readonly cores: number }
  | { readonly kind: 'half-bound'; readonly task: number };

/** One sentence for a person; `nameOf` gives a task's name. */
export function refusalSentence(refusal: SimulationRefusal, nameOf: (task: number) => string): string {
  switch (refusal.kind) {
    case 'no-tasks':
      return 'there is no task in the set';
    case 'too-many-tasks':
      return `there are ${refusal.tasks} tasks; at most ${refusal.most} are simulated together`;
    case 'bad-field': {
      const { task, field, value, least, most } = refusal;
      return `${task === undefined ? '' : `${nameOf(task)}: `}${field} is ${value}; it has to be a whole number between ${least} and ${most}`;
    }
    case 'bad-execution':
      return `${nameOf(refusal.task)}: execution: ${refusal.problem}`;
    case 'too-much-work':
      return `that would be some ${refusal.steps} jobs and slices, more than the limit of ${refusal.most}; simulate for a shorter time`;
    case 'does-not-pack':
      return `${nameOf(refusal.task)} fits on none of the ${refusal.cores} cores by utilisation; bind tasks to cores, or place them globally`;
    case 'half-bound':
      return `${nameOf(refusal.task)} is bound to no core while others are; bind all tasks or none`;
  }
}

export interface Workload {
  readonly tasks: readonly SimulatedTask[];
  readonly platform: SimulatedPlatform;
  readonly durationUs: number;
  readonly jobsMax: number;
}

/** Everything that can be wrong without packing; the value is the number of jobs that will be released at most. */
export function checkWorkload({ tasks, platform, durationUs, jobsMax }: Workload): Result<number, SimulationRefusal> {
  if (tasks.length === 0) return err({ kind: 'no-tasks' });
  if (tasks.length > TASKS_MAX) return err({ kind: 'too-many-tasks', tasks: tasks.length, most: TASKS_MAX });
  const own =
    badField(undefined, 'durationUs', durationUs, 1, TIME_US_MAX) ??
    badField(undefined, 'jobsMax', jobsMax, 1, 2 ** 31 - 1) ??
    badField(undefined, 'cores', platform.cores, 1, CORES_MAX) ??
    badField(undefined, 'sliceUs', platform.sliceUs, 1, TIME_US_MAX) ??
    badField(undefined, 'preemptionUs', platform.preemptionUs, 0, OVERHEAD_US_MAX) ??
    badField(undefined, 'migrationUs', platform.migrationUs, 0, OVERHEAD_US_MAX);
  if (own !== undefined) return err(own);
  const bound = tasks.some(({ core }) => core !== undefined);
  let jobs = 0;
  for (const [at, task] of tasks.entries()) {
    const refusal = taskProblem(task, at, platform.cores);
    if (refusal !== undefined) return err(refusal);
    if (bound && task.core === undefined && platform.placement === 'partitioned') return err({ kind: 'half-bound', task: at });
    jobs += jobsWithin(task, durationUs);
  }
  const slices =
    platform.scheduler === 'rr' && platform.preemptive ? platform.cores * Math.floor(durationUs / platform.sliceUs) : 0;
  if (jobs + slices > jobsMax) return err({ kind: 'too-much-work', steps: jobs + slices, most: jobsMax });
  return ok(jobs);
}

/** How many jobs arrive up to and at the end. */
const jobsWithin = ({ periodUs, offsetUs = 0 }: SimulatedTask, durationUs: number): number =>
  offsetUs > durationUs ? 0 : Math.floor((durationUs - offsetUs) / periodUs) + 1;

function taskProblem(task: SimulatedTask, at: number, cores: number): SimulationRefusal | undefined {
  const { wcetUs, periodUs, deadlineUs, priority, jitterUs = 0, offsetUs = 0, checkpoint, execution, core } = task;
  const refusal =
    badField(at, 'wcetUs', wcetUs, 1, TIME_US_MAX) ??
    badField(at, 'periodUs', periodUs, 1, TIME_US_MAX) ??
    badField(at, 'deadlineUs', deadlineUs, 1, TIME_US_MAX) ??
    badField(at, 'priority', priority, -(2 ** 31), 2 ** 31) ??
    badField(at, 'jitterUs', jitterUs, 0, TIME_US_MAX) ??
    badField(at, 'offsetUs', offsetUs, 0, TIME_US_MAX) ??
    (core === undefined ? undefined : badField(at, 'core', core, 0, cores - 1)) ??
    (checkpoint === undefined
      ? undefined
      : (badField(at, 'checkpoint.costUs', checkpoint.costUs, 0, TIME_US_MAX) ??
        badField(at, 'checkpoint.intervalUs', checkpoint.intervalUs, 1, TIME_US_MAX)));
  if (refusal !== undefined || execution === undefined) return refusal;
  const problem = executionProblem(execution, wcetUs);
  return problem === undefined ? undefined : { kind: 'bad-execution', task: at, problem };
}

function badField(
  task: number | undefined,
  field: string,
  value: number,
  least: number,
  most: number,
): Extract<SimulationRefusal, { kind: 'bad-field' }> | undefined {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return undefined;
  return { kind: 'bad-field', task, field, value, least, most };
}
