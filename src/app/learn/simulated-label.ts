/**
 * The label of a task set by simulating it: releases from random offsets, every job between half of its WCET and all of it, for a number of
 * the longest periods or until one is late. What is seen is not the worst that can be, so a yes is weaker than the analysis's; but any
 * policy can be asked, also those for which no exact analysis is known.
 */
import { assert } from '../../domain/kernel/assert.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Rng } from '../../domain/kernel/rng.ts';
import { responsesOf } from '../../domain/learn/traces.ts';
import type { RealtimeTask } from '../../domain/realtime/realtime-task.ts';
import type { RunJob } from '../../domain/realtime/runs/verdict.ts';
import { PLATFORM_DEFAULTS } from '../../domain/realtime/simulation/platform.ts';
import { simulate } from '../../domain/realtime/simulation/simulate.ts';
import { type Policy, policyNamed } from '../realtime/policies.ts';

/** A second or a few of simulating; more than that for one set, and a data set of them is never done. */
const LABEL_JOBS_MOST = 10_000_000;

type By = Pick<SimulatedLabel, 'policy' | 'cores'>;

export interface SimulatedLabel {
  readonly policy: Policy;
  readonly cores: number;
  /** How many of a set's longest periods are simulated. */
  readonly periods: number;
  /** Absent: only the longest responses are kept. Else what became of so many jobs of each task is, and the label is of these alone. */
  readonly traces?: number;
}

/** The longest response seen of each task; 0 where a job missed its deadline, or where none was done before that. */
export function simulatedResponses(
  tasks: readonly RealtimeTask[],
  { policy, cores, periods }: SimulatedLabel,
  rng: Rng,
): number[] {
  const longestUs = tasks.reduce((most, { periodUs }) => Math.max(most, periodUs), 0);
  const answer = simulate({
    ...playedBy(tasks, { policy, cores }, rng),
    durationUs: periods * longestUs,
    jobsMax: LABEL_JOBS_MOST,
    stopAtMiss: true,
  });
  if (!answer.ok) throw notSimulated({ policy, cores }, answer.error.kind);
  return answer.value.tasks.map(({ missedCompleted, missedPending, maxResponseUs = 0 }) =>
    missedCompleted + missedPending > 0 ? 0 : maxResponseUs,
  );
}

/** Simulated to see the few that are kept; a trace has room for all of them. */
const TRACED_JOBS_MOST = 500_000;

/** The first `traces` jobs of each task, and the longest response of each; 0 where one of these jobs was late. */
export function simulatedTraces(
  tasks: readonly RealtimeTask[],
  { policy, cores, traces: count }: By & { readonly traces: number },
  rng: Rng,
): { readonly responsesUs: readonly number[]; readonly jobs: readonly RunJob[] } {
  const played = playedBy(tasks, { policy, cores }, rng);
  const durationUs = played.tasks.reduce(
    (most, { offsetUs, periodUs, deadlineUs }) => Math.max(most, offsetUs + (count - 1) * periodUs + deadlineUs),
    0,
  );
  const jobsMax = played.tasks.reduce((sum, { periodUs }) => sum + Math.floor(durationUs / periodUs) + 1, 0);
  if (jobsMax > TRACED_JOBS_MOST) {
    throw new DroverError(
      'ERR_WORK_LIMIT',
      `${count} jobs of the rarest task of a set are ${jobsMax} jobs of all: ask for fewer --traces, or for periods closer together (--period-us)`,
    );
  }
  // A release pre-empts one job at most; round robin may end a slice a millisecond and core.
  const segmentsMax = 2 * jobsMax + cores * Math.ceil(durationUs / played.platform.sliceUs) + 1;
  const answer = simulate({ ...played, durationUs, trace: { jobsMax, segmentsMax } });
  if (!answer.ok) throw notSimulated({ policy, cores }, answer.error.kind);
  const { trace } = answer.value;
  assert(trace !== undefined && trace.droppedSegments === 0 && trace.droppedJobs === 0, 'a trace has room for all of it');
  const executed = new Map<string, number>();
  for (const { task, number, startUs, endUs } of trace.segments()) {
    const job = `${task}/${number}`;
    if (number < count) executed.set(job, (executed.get(job) ?? 0) + endUs - startUs);
  }
  const first = [...trace.jobs()].filter(({ number }) => number < count);
  const originUs = first.reduce((least, { releaseUs }) => Math.min(least, releaseUs), Number.POSITIVE_INFINITY) - 1;
  const jobs = first
    .map(({ task, number, releaseUs, startUs, finishUs, deadlineUs }) => ({
      ...{ task, releaseUs: releaseUs - originUs, startUs: startUs === undefined ? 0 : startUs - originUs },
      stopUs: finishUs === undefined ? 0 : finishUs - originUs,
      executionUs: executed.get(`${task}/${number}`) ?? 0,
      onTime: finishUs !== undefined && finishUs <= deadlineUs,
    }))
    .sort((a, b) => a.releaseUs - b.releaseUs || a.task - b.task);
  return { responsesUs: responsesOf(tasks.length, jobs), jobs };
}

function playedBy(tasks: readonly RealtimeTask[], { policy, cores }: By, rng: Rng) {
  return {
    tasks: tasks.map((task) => ({
      ...task,
      offsetUs: rng.below(task.periodUs),
      execution: { kind: 'uniform', minUs: Math.ceil(task.wcetUs / 2), maxUs: task.wcetUs } as const,
    })),
    platform: { ...PLATFORM_DEFAULTS, ...policyNamed(policy), cores },
    rng: rng.stream('execution'),
  };
}

const notSimulated = ({ policy, cores }: By, why: string): DroverError =>
  why === 'too-much-work'
    ? new DroverError(
        'ERR_WORK_LIMIT',
        `a set would release more than ${LABEL_JOBS_MOST} jobs in the time that is looked at: ask for periods closer together (--period-us)`,
      )
    : new DroverError('ERR_USAGE', `such sets cannot be simulated by ${policy} on ${cores} cores (${why})`);
