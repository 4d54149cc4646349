import type { Mac, TaskName } from '../domain/model/ids.ts';
import type { PredictedPerformance } from '../domain/performance/late-work.ts';
import type { TaskAhead } from '../domain/proposal/tasks-ahead.ts';

/**
 * What whoever predicts says of a move: the late jobs that staying would bring within its horizon and going there would not.
 * Where nobody predicts, a move gains nothing that is known, and its cost is all that it costs.
 */
export interface PredictedGain {
  /** Undefined: nothing is known of it. */
  gainOf(move: { readonly task: TaskName; readonly from: Mac; readonly to: Mac }): Promise<PredictedLateJobs | undefined>;
}

export interface PredictedLateJobs {
  /** All of it: failures that are foreseen, and how the task would do. */
  readonly lateJobs: number;
  /** Who says so, for `explain`. */
  readonly by: string;
  /** What its own series foretell of its load, in cores; absent: nothing, or it is not to be asked. */
  readonly ahead?: (TaskAhead & { readonly horizonS: number }) | undefined;
  /** Of the load there once it is there, as a share of the cores, within that horizon: the upper decile; absent with `ahead`. */
  readonly loadAfter?: number | undefined;
  /** Why nothing goes there of its own accord: it is foreseen to fail itself, or nobody says; absent: nothing speaks against it. */
  readonly shunned?: string;
  /** How it would do where it is and there; absent: it was not measured yet. Its late jobs are part of `lateJobs`. */
  readonly performance?: { readonly here: PredictedPerformance; readonly there: PredictedPerformance } | undefined;
}
