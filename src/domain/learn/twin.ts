/**
 * A task set as a row of (0, 1), and back: what the digital twin's generator and critic speak.
 *
 *   a task:     place of its period on a logarithmic scale · √utilisation · (D − C) / (T − C)
 *   condition:  schedulable (0 or 1) · number of tasks, of TWIN_TASKS_MAX
 *
 * Rows have room for TWIN_TASKS_MAX tasks, the most urgent first; unused places are zeros.
 */
import type { Rng } from '../kernel/rng.ts';
import { deadlineMonotonic } from '../realtime/draw/task-sets.ts';
import type { RealtimeTask } from '../realtime/realtime-task.ts';
import { type Architecture, normal } from './architecture.ts';
import type { Network } from './network.ts';
import type { LabelledSets, TaskSets } from './task-sets.ts';

export const TWIN_TASKS_MAX = 20;
export const TWIN_WIDTH = 3 * TWIN_TASKS_MAX;
export const TWIN_NOISE = 24;
export const TWIN_CONDITIONS = 2;

export interface PeriodRange {
  readonly leastUs: number;
  readonly mostUs: number;
}

export function periodRangeOf({ periodUs }: TaskSets): PeriodRange {
  let [leastUs, mostUs] = [Number.POSITIVE_INFINITY, 1];
  for (const period of periodUs) {
    if (period < leastUs) leastUs = period;
    if (period > mostUs) mostUs = period;
  }
  return { leastUs: Math.min(leastUs, mostUs), mostUs: Math.max(mostUs, leastUs + 1) };
}

/** Writes set `s`; a place just inside (0, 1), which is all that a sigmoid reaches. */
export function writeTwinRow(sets: TaskSets, s: number, range: PeriodRange, out: Float32Array, at: number): void {
  const span = Math.log(range.mostUs / range.leastUs);
  let o = at;
  for (let i = sets.starts[s] as number; i < (sets.starts[s + 1] as number); i++) {
    const [c, t, d] = [sets.wcetUs[i] as number, sets.periodUs[i] as number, sets.deadlineUs[i] as number];
    out[o] = inside(Math.log(t / range.leastUs) / span);
    out[o + 1] = inside(Math.sqrt(c / t));
    out[o + 2] = inside(t > c ? (d - c) / (t - c) : 1);
    o += 3;
  }
}

const inside = (x: number): number => Math.min(0.999, Math.max(0.001, x));

/** What a generator and its critic learn from; undefined where a set has more tasks than a row has room for. */
export function twinExamples(sets: LabelledSets) {
  const range = periodRangeOf(sets);
  const real = new Float32Array(sets.count * TWIN_WIDTH);
  const used = new Uint16Array(sets.count);
  const conditions = new Float32Array(sets.count * TWIN_CONDITIONS);
  for (let s = 0; s < sets.count; s++) {
    const tasks = (sets.starts[s + 1] as number) - (sets.starts[s] as number);
    if (tasks > TWIN_TASKS_MAX) return undefined;
    writeTwinRow(sets, s, range, real, s * TWIN_WIDTH);
    used[s] = 3 * tasks;
    conditions[s * TWIN_CONDITIONS] = sets.schedulable[s] as number;
    conditions[s * TWIN_CONDITIONS + 1] = tasks / TWIN_TASKS_MAX;
  }
  return { range, real, used, conditions, conditionCount: TWIN_CONDITIONS };
}

/** Both as feed-forward networks. */
export function twinArchitectures(generator: readonly number[], critic: readonly number[]) {
  const noise = TWIN_NOISE + TWIN_CONDITIONS;
  return {
    generator: { family: 'fnn', inputs: noise, widths: generator, outputs: TWIN_WIDTH },
    critic: { family: 'fnn', inputs: TWIN_WIDTH + TWIN_CONDITIONS, widths: critic, outputs: 1 },
  } satisfies Readonly<Record<string, Architecture>>;
}

export function readTwinRow(row: ArrayLike<number>, tasks: number, range: PeriodRange): RealtimeTask[] {
  const drawn: Omit<RealtimeTask, 'priority'>[] = [];
  for (let i = 0; i < tasks; i++) {
    const [place, root, slack] = [row[3 * i] as number, row[3 * i + 1] as number, row[3 * i + 2] as number];
    const periodUs = Math.max(1, Math.round(range.leastUs * (range.mostUs / range.leastUs) ** place));
    const wcetUs = Math.min(periodUs, Math.max(1, Math.round(root * root * periodUs)));
    drawn.push({ wcetUs, periodUs, deadlineUs: wcetUs + Math.round(slack * (periodUs - wcetUs)) });
  }
  return deadlineMonotonic(drawn);
}

/** One set of `tasks` tasks that should be schedulable, or should not. */
export function drawTwin(
  generator: Network,
  rng: Rng,
  { schedulable, tasks, range }: { readonly schedulable: boolean; readonly tasks: number; readonly range: PeriodRange },
): RealtimeTask[] {
  const input = new Float32Array(TWIN_NOISE + TWIN_CONDITIONS);
  for (let k = 0; k < TWIN_NOISE; k++) input[k] = normal(rng);
  input[TWIN_NOISE] = schedulable ? 1 : 0;
  input[TWIN_NOISE + 1] = tasks / TWIN_TASKS_MAX;
  const row = generator.run(input, 0, 1).map((x) => 1 / (1 + Math.exp(-x)));
  return readTwinRow(row, tasks, range);
}
