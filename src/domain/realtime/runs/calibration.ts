/**
 * What work costs on one bridge: microseconds a unit of argument, by kind, from jobs that ran there alone. It is the least execution ÷
 * argument: what the work takes when nothing else of the machine gets in between. (On a machine that others use the lower quartile was three
 * times that.) How much came in between is kept beside it, and again with every run (`slowdownOf`).
 */
import { nearestRank } from '../../statistics/quantiles.ts';
import { type GrownTask, WORK_KINDS, type WorkKind } from '../draw/grow.ts';

export interface Sample {
  readonly argument: number;
  readonly executionUs: number;
}

export interface WorkCost {
  /** Of a unit; what task sets are drawn and compared with. */
  readonly costUs: number;
  readonly medianUs: number;
  readonly p95Us: number;
  readonly samples: number;
}

export type Calibration = Readonly<Record<WorkKind, WorkCost>>;

export function workCost(samples: readonly Sample[]): WorkCost {
  const units = Float64Array.from(samples, ({ argument, executionUs }) => executionUs / argument).sort();
  const tenths = (us: number): number => Math.max(0.1, Math.round(10 * us) / 10);
  const at = (percent: number): number => tenths(nearestRank(units, percent));
  return { costUs: tenths(units[0] ?? 0), medianUs: at(50), p95Us: at(95), samples: units.length };
}

export const costsOf = (calibration: Calibration): Readonly<Record<WorkKind, number>> =>
  Object.fromEntries(WORK_KINDS.map((work) => [work, calibration[work].costUs])) as Record<WorkKind, number>;

/** How much longer the jobs of a run took than the same work alone: 1 where nothing came in between. */
export function slowdownOf(
  tasks: readonly Pick<GrownTask, 'wcetUs'>[],
  jobs: readonly { readonly task: number; readonly executionUs: number; readonly stopUs: number }[],
): number {
  let [took, calibrated] = [0, 0];
  for (const { task, executionUs, stopUs } of jobs) {
    if (stopUs === 0) continue;
    took += executionUs;
    calibrated += (tasks[task] as Pick<GrownTask, 'wcetUs'>).wcetUs;
  }
  return calibrated === 0 ? 1 : took / calibrated;
}
