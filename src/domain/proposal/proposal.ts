/**
 * A proposal: move this task away from there before something happens, and what that is expected to be worth. Everything is in one unit, *late
 * jobs*: jobs of the task that are expected to be missed or late.
 *
 *   staying   P(failure) · jobs of the silence of a restore  +  P(overload) · share that is then late · jobs of the horizon
 *   moving    jobs of the blackout of a migration  +  the same as staying, at the target
 *   benefit   staying − moving, at the best candidate
 *
 * The deadline is when moving must have begun to be done before the failure is likelier than not to be there.
 */
import type { Mac, TaskName } from '../model/ids.ts';
import type { Threat, ThreatCause } from './threat.ts';

/** What is expected of an ECU within the horizon, by its forecasts and its hazard. */
export interface Outlook {
  readonly mac: Mac;
  readonly incarnation: number;
  readonly failure: number;
  /** P(less is left than its tasks need). */
  readonly overload: number;
  /** Of the load at the horizon: 10 %, 50 %, 90 %. */
  readonly loadQuantiles: readonly [number, number, number];
  /** Time until the failure, should it come: the median. */
  readonly failsInS: number;
  /** What it is made of, the likeliest first. */
  readonly threats: readonly Threat[];
}

export interface MovableTask {
  readonly task: TaskName;
  readonly epoch: number;
  readonly jobsPerS: number;
  /** Of a restore after a failure, as measured; of the blackout of a migration; and how long moving takes until then. */
  readonly restoreSilenceS: number;
  readonly blackoutS: number;
  readonly moveS: number;
  /** Of its jobs, when the ECU is overloaded. */
  readonly lateShare: number;
  /** Those of the same ECU that name the same are to move together; absent: it belongs to no chain. */
  readonly chain?: TaskName | undefined;
}

export interface CandidateValue {
  readonly mac: Mac;
  readonly incarnation: number;
  /** Late jobs. */
  readonly moving: number;
  readonly benefit: number;
}

export interface Proposal {
  readonly id: string;
  readonly task: TaskName;
  readonly epoch: number;
  readonly from: Mac;
  readonly cause: ThreatCause;
  /** The levels that are behind it, the likeliest first. */
  readonly evidence: readonly Threat[];
  readonly probability: number;
  readonly horizonS: number;
  readonly loadQuantiles: readonly [number, number, number];
  /** Late jobs of staying, and what moving to the first candidate saves. */
  readonly staying: number;
  readonly benefit: number;
  /** The best first; only those that are worth it. */
  readonly candidates: readonly CandidateValue[];
  /** The other tasks of its chain that are proposed with it, to go to the same place; absent: it goes by itself. */
  readonly together?: readonly TaskName[] | undefined;
  readonly madeAtUs: number;
  readonly deadlineUs: number;
}

/** What stands in a migration's record of the proposal that caused it. */
export interface ProposalNamed
  extends Pick<Proposal, 'id' | 'cause' | 'probability' | 'horizonS' | 'loadQuantiles' | 'staying' | 'benefit' | 'deadlineUs'> {
  readonly manager: string;
}

/** Late jobs of a task that stays on an ECU with this outlook. */
export function lateJobsOfStaying(
  task: MovableTask,
  { failure, overload }: Pick<Outlook, 'failure' | 'overload'>,
  horizonS: number,
): number {
  return failure * task.restoreSilenceS * task.jobsPerS + overload * task.lateShare * task.jobsPerS * horizonS;
}

/** Candidates by benefit, ties by MAC; also those of no benefit. */
export function valueCandidates(
  task: MovableTask,
  from: Outlook,
  candidates: readonly Outlook[],
  horizonS: number,
): readonly CandidateValue[] {
  const staying = lateJobsOfStaying(task, from, horizonS);
  return candidates
    .filter(({ mac }) => mac !== from.mac)
    .map((to) => {
      const moving = task.blackoutS * task.jobsPerS + lateJobsOfStaying(task, to, horizonS);
      return { mac: to.mac, incarnation: to.incarnation, moving, benefit: staying - moving };
    })
    .sort((a, b) => b.benefit - a.benefit || (a.mac < b.mac ? -1 : 1));
}
