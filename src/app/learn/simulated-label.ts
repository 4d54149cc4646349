/**
 * The label of a task set by simulating it: releases from random offsets, every job between half of its WCET and all of it, for a number of
 * the longest periods or until one is late. What is seen is not the worst that can be, so a yes is weaker than the analysis's; but any
 * policy can be asked, also those for which no exact analysis is known.
 */
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Rng } from '../../domain/kernel/rng.ts';
import type { RealtimeTask } from '../../domain/realtime/realtime-task.ts';
import { PLATFORM_DEFAULTS } from '../../domain/realtime/simulation/platform.ts';
import { simulate } from '../../domain/realtime/simulation/simulate.ts';
import { type Policy, policyNamed } from '../realtime/policies.ts';

export interface SimulatedLabel {
  readonly policy: Policy;
  readonly cores: number;
  /** How many of a set's longest periods are simulated. */
  readonly periods: number;
}

/** The longest response seen of each task; 0 where a job missed its deadline, or where none was done before that. */
export function simulatedResponses(
  tasks: readonly RealtimeTask[],
  { policy, cores, periods }: SimulatedLabel,
  rng: Rng,
): number[] {
  const longestUs = tasks.reduce((most, { periodUs }) => Math.max(most, periodUs), 0);
  const answer = simulate({
    tasks: tasks.map((task) => ({
      ...task,
      offsetUs: rng.below(task.periodUs),
      execution: { kind: 'uniform', minUs: Math.ceil(task.wcetUs / 2), maxUs: task.wcetUs },
    })),
    platform: { ...PLATFORM_DEFAULTS, ...policyNamed(policy), cores },
    durationUs: periods * longestUs,
    rng: rng.stream('execution'),
    stopAtMiss: true,
  });
  if (!answer.ok)
    throw new DroverError('ERR_USAGE', `such sets cannot be simulated by ${policy} on ${cores} cores (${answer.error.kind})`);
  return answer.value.tasks.map(({ missedCompleted, missedPending, maxResponseUs = 0 }) =>
    missedCompleted + missedPending > 0 ? 0 : maxResponseUs,
  );
}
