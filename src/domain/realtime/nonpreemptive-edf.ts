/**
 * EDF on one core where a job, once started, is not interrupted: the exact verdict by demand, and exact response times.
 *
 *   schedulable  ⇔  U ≤ 1 and h(t) + max_{Wⱼ > t}(Cⱼ − 1) ≤ t for every end of a window t < max(L, max W)
 *   start  s(a) = max_{Wⱼ > a + Dᵢ}(Cⱼ − 1) + ⌊(a + Jᵢ) / Tᵢ⌋ Cᵢ + Σ_{j ≠ i, Wⱼ ≤ a + Dᵢ} min(⌊(s + Jⱼ) / Tⱼ⌋ + 1, ⌊(a + Dᵢ − Wⱼ) / Tⱼ⌋ + 1) Cⱼ
 *   R = max_a max(Jᵢ + Cᵢ, s(a) + Cᵢ − a)      a as in `edf-response-time.ts`
 *
 * A job with a later deadline that started one µs before the others arrived cannot be stopped: hence C − 1. (The fixed-priority
 * analysis charges the whole C as its peers do.) A task that is due within t by its jitter (W ≤ t < D) is in h(t) already: if one
 * of its jobs blocks, the next is due a period later, so it is never both. Between two W the blocking is constant, so quick
 * processor-demand analysis goes down within each such stretch.
 *
 * Source: Jeffay, Stanat, Martel, RTSS 1991; George, Rivierre, Spuri, INRIA RR-2966, 1996. Responses checked against the Rust crate
 *         response-time-analysis, the verdict against the responses.
 * Units:  integer µs; W = D − J; `responseUs` from the arrival, `fromReleaseUs` from the release.
 * Shape:  tasks in any order; no blocking of other origin (the caller refuses it).
 * Errors: as `edf-demand.ts` and `edf-response-time.ts`.
 * Cost:   verdict O(n · points + n²), responses O(n · arrivals · rounds).
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import { busyPeriodUs, demandUs, HORIZON_US_MAX, horizonUs, lastWindowBefore } from './demand-bound.ts';
import { EDF_FITS, EDF_GAVE_UP, EDF_OVERLOADED } from './edf-demand.ts';
import { Arrivals, type EdfResponseAnalysis } from './edf-response-time.ts';
import type { RealtimeTask } from './realtime-task.ts';
import type { ScheduleFailure, WorstResponse } from './response-time.ts';
import { type TaskTable, tableOf } from './task-table.ts';
import { compareLoad } from './utilisation-bounds.ts';
import { COLUMN_TERMS_COUNT_ONE, type Work, workForSet } from './work-limit.ts';

const VERDICT_TERMS_MAX = 5_000_000;

/** EDF_FITS, EDF_OVERLOADED, EDF_GAVE_UP, or a time t ≥ 0 at which too much is due. */
/** `work` pays for it; what is given up it gives up by its own limit. */
export function nonPreemptiveEdfVerdict(tasks: readonly RealtimeTask[], work: Work = workForSet()): number {
  const table = tableOf(tasks);
  const verdict = demandVerdict(tasks, table);
  work.terms -= table.terms / COLUMN_TERMS_COUNT_ONE;
  return verdict;
}

function demandVerdict(tasks: readonly RealtimeTask[], table: TaskTable): number {
  const { wcetUs, windowUs, rows } = table;
  for (let j = 0; j < rows; j++) {
    if ((wcetUs[j] as number) > (windowUs[j] as number)) return Math.max(0, windowUs[j] as number);
  }
  if (compareLoad(tasks, 1) > 0) return EDF_OVERLOADED;
  const horizon = horizonUs(table, 0, rows, 0);
  if (horizon === Number.POSITIVE_INFINITY) return EDF_GAVE_UP;
  const steps = [...new Set(windowUs)].sort((a, b) => b - a);
  let above = Math.max(horizon, (steps[0] as number) + 1);
  let terms = 0;
  // Stretches [step, above): the last is below the first deadline.
  for (const step of [...steps, 0]) {
    let blocking = 0;
    for (let j = 0; j < rows; j++) {
      if ((windowUs[j] as number) > step) blocking = Math.max(blocking, (wcetUs[j] as number) - 1);
    }
    let t = lastWindowBefore(table, 0, rows, above);
    while (t >= step) {
      terms += rows;
      table.terms += rows;
      if (terms > VERDICT_TERMS_MAX) return EDF_GAVE_UP;
      const demand = demandUs(table, 0, rows, t) + blocking;
      if (demand > t) return t;
      t = demand < t ? demand : lastWindowBefore(table, 0, rows, t);
    }
    above = Math.min(above, step);
  }
  return EDF_FITS;
}

export function nonPreemptiveEdfResponses(
  tasks: readonly RealtimeTask[],
  all = false,
  work: Work = workForSet(),
): EdfResponseAnalysis {
  const table = tableOf(tasks);
  const overloaded = compareLoad(tasks, 1) > 0;
  const busyUs = overloaded ? Number.POSITIVE_INFINITY : busyPeriodUs(table, 0, table.rows, 0, HORIZON_US_MAX);
  return (index) =>
    busyUs === Number.POSITIVE_INFINITY
      ? err({ kind: 'no-fixed-point', rounds: 0 })
      : worstOf(table, { index, busyUs, all, work });
}

interface Question {
  readonly index: number;
  readonly busyUs: number;
  readonly all: boolean;
  readonly work: Work;
}

function worstOf(table: TaskTable, { index, busyUs, all, work }: Question): Result<WorstResponse, ScheduleFailure> {
  const { wcetUs, periodUs, jitterUs, windowUs, deadlineUs, rows } = table;
  const own = wcetUs[index] as number;
  const period = periodUs[index] as number;
  const deadline = deadlineUs[index] as number;
  const jitter = jitterUs[index] as number;
  let responseUs = jitter + own;
  let fromReleaseUs = own;
  let rounds = 0;
  let held = -1;
  let s = 0;
  const arrivals = new Arrivals(table, rows, deadline);
  for (let a = arrivals.from(-jitter); a < busyUs; a = arrivals.from(a + 1)) {
    const due = a + deadline;
    let fixed = Math.floor((a + jitter) / period) * own;
    let blocking = 0;
    for (let j = 0; j < rows; j++) {
      if (j !== index && (windowUs[j] as number) > due) blocking = Math.max(blocking, (wcetUs[j] as number) - 1);
    }
    fixed += blocking;
    // While the blocking is the same s only rises with a; when it falls, s may fall by more.
    s = blocking === held ? Math.max(s, fixed) : fixed;
    held = blocking;
    for (;;) {
      rounds++;
      work.terms -= rows;
      if (work.terms < 0) return err({ kind: 'no-fixed-point', rounds });
      let next = fixed;
      for (let j = 0; j < rows; j++) {
        const since = due - (windowUs[j] as number);
        if (since < 0 || j === index) continue;
        const each = periodUs[j] as number;
        const before = Math.floor((s + (jitterUs[j] as number)) / each) + 1;
        next += Math.min(before, Math.floor(since / each) + 1) * (wcetUs[j] as number);
      }
      if (next <= s) break;
      s = next;
    }
    const end = s + own;
    if (end - a > responseUs) responseUs = end - a;
    if (end - Math.max(0, a) > fromReleaseUs) fromReleaseUs = end - Math.max(0, a);
    if (responseUs > deadline && !all) break;
  }
  return responseUs > deadline && !all
    ? err({ kind: 'deadline-missed', responseUsMin: responseUs, deadlineUs: deadline })
    : ok({ responseUs, fromReleaseUs });
}
