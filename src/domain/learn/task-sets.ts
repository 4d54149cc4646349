/**
 * Many task sets as columns of numbers: what learning reads. One core, fixed priorities, no jitter, no blocking; the tasks of a set
 * stand in order of urgency, the most urgent first.
 *
 *   starts: 0    3       7         set s has the tasks starts[s] … starts[s + 1] − 1
 *   wcetUs: C C C C C C C …        periodUs, deadlineUs, responseUs: the same shape
 *
 * `responseUs` is the exact worst-case response time, 0 where the task misses its deadline (no task has a response of 0).
 */
import { assert } from '../kernel/assert.ts';
import type { RealtimeTask } from '../realtime/realtime-task.ts';

export interface TaskSets {
  readonly count: number;
  /** One more than there are sets. */
  readonly starts: Uint32Array;
  readonly wcetUs: Float64Array;
  readonly periodUs: Float64Array;
  readonly deadlineUs: Float64Array;
}

export interface LabelledSets extends TaskSets {
  readonly responseUs: Float64Array;
  /** 1: every task meets its deadline. */
  readonly schedulable: Uint8Array;
}

/** Tasks of equal priority keep their order, the earlier one counting as more urgent; jitter and blocking are not taken. */
export function columnsOf(sets: readonly (readonly RealtimeTask[])[]): TaskSets {
  const starts = new Uint32Array(sets.length + 1);
  for (let s = 0; s < sets.length; s++) starts[s + 1] = (starts[s] as number) + (sets[s] as readonly RealtimeTask[]).length;
  const total = starts[sets.length] as number;
  const [wcetUs, periodUs, deadlineUs] = [new Float64Array(total), new Float64Array(total), new Float64Array(total)];
  for (let s = 0; s < sets.length; s++) {
    const ordered = [...(sets[s] as readonly RealtimeTask[])].sort((a, b) => b.priority - a.priority);
    for (let i = 0; i < ordered.length; i++) {
      const task = ordered[i] as RealtimeTask;
      assert((task.jitterUs ?? 0) === 0 && (task.blockingUs ?? 0) === 0, 'learning knows neither jitter nor blocking');
      const at = (starts[s] as number) + i;
      wcetUs[at] = task.wcetUs;
      periodUs[at] = task.periodUs;
      deadlineUs[at] = task.deadlineUs;
    }
  }
  return { count: sets.length, starts, wcetUs, periodUs, deadlineUs };
}

/** The sets `from` (inclusive) to `to` (exclusive), sharing the memory of the whole. */
export function sliceSets(sets: LabelledSets, from: number, to: number): LabelledSets {
  const first = sets.starts[from] as number;
  const last = sets.starts[to] as number;
  return {
    count: to - from,
    starts: sets.starts.slice(from, to + 1).map((start) => start - first),
    wcetUs: sets.wcetUs.subarray(first, last),
    periodUs: sets.periodUs.subarray(first, last),
    deadlineUs: sets.deadlineUs.subarray(first, last),
    responseUs: sets.responseUs.subarray(first, last),
    schedulable: sets.schedulable.subarray(from, to),
  };
}
