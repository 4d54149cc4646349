/** A task set's whole analysis for a person: responses, slack, what still fits, and what other policies would say. */
import { analyse } from '../../domain/realtime/analyse.ts';
import type { Overheads } from '../../domain/realtime/overheads.ts';
import type { Platform } from '../../domain/realtime/platform.ts';
import { sentenceOfRefusal } from '../../domain/realtime/refusal.ts';
import { largestWcetUs, smallestCheckpointIntervalUs, workForSearch } from '../../domain/realtime/sensitivity.ts';
import type { SimulatedPlatform } from '../../domain/realtime/simulation/platform.ts';
import {
  isRateMonotonic,
  utilisationOf,
  withinHyperbolic,
  withinLiuLayland,
} from '../../domain/realtime/utilisation-bounds.ts';
import { ONE_CORE, POLICIES, type Policy, policyNamed, policyOf } from './policies.ts';
import type { NamedTask } from './task-set-file.ts';
import { analysisNotes } from './unaccounted.ts';

export interface AnalysedTask {
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

export interface AnalysisReport {
  readonly policy: string;
  readonly cores: number;
  readonly schedulable: boolean | null;
  readonly test: string;
  readonly reason: string | null;
  readonly utilisation: number;
  /** Bounds for rate-monotonic priorities; null where they say nothing about this set. */
  readonly bounds: { readonly liuLayland: boolean | null; readonly hyperbolic: boolean | null };
  readonly tasks: readonly AnalysedTask[];
  readonly smallestCheckpointIntervalUs?: number | null;
  readonly others: readonly { readonly policy: Policy; readonly schedulable: boolean | null; readonly reason: string | null }[];
  /** What of the set could not be taken into account. */
  readonly notes: readonly string[];
}

/** Beyond this, what still fits is not searched for: fifty verdicts for every task. */
const SENSITIVE_TASKS_MAX = 100;
const SEARCH_GIVEN_UP =
  'what still fits took too long to find and was not looked for to the end (-): the load is too near what the cores can do';

export interface AnalysisRequest {
  readonly tasks: readonly NamedTask[];
  readonly platform: SimulatedPlatform;
  readonly overheads: Overheads | undefined;
}

/** `work`: for all that is searched for, of all tasks together. */
export function reportOn(request: AnalysisRequest, work = workForSearch()): AnalysisReport {
  const { overheads } = request;
  const platform: Platform = { ...request.platform, ...(overheads === undefined ? {} : { overheads }) };
  const checkpointUs = request.tasks.map(({ checkpoint }) => checkpoint?.costUs ?? 0);
  const tasks = request.tasks.map((task, index) => ({ ...task, wcetUs: task.wcetUs + (checkpointUs[index] ?? 0) }));
  const { schedulable, test, tasks: verdicts, refusal } = analyse(tasks, platform);
  const nameOf = (index: number): string => tasks[index]?.name ?? `T${index + 1}`;
  const speaks = platform.cores === 1 && platform.scheduler === 'fp' && platform.preemptive && isRateMonotonic(tasks);
  const bounds =
    speaks && overheads === undefined
      ? { liuLayland: withinLiuLayland(tasks), hyperbolic: withinHyperbolic(tasks) }
      : { liuLayland: null, hyperbolic: null };
  // The first tasks' before the last ones'; when it is used up the rest is not looked for, and a note says so.
  const largest = tasks.length > SENSITIVE_TASKS_MAX ? [] : tasks.map((_, index) => largestOwnWcetUs(index));
  const smallest = overheads?.checkpoint === undefined ? undefined : smallestCheckpointIntervalUs(tasks, platform, work);
  return {
    policy: policyOf(platform),
    cores: platform.cores,
    schedulable: schedulable ?? null,
    test,
    reason: refusal === undefined ? null : sentenceOfRefusal(refusal, nameOf),
    utilisation: utilisationOf(tasks),
    bounds,
    tasks: request.tasks.map(({ name, wcetUs, periodUs, deadlineUs }, index) => {
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
        largestWcetUs: largest[index] ?? null,
      };
    }),
    ...(overheads?.checkpoint === undefined ? {} : { smallestCheckpointIntervalUs: smallest ?? null }),
    others: othersThan(platform).map((other) => {
      const result = analyse(tasks, { ...platform, ...policyNamed(other) }, { responses: false });
      const reason = result.refusal === undefined ? null : sentenceOfRefusal(result.refusal, nameOf);
      return { policy: other, schedulable: result.schedulable ?? null, reason };
    }),
    notes: [...analysisNotes(request), ...(work.terms < 0 ? [SEARCH_GIVEN_UP] : [])],
  };

  /** The task's own part of what fits; undefined and nothing left are both none. */
  function largestOwnWcetUs(index: number): number | null {
    const ownUs = (largestWcetUs(tasks, index, platform, work) ?? 0) - (checkpointUs[index] ?? 0);
    return ownUs >= 1 ? ownUs : null;
  }
}

/** On one core the global and the packed policies are those of one core again. */
const othersThan = (platform: Platform): readonly Policy[] =>
  POLICIES.filter((other) => other !== policyOf(platform) && ONE_CORE.includes(other) === (platform.cores === 1));
