/** Priorities for a set that has none: shorter deadlines are more urgent; among equals, who comes first. Optimal for deadlines up to the period. */
import type { RealtimeTask } from './realtime-task.ts';

export function deadlineMonotonic<T extends Pick<RealtimeTask, 'deadlineUs'>>(
  tasks: readonly T[],
): (T & { readonly priority: number })[] {
  const order = tasks.map((_, index) => index).sort((a, b) => (tasks[a] as T).deadlineUs - (tasks[b] as T).deadlineUs || a - b);
  const priorities = new Map(order.map((index, rank) => [index, tasks.length - rank]));
  return tasks.map((task, index) => ({ ...task, priority: priorities.get(index) as number }));
}
