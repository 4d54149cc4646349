/**
 * Simulating on request: refusals as errors of a command, and results in the words of
 * the field (`released`, `maxResponseUs`, `missedPending` …), those of other simulators' answers in tests.
 */
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import {
  refusalSentence,
  type SimulatedPlatform,
  type SimulatedTask,
  type SimulationRefusal,
} from '../../domain/realtime/simulation/platform.ts';
import { type Simulation, simulate } from '../../domain/realtime/simulation/simulate.ts';

export interface ScheduleRequest {
  readonly tasks: readonly (SimulatedTask & { readonly name: string })[];
  readonly platform: SimulatedPlatform;
  readonly durationUs: number;
  readonly seed: number;
  readonly trace?: { readonly segmentsMax: number; readonly jobsMax: number };
}

/** Fails with ERR_TASK_SET or ERR_WORK_LIMIT. */
export function schedule(request: ScheduleRequest): Simulation {
  const { seed, ...rest } = request;
  const result = simulate({ ...rest, rng: createRng(seed).stream('schedule') });
  if (result.ok) return result.value;
  throw refused(result.error, request.tasks);
}

const refused = (refusal: SimulationRefusal, tasks: readonly { readonly name: string }[]): DroverError =>
  new DroverError(
    refusal.kind === 'too-much-work' ? 'ERR_WORK_LIMIT' : 'ERR_TASK_SET',
    refusalSentence(refusal, (task) => tasks[task]?.name ?? `T${task + 1}`),
  );

export interface SimulatedTaskReport {
  readonly name: string;
  readonly released: number;
  readonly completed: number;
  /** Of completed jobs, counted from the release; null when there was none. */
  readonly maxResponseUs: number | null;
  readonly minResponseUs: number | null;
  readonly sumResponseUs: number;
  readonly preemptions: number;
  readonly migrations: number;
  readonly missedCompleted: number;
  readonly missedPending: number;
  readonly executedUs: number;
  readonly overheadUs: number;
  /** Partitioned: its core. */
  readonly cpu?: number;
}

export interface ScheduleReport {
  readonly durationUs: number;
  readonly cores: number;
  readonly tasks: readonly SimulatedTaskReport[];
  readonly jobs: number;
  readonly totalPreemptions: number;
  readonly totalMigrations: number;
  readonly missedCompleted: number;
  readonly missedPending: number;
  /** Of the jobs that were done too late the first to be done. */
  readonly firstMiss: {
    readonly task: string;
    readonly job: number;
    readonly deadlineUs: number;
    readonly finishUs: number;
  } | null;
  readonly coreBusyUs: readonly number[];
}

export function reportOf({ tasks, platform, durationUs }: ScheduleRequest, simulation: Simulation): ScheduleReport {
  const nameOf = (task: number): string => tasks[task]?.name ?? `T${task + 1}`;
  const reports = simulation.tasks.map(({ core, ...statistics }, at) => ({
    name: nameOf(at),
    ...statistics,
    maxResponseUs: statistics.maxResponseUs ?? null,
    minResponseUs: statistics.minResponseUs ?? null,
    ...(core === undefined ? {} : { cpu: core }),
  }));
  const sum = (field: (task: SimulatedTaskReport) => number): number => reports.reduce((total, task) => total + field(task), 0);
  const { firstMiss } = simulation;
  return {
    durationUs,
    cores: platform.cores,
    tasks: reports,
    jobs: sum(({ released }) => released),
    totalPreemptions: sum(({ preemptions }) => preemptions),
    totalMigrations: sum(({ migrations }) => migrations),
    missedCompleted: sum(({ missedCompleted }) => missedCompleted),
    missedPending: sum(({ missedPending }) => missedPending),
    firstMiss:
      firstMiss === undefined
        ? null
        : {
            task: nameOf(firstMiss.task),
            job: firstMiss.number,
            deadlineUs: firstMiss.deadlineUs,
            finishUs: firstMiss.finishUs,
          },
    coreBusyUs: simulation.coreBusyUs,
  };
}
