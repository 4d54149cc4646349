/**
 * Task sets as columns of numbers: what the quick analyses run on. One table holds one set or a hundred thousand, each a range
 * of rows; the analyses take the range and allocate nothing.
 *
 * Why columns: an array of objects costs a load and a type check for every field of every term, and the terms are all there is.
 *
 * Units:     integer µs, kept exactly (a double holds integers up to 2^53, times are below TIME_US_MAX).
 * Invariant: within a set the rows are in the order of decreasing urgency. Where two tasks have the same urgency there is no
 *            such order; `addSet` says so and the caller takes the slower analysis, in which equals delay each other.
 */
import { assert } from '../kernel/assert.ts';
import type { RealtimeTask } from './realtime-task.ts';

export interface TaskTable {
  readonly wcetUs: Float64Array;
  readonly periodUs: Float64Array;
  readonly deadlineUs: Float64Array;
  readonly jitterUs: Float64Array;
  readonly blockingUs: Float64Array;
  /** From the latest release to the deadline, D − J: what EDF has for a job. */
  readonly windowUs: Float64Array;
  /** Rows in use. */
  rows: number;
  /** What the quick verdicts on it have computed so far, in terms of their sums: for whoever asks for many (`work-limit.ts`). */
  terms: number;
}

/** A range of rows: one set. */
export interface TableRange {
  readonly first: number;
  readonly count: number;
}

export function createTaskTable(capacity: number): TaskTable {
  return {
    wcetUs: new Float64Array(capacity),
    periodUs: new Float64Array(capacity),
    deadlineUs: new Float64Array(capacity),
    jitterUs: new Float64Array(capacity),
    blockingUs: new Float64Array(capacity),
    windowUs: new Float64Array(capacity),
    rows: 0,
    terms: 0,
  };
}

/** Appends a set as it stands: `tasks` is in the order of decreasing urgency, or order does not matter (EDF). */
export function addSet(table: TaskTable, tasks: readonly RealtimeTask[]): TableRange {
  const first = table.rows;
  assert(first + tasks.length <= table.wcetUs.length, 'a task table is made large enough for its sets');
  for (let i = 0; i < tasks.length; i++) {
    const task = tasks[i] as RealtimeTask;
    table.wcetUs[first + i] = task.wcetUs;
    table.periodUs[first + i] = task.periodUs;
    table.deadlineUs[first + i] = task.deadlineUs;
    table.jitterUs[first + i] = task.jitterUs ?? 0;
    table.blockingUs[first + i] = task.blockingUs ?? 0;
    table.windowUs[first + i] = task.deadlineUs - (task.jitterUs ?? 0);
  }
  table.rows = first + tasks.length;
  return { first, count: tasks.length };
}

export function tableOf(tasks: readonly RealtimeTask[]): TaskTable {
  const table = createTaskTable(tasks.length);
  addSet(table, tasks);
  return table;
}

/** Indices of `tasks`, the most urgent first; the order among equals is that of the list. */
export function urgencyOrder(tasks: readonly RealtimeTask[]): number[] {
  const order = tasks.map((_, index) => index);
  return order.sort((a, b) => (tasks[b] as RealtimeTask).priority - (tasks[a] as RealtimeTask).priority || a - b);
}
