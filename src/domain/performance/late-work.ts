/**
 * What a predicted performance means for a task's deadlines, in the unit of migration costs: jobs that are late or never done, within a horizon.
 *
 *   lost   jobs a second that come and that the resource does not get done
 *   late   P(response > deadline) of the others: responses are log-normal around the predicted one
 *
 * Places are compared by what is predicted for them, with one spread for all, the one that the task's responses have where it runs. The model's
 * error about a place is in the place's band and is shown; it counts neither for the place nor against it, or no task would ever go where it
 * has not been. Where the task was never measured anywhere nothing is said.
 */
import { normalCdf } from '../statistics/normal.ts';
import { BAND_Z, type Band, type Performance } from './predict-performance.ts';

export interface Demand {
  /** 0: none, and only lost jobs count. */
  readonly deadlineUs: number;
  readonly jobsPerS: number;
  readonly horizonS: number;
  /** Of the logarithm of its responses. */
  readonly deviation: number;
}

/** One place, as it stands in a migration's estimate. */
export interface PredictedPerformance extends Performance {
  /** By others, at the horizon, 0 … 1. */
  readonly load: number;
  readonly lateJobs: number;
}

/** Standard deviation of the logarithm. */
export const deviationOf = ({ expected, high }: Band): number => Math.max(0, Math.log(high / expected) / BAND_Z);

/** Undefined: the task was never measured. */
export function lateWork(performance: Performance, demand: Demand): number | undefined {
  const { basis, latencyUs, jobsPerS } = performance;
  if (basis === 'nothing' || basis === 'resource') return undefined;
  const lost = Math.max(0, demand.jobsPerS - jobsPerS.expected);
  const late = demand.deadlineUs > 0 ? chanceAbove(latencyUs.expected, demand.deviation, demand.deadlineUs) : 0;
  return demand.horizonS * (lost + (demand.jobsPerS - lost) * late);
}

function chanceAbove(expected: number, deviation: number, limitUs: number): number {
  if (!(deviation > 0)) return expected > limitUs ? 1 : 0;
  return 1 - normalCdf(Math.log(limitUs / expected) / deviation);
}
