/** A task set's whole analysis for a person: responses, slack, what still fits, and what other policies would say. */
import { analyse } from '../../domain/realtime/analyse.ts';
import { sentenceOfRefusal } from '../../domain/realtime/refusal.ts';
import { largestWcetUs, smallestCheckpointIntervalUs } from '../../domain/realtime/sensitivity.ts';
import {
  isRateMonotonic,
  utilisationOf,
  withinHyperbolic,
  withinLiuLayland,
} from '../../domain/realtime/utilisation-bounds.ts';
import { ONE_CORE, POLICIES, type Policy, type PolicyOptions, platformOf } from './policies.ts';
import type { NamedTask } from './set-file.ts';

export interface TaskReport {
  readonly name: string;
  readonly wcetUs: number;
  readonly periodUs: number;
  readonly deadlineUs: number;
  readonly core: number | null;
  /** From the arrival, as the deadline; null: not known, or above the deadline. */
  readonly responseUs: number | null;
  readonly fromReleaseUs: number | null;
  readonly slackUs: number | null;
  /** With which the set still passes, everything else as it is; null: none does. */
  readonly largestWcetUs: number | null;
}

export interface SetReport {
  readonly policy: Policy;
  readonly cores: number;
  readonly schedulable: boolean | null;
  readonly test: string;
  readonly reason: string | null;
  readonly utilisation: number;
  /** Bounds for rate-monotonic priorities; null where they say nothing about this set. */
  readonly bounds: { readonly liuLayland: boolean | null; readonly hyperbolic: boolean | null };
  readonly tasks: readonly TaskReport[];
  readonly smallestCheckpointIntervalUs?: number | null;
  readonly others: readonly { readonly policy: Policy; readonly schedulable: boolean | null; readonly reason: string | null }[];
}

/** Beyond this, what still fits is not searched for: fifty verdicts for every task. */
const SENSITIVE_TASKS_MAX = 100;

export function reportOn(tasks: readonly NamedTask[], policy: Policy, options: PolicyOptions): SetReport {
  const platform = platformOf(policy, options);
  const { schedulable, test, tasks: verdicts, refusal } = analyse(tasks, platform);
  const nameOf = (index: number): string => tasks[index]?.name ?? `T${index + 1}`;
  const speaks = platform.cores === 1 && platform.scheduler === 'fp' && platform.preemptive && isRateMonotonic(tasks);
  const bounds =
    speaks && options.overheads === undefined
      ? { liuLayland: withinLiuLayland(tasks), hyperbolic: withinHyperbolic(tasks) }
      : { liuLayland: null, hyperbolic: null };
  return {
    policy,
    cores: platform.cores,
    schedulable: schedulable ?? null,
    test,
    reason: refusal === undefined ? null : sentenceOfRefusal(refusal, nameOf),
    utilisation: utilisationOf(tasks),
    bounds,
    tasks: tasks.map(({ name, wcetUs, periodUs, deadlineUs }, index) => {
      const responseUs = verdicts[index]?.responseUs;
      return {
        name,
        wcetUs,
        periodUs,
        deadlineUs,
        core: verdicts[index]?.core ?? null,
        responseUs: responseUs ?? null,
        fromReleaseUs: verdicts[index]?.fromReleaseUs ?? null,
        slackUs: responseUs === undefined ? null : deadlineUs - responseUs,
        largestWcetUs: tasks.length > SENSITIVE_TASKS_MAX ? null : (largestWcetUs(tasks, index, platform) ?? null),
      };
    }),
    ...(options.overheads?.checkpoint === undefined
      ? {}
      : { smallestCheckpointIntervalUs: smallestCheckpointIntervalUs(tasks, platform) ?? null }),
    others: othersThan(policy, platform.cores).map((other) => {
      const result = analyse(tasks, platformOf(other, { ...options, cores: platform.cores }), { responses: false });
      const reason = result.refusal === undefined ? null : sentenceOfRefusal(result.refusal, nameOf);
      return { policy: other, schedulable: result.schedulable ?? null, reason };
    }),
  };
}

/** On one core the global and the packed policies are those of one core again. */
const othersThan = (policy: Policy, cores: number): readonly Policy[] =>
  POLICIES.filter((other) => other !== policy && ONE_CORE.includes(other) === (cores === 1));
