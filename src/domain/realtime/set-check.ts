/**
 * Is this a task set that can be analysed at all? Run once, at the edge; everything behind it trusts the numbers.
 *
 * A number that is no positive integer, or so large that sums of products of it are not exact, is refused by name and never
 * analysed: a verdict on rounded numbers could be a wrong yes. Numbers that are fine but hopeless (a WCET above its deadline,
 * more load than cores) are the analyses' to refuse, with the response and the deadline.
 */
import type { RealtimeTask } from './realtime-task.ts';

/** 2^50 µs are 35 years: every sum of a busy period is then an exact double, or above every deadline. */
export const TIME_US_MAX = 2 ** 50;
/** The analyses are quadratic and worse; a core with more tasks than this has another problem. */
export const TASKS_MAX = 2_048;

type TimeField = 'wcetUs' | 'periodUs' | 'deadlineUs' | 'jitterUs' | 'blockingUs' | 'priority';

export type SetRefusal =
  | { readonly kind: 'empty-set' }
  | { readonly kind: 'too-many-tasks'; readonly count: number; readonly max: number }
  | { readonly kind: 'not-whole'; readonly index: number; readonly field: TimeField; readonly value: number }
  | { readonly kind: 'not-positive'; readonly index: number; readonly field: TimeField; readonly value: number }
  | { readonly kind: 'too-large'; readonly index: number; readonly field: TimeField; readonly value: number };

const POSITIVE = ['wcetUs', 'periodUs', 'deadlineUs'] as const;
const NOT_NEGATIVE = ['jitterUs', 'blockingUs'] as const;

/** Undefined: the set can be analysed. Else the first reason why not, in the order of the tasks. */
export function refusalOfSet(tasks: readonly RealtimeTask[]): SetRefusal | undefined {
  if (tasks.length === 0) return { kind: 'empty-set' };
  if (tasks.length > TASKS_MAX) return { kind: 'too-many-tasks', count: tasks.length, max: TASKS_MAX };
  for (let index = 0; index < tasks.length; index++) {
    const task = tasks[index] as RealtimeTask;
    if (isFine(task)) continue;
    for (const field of POSITIVE) {
      const kind = fault(task[field], 1);
      if (kind !== undefined) return { kind, index, field, value: task[field] };
    }
    for (const field of NOT_NEGATIVE) {
      const value = task[field] ?? 0;
      const kind = fault(value, 0);
      if (kind !== undefined) return { kind, index, field, value };
    }
    if (!Number.isSafeInteger(task.priority)) return { kind: 'not-whole', index, field: 'priority', value: task.priority };
  }
  return undefined;
}

/** Most tasks are fine: no field is looked up by name. */
function isFine({ wcetUs, periodUs, deadlineUs, jitterUs = 0, blockingUs = 0, priority }: RealtimeTask): boolean {
  return (
    isTime(wcetUs, 1) &&
    isTime(periodUs, 1) &&
    isTime(deadlineUs, 1) &&
    isTime(jitterUs, 0) &&
    isTime(blockingUs, 0) &&
    Number.isSafeInteger(priority)
  );
}

export const isTime = (value: number, least: number): boolean =>
  Number.isInteger(value) && value >= least && value <= TIME_US_MAX;

function fault(value: number, least: number): 'not-whole' | 'not-positive' | 'too-large' | undefined {
  if (typeof value !== 'number' || Number.isNaN(value)) return 'not-whole';
  if (value < least) return 'not-positive';
  if (value > TIME_US_MAX) return 'too-large';
  return Number.isInteger(value) ? undefined : 'not-whole';
}
