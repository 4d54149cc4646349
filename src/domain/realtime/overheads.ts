/**
 * What keeping a task alive costs it: checkpoints, faults, moves and switches, as more execution time and as interruptions.
 *
 *   checkpoints after every X µs of execution, cost O each   n = ⌈C / X⌉      C' = C + n·O
 *   switching                                                 C' = C' + 2·S: a job preempts at most once, there and back
 *   a fault, at most one in T_F                               F = min(C, X) + O + rollback: the work since the last checkpoint again;
 *                                                             C' + rollback where there are none
 *   R = C'ᵢ + Bᵢ + Σ_hp ⌈R / Tⱼ⌉ C'ⱼ + ⌈R / T_F⌉ · max_{j ∈ hep(i)} Fⱼ
 *   a move, at most one in T_M                                ⌈R / T_M⌉ · blackout: the time in which the task runs nowhere and is then
 *                                                             brought in, charged as demand that comes before everything
 *
 * Source: Punnekkat, Burns, Davis, Real-Time Systems 20, 2001. Switching as 2·S: Katcher, Arakawa, Strosnider, IEEE TSE 19(9),
 *         1993. The blackout as demand is suspension-oblivious: safe, and not tight.
 * Units:  integer µs. X counts the task's own execution, not time.
 * Shape:  `tasks` of the result are in the order given; `reworkUs` belongs to the same index.
 * Errors: none; what does not fit is for the analysis to say.
 */
import type { RealtimeTask } from './realtime-task.ts';

/** Demand that comes before everything else: at most `costUs` in every `everyUs`. */
export interface Interruption {
  readonly costUs: number;
  readonly everyUs: number;
}

export interface CheckpointPlan {
  /** Execution time between two checkpoints. */
  readonly intervalUs: number;
  readonly costUs: number;
}

export interface Overheads {
  readonly contextSwitchUs?: number;
  /** For every task. */
  readonly checkpoint?: CheckpointPlan;
  readonly faults?: { readonly everyUs: number; readonly rollbackUs: number };
  readonly migration?: { readonly everyUs: number; readonly blackoutUs: number };
}

export interface LoadedSet {
  readonly tasks: readonly RealtimeTask[];
  /** What one fault costs each task; all 0 where no faults are expected. */
  readonly reworkUs: readonly number[];
  readonly faultEveryUs: number | undefined;
  readonly migration: Interruption | undefined;
}

export function withOverheads(tasks: readonly RealtimeTask[], overheads: Overheads): LoadedSet {
  const intervalUs = overheads.checkpoint?.intervalUs ?? 1;
  return withIntervals(tasks, overheads, { savedUs: intervalUs, repeatedUs: intervalUs });
}

/**
 * The same with the two effects of the interval X apart: checkpoints are as many as every `savedUs` makes, a fault repeats
 * `repeatedUs`. Cheaper in both than every X between them, so that a search may pass over a whole range of X.
 */
export function withIntervals(
  tasks: readonly RealtimeTask[],
  { contextSwitchUs = 0, checkpoint, faults, migration }: Overheads,
  { savedUs, repeatedUs }: { readonly savedUs: number; readonly repeatedUs: number },
): LoadedSet {
  const loaded: RealtimeTask[] = [];
  const reworkUs: number[] = [];
  for (const task of tasks) {
    const savingUs = checkpoint === undefined ? 0 : Math.ceil(task.wcetUs / savedUs) * checkpoint.costUs;
    const wcetUs = task.wcetUs + savingUs + 2 * contextSwitchUs;
    loaded.push(wcetUs === task.wcetUs ? task : { ...task, wcetUs });
    const againUs = checkpoint === undefined ? wcetUs : Math.min(task.wcetUs, repeatedUs) + checkpoint.costUs;
    reworkUs.push(faults === undefined ? 0 : againUs + faults.rollbackUs);
  }
  return {
    tasks: loaded,
    reworkUs,
    faultEveryUs: faults?.everyUs,
    migration: migration === undefined ? undefined : { costUs: migration.blackoutUs, everyUs: migration.everyUs },
  };
}

/**
 * What comes before everything on the core of `members`, for a task of this urgency: faults of less urgent tasks do not delay it.
 * Under EDF any task's fault may, and `leastPriority` is −∞.
 */
export function interruptionsFor(set: LoadedSet, members: readonly number[], leastPriority: number): Interruption[] {
  const interruptions: Interruption[] = set.migration === undefined ? [] : [set.migration];
  if (set.faultEveryUs === undefined) return interruptions;
  let costUs = 0;
  for (const member of members) {
    if ((set.tasks[member] as RealtimeTask).priority >= leastPriority)
      costUs = Math.max(costUs, set.reworkUs[member] as number);
  }
  interruptions.push({ costUs, everyUs: set.faultEveryUs });
  return interruptions;
}
