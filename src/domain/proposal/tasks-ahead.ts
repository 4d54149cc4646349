/**
 * What the tasks on an ECU will take of it, by their own series. These go with the tasks: an ECU that a task has just come to knows nothing of
 * its rhythm, the task's series does.
 *
 *   load ahead = what of the load now is not theirs  +  what is planned  +  Σ their medians      (as shares of the ECU's cores)
 *
 * Spreads add as those of independent things: the root of the sum of squares. A task without a series, or with a degraded one, stays in what
 * is not theirs.
 */
import type { Quantiles } from './threat.ts';

/** Of one task, in cores. */
export interface TaskAhead {
  readonly now: number;
  /** At the horizon, 10 %, 50 %, 90 %; what its waiting inputs need until then is in it. */
  readonly quantiles: Quantiles;
  /** That part of it. */
  readonly waiting: number;
}

/** Of all of them together. */
export type TasksAhead = Pick<TaskAhead, 'now' | 'quantiles'>;

/** As shares of the ECU's cores; undefined: none of them has anything to say. */
export function sumAhead(tasks: readonly TasksAhead[], cores: number): TasksAhead | undefined {
  if (tasks.length === 0) return undefined;
  const sum = tasks.reduce((all, { now, quantiles }) => ({ now: all.now + now, quantiles: joined(all.quantiles, quantiles) }), {
    now: 0,
    quantiles: [0, 0, 0] as Quantiles,
  });
  const [low, median, high] = sum.quantiles;
  return { now: sum.now / cores, quantiles: [low / cores, median / cores, high / cores] };
}

/** Of an ECU with this load now. Not bounded by its cores: what is asked of it may be more than there is. */
export function loadByTasks(load: number, { now, quantiles }: TasksAhead, planned: number): Quantiles {
  const rest = Math.max(0, load - now) + planned;
  return joined(quantiles, [rest, rest, rest]);
}

/** Two things that are independent of each other, added. */
export function joined([lowA, a, highA]: Quantiles, [lowB, b, highB]: Quantiles): Quantiles {
  const median = a + b;
  return [Math.max(0, median - Math.hypot(a - lowA, b - lowB)), median, median + Math.hypot(highA - a, highB - b)];
}
