/**
 * Exact worst-case response times under pre-emptive EDF on one core.
 *
 *   w(a) = (⌊(a + Jᵢ) / Tᵢ⌋ + 1) · Cᵢ + Σ_{j ≠ i, Wⱼ ≤ a + Dᵢ} min(⌈(w + Jⱼ) / Tⱼ⌉, ⌊(a + Dᵢ − Wⱼ) / Tⱼ⌋ + 1) · Cⱼ
 *   R = max_a max(Jᵢ + Cᵢ, w(a) − a)        a ∈ {k·Tⱼ + Wⱼ − Dᵢ ≥ −Jᵢ} below the busy period L        W = D − J
 *
 * a is the arrival of the job looked at, in a busy period in which all others are released together at 0, each with the
 * deadline a + D to beat. No single instant is the worst, so all that can be are looked at, in rising order: w(a) only rises
 * with a, so each fixed point starts from the one before.
 *
 * Source: Spuri, INRIA RR-2772, 1996. Checked against the Rust crate response-time-analysis.
 * Units:  integer µs; `responseUs` from the arrival, `fromReleaseUs` from the release, as in `response-time.ts`.
 * Shape:  tasks in any order; `interruptions` come before everything, ⌈w / every⌉ times. Blocking is charged in full where a
 *         task that has it has its deadline in reach (safe).
 * Errors: `deadline-missed` with the first response found above the deadline, unless `all` asks for the worst even so;
 *         `no-fixed-point` when the load is above one core or the work limit is reached.
 * Cost:   O(n · arrivals · rounds) for a task; arrivals are Σ L / Tⱼ: the QPA of `edf-demand.ts` decides far sooner.
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import { busyPeriodUs, HORIZON_US_MAX } from './demand-bound.ts';
import type { Interruption } from './overheads.ts';
import type { RealtimeTask } from './realtime-task.ts';
import type { ScheduleFailure, WorstResponse } from './response-time.ts';
import { addSet, createTaskTable, type TaskTable } from './task-table.ts';
import { compareLoad } from './utilisation-bounds.ts';
import { type Work, workForSet } from './work-limit.ts';

export interface EdfOptions {
  readonly interruptions?: readonly Interruption[];
  /** Go on past a missed deadline to the worst response there is. */
  readonly all?: boolean;
}

export type EdfResponseAnalysis = (index: number) => Result<WorstResponse, ScheduleFailure>;

/** Prepares what all tasks of a set have in common; the result answers for one task at a time. */
export function edfResponses(tasks: readonly RealtimeTask[], options: EdfOptions = {}): EdfResponseAnalysis {
  const { interruptions = [], all = false } = options;
  const table = createTaskTable(tasks.length + interruptions.length);
  addSet(table, tasks);
  addSet(table, interruptions.map(interruptionRow));
  const heldUs = Math.max(0, ...table.blockingUs);
  const overloaded = compareLoad([...tasks, ...interruptions.map(interruptionRow)], 1) > 0;
  const busyUs = overloaded ? Number.POSITIVE_INFINITY : busyPeriodUs(table, 0, table.rows, heldUs, HORIZON_US_MAX);
  const work = workForSet();
  return (index) =>
    busyUs === Number.POSITIVE_INFINITY
      ? err({ kind: 'no-fixed-point', rounds: 0 })
      : worstOf(table, { index, count: tasks.length, busyUs, all, work });
}

export const interruptionRow = ({ costUs, everyUs }: Interruption): RealtimeTask => ({
  wcetUs: costUs,
  periodUs: everyUs,
  deadlineUs: 1,
  priority: Number.MAX_SAFE_INTEGER,
});

interface Question {
  readonly index: number;
  readonly count: number;
  readonly busyUs: number;
  readonly all: boolean;
  readonly work: Work;
}

function worstOf(table: TaskTable, { index, count, busyUs, all, work }: Question): Result<WorstResponse, ScheduleFailure> {
  const { wcetUs, periodUs, jitterUs, windowUs, deadlineUs, blockingUs, rows } = table;
  const own = wcetUs[index] as number;
  const period = periodUs[index] as number;
  const deadline = deadlineUs[index] as number;
  const jitter = jitterUs[index] as number;
  let responseUs = jitter + own;
  let fromReleaseUs = own;
  const arrivals = new Arrivals(table, count, deadline);
  let w = own;
  let rounds = 0;
  for (let a = arrivals.from(-jitter); a < busyUs; a = arrivals.from(a + 1)) {
    let fixed = (Math.floor((a + jitter) / period) + 1) * own;
    let held = 0;
    for (let j = 0; j < count; j++) {
      if ((windowUs[j] as number) <= a + deadline && (blockingUs[j] as number) > held) held = blockingUs[j] as number;
    }
    fixed += held;
    if (fixed > w) w = fixed;
    for (;;) {
      rounds++;
      work.terms -= rows;
      if (work.terms < 0) return err({ kind: 'no-fixed-point', rounds });
      let next = fixed;
      for (let j = 0; j < count; j++) {
        const since = a + deadline - (windowUs[j] as number);
        if (since < 0 || j === index) continue;
        const each = periodUs[j] as number;
        const due = Math.floor(since / each) + 1;
        const released = Math.ceil((w + (jitterUs[j] as number)) / each);
        next += Math.min(released, due) * (wcetUs[j] as number);
      }
      for (let j = count; j < rows; j++) next += Math.ceil(w / (periodUs[j] as number)) * (wcetUs[j] as number);
      if (next <= w) break;
      w = next;
    }
    if (w - a > responseUs) responseUs = w - a;
    if (w - Math.max(0, a) > fromReleaseUs) fromReleaseUs = w - Math.max(0, a);
    if (responseUs > deadline && !all) {
      return err({ kind: 'deadline-missed', responseUsMin: responseUs, deadlineUs: deadline });
    }
  }
  return responseUs > deadline && !all
    ? err({ kind: 'deadline-missed', responseUsMin: responseUs, deadlineUs: deadline })
    : ok({ responseUs, fromReleaseUs });
}

/** The arrivals worth looking at: those whose deadline is also another task's. */
export class Arrivals {
  readonly #table: TaskTable;
  readonly #count: number;
  readonly #deadlineUs: number;

  constructor(table: TaskTable, count: number, deadlineUs: number) {
    this.#table = table;
    this.#count = count;
    this.#deadlineUs = deadlineUs;
  }

  /** The first at or after `least`. */
  from(least: number): number {
    const { windowUs, periodUs } = this.#table;
    let soonest = Number.POSITIVE_INFINITY;
    for (let j = 0; j < this.#count; j++) {
      const first = (windowUs[j] as number) - this.#deadlineUs;
      const period = periodUs[j] as number;
      const at = first >= least ? first : first + Math.ceil((least - first) / period) * period;
      if (at < soonest) soonest = at;
    }
    return soonest;
  }
}
