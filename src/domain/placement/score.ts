/**
 * Which of the feasible ECUs is the best place. Terms, each 0 … 1 and more is better; the total is their weighted sum,
 * added in the order below. Equal totals are decided by the smaller MAC, so the order is total.
 *
 * | term      | weight | 1 means                                      | why                                                        |
 * |-----------|--------|----------------------------------------------|------------------------------------------------------------|
 * | headroom  | 0.30   | CPU and memory empty (the scarcer counts)    | room for the next failure, and for tasks that grow         |
 * | slack     | 0.25   | the tightest hard task answers at once       | a late estimate of a WCET does not break a deadline        |
 * | data      | 0.20   | the checkpoint's pages are there             | the restore moves nothing over the network                 |
 * | preferred | 0.15   | a preferred ECU, or all other preferences    | what the task's owner asked for: labels, the resource kind |
 * | spread    | 0.10   | no other task of this plan goes there        | restores run side by side, and one more failure hits fewer |
 * | near      | 0.15   | all tasks run there that it is to be near    | what they exchange stays on the ECU (data gravity)         |
 * | advice    | 0.20   | whoever advises expects the best of it       | a learned model ranks; what it ranks first is still tested |
 *
 * `near` is only there where the task names some, advice when the request has an adviser (`assign.ts`). The weights are a choice, not a measurement; issue 5/9 adds forecasts to headroom.
 */

import type { Affinity } from '../model/task.ts';
import type { AdmissionEvidence, Score } from './evidence.ts';
import type { AffinityTarget } from './feasible.ts';

export interface ScoreWeights {
  readonly headroom: number;
  readonly slack: number;
  readonly data: number;
  readonly preferred: number;
  readonly spread: number;
  readonly near: number;
  readonly advice: number;
}

export const SCORE_WEIGHTS: ScoreWeights = {
  headroom: 0.3,
  slack: 0.25,
  data: 0.2,
  preferred: 0.15,
  spread: 0.1,
  near: 0.15,
  advice: 0.2,
};

/** The scarcer of the CPU and memory shares left once the newcomer is there. */
export function headroomOf(cpuShare: number, memoryShare: number): number {
  const scarcer = Math.min(cpuShare, memoryShare);
  return scarcer > 0 ? Math.min(scarcer, 1) : 0;
}

/** Share of the tightest hard deadline that is left; 1 where no deadline is hard. */
export function slackOf(admission: AdmissionEvidence): number {
  const tightest = admission.tightest;
  return tightest === undefined ? 1 : (tightest.deadlineUs - tightest.responseUs) / tightest.deadlineUs;
}

/** 1 on a preferred ECU, else the share of preferences that are met: each label, and the kind; else 0. */
export function preferredOf(
  target: AffinityTarget,
  { preferredEcus, preferredKind }: Pick<Affinity, 'preferredEcus' | 'preferredKind'>,
  labels: readonly (readonly [string, string])[],
): number {
  if (preferredEcus.includes(target.mac)) return 1;
  const wishes = labels.length + (preferredKind === undefined ? 0 : 1);
  if (wishes === 0) return 0;
  let matching = preferredKind !== undefined && target.description.resourceKind === preferredKind ? 1 : 0;
  for (const [label, wanted] of labels) if (target.description.labels[label] === wanted) matching++;
  return matching / wishes;
}

/** 1 for a target no task of this plan goes to yet, then ½, ⅓, … */
export const spreadOf = (placedThere: number): number => 1 / (1 + placedThere);

export function scoreOf(terms: Omit<Score, 'total'>, weights: ScoreWeights): Score {
  const total =
    weights.headroom * terms.headroom +
    weights.slack * terms.slack +
    weights.data * terms.data +
    weights.preferred * terms.preferred +
    weights.spread * terms.spread +
    weights.near * (terms.near ?? 0) +
    weights.advice * (terms.advice ?? 0);
  return { total, ...terms };
}
