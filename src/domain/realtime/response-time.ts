/**
 * Worst-case response times under fixed-priority pre-emptive scheduling on one core: the exact test.
 *
 *   w⁰(q) = B + q·C + Σ_{j ∈ hp} Cⱼ          wⁿ⁺¹(q) = B + q·C + Σ_{j ∈ hp} ⌈(wⁿ + Jⱼ) / Tⱼ⌉ · Cⱼ
 *   R = max_{q = 1, 2, …} w(q) + J − (q − 1)·T       until w(q) ≤ q·T − J, the end of the busy period
 *
 * q counts the jobs of the task in its busy period. With deadline ≤ period and no jitter only q = 1 matters and this is the
 * analysis of Joseph & Pandya; a later job can be the worst when the deadline lies beyond the period (Lehoczky).
 *
 * Source: Joseph & Pandya, Computer Journal 29(5), 1986; Audsley, Burns, Richardson, Tindell, Wellings, Software Engineering
 *         Journal 8(5), 1993 (jitter, blocking); Lehoczky, RTSS 1990, and Tindell, Burns, Wellings, Real-Time Systems 6, 1994
 *         (arbitrary deadlines). Checked against SchedCAT, pyCPA and the Rust crate response-time-analysis where their
 *         answers are at hand (test/unit/response-time.test.ts).
 * Units:  integer µs. R counts from the arrival (before the jitter), and so does the deadline. `fromReleaseUs` counts from the
 *         release: max w(q) − max(0, (q − 1)·T − J), which is R where the jitter is 0.
 * Shape:  the set in any order; the result does not depend on it. Tasks of equal priority delay each other, which is safe
 *         for any order among them.
 * Errors: `deadline-missed` as soon as R > D, with the lower bound of R reached; `no-fixed-point` after ROUNDS_MAX rounds or
 *         when the work of the set is used up, which only a deadline many thousand periods long can need.
 * Cost:   O(n · rounds). w only grows and is left at D. The start value counts each higher task once, since all are
 *         released together at the critical instant. Every product is exact: one that is not is above the limit anyway.
 *         Whole sets with deadlines up to the period have a quicker form, `fixed-priority.ts`.
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { RealtimeTask } from './realtime-task.ts';
import { type Work, workForSet } from './work-limit.ts';

export type ScheduleFailure =
  | { readonly kind: 'deadline-missed'; readonly responseUsMin: number; readonly deadlineUs: number }
  | { readonly kind: 'no-fixed-point'; readonly rounds: number };

/** A worst response, by both clocks that people use. */
export interface WorstResponse {
  /** From the arrival, as the deadline. */
  readonly responseUs: number;
  readonly fromReleaseUs: number;
}

const ROUNDS_MAX = 200_000;

/** The worst-case response time of `tasks[index]` among all of `tasks` on one core. */
export function responseTimeUs(tasks: readonly RealtimeTask[], index: number): Result<number, ScheduleFailure> {
  const response = worstResponse(tasks, index);
  return response.ok ? ok(response.value.responseUs) : response;
}

export function worstResponse(
  tasks: readonly RealtimeTask[],
  index: number,
  work: Work = workForSet(),
): Result<WorstResponse, ScheduleFailure> {
  const task = tasks[index] as RealtimeTask;
  const { wcetUs, periodUs, deadlineUs, priority } = task;
  const jitterUs = task.jitterUs ?? 0;
  const blockingUs = task.blockingUs ?? 0;
  let startUs = blockingUs + wcetUs;
  for (let j = 0; j < tasks.length; j++) {
    const other = tasks[j] as RealtimeTask;
    if (j !== index && other.priority >= priority) startUs += other.wcetUs;
  }
  let responseUs = 0;
  let fromReleaseUs = 0;
  let rounds = 0;
  let w = startUs;
  for (let q = 1; ; q++) {
    const ownUs = blockingUs + q * wcetUs;
    const limitUs = deadlineUs - jitterUs + (q - 1) * periodUs;
    for (;;) {
      if (w > limitUs) return err({ kind: 'deadline-missed', responseUsMin: w + jitterUs - (q - 1) * periodUs, deadlineUs });
      work.terms -= tasks.length;
      if (++rounds > ROUNDS_MAX || work.terms < 0) return err({ kind: 'no-fixed-point', rounds });
      let next = ownUs;
      for (let j = 0; j < tasks.length; j++) {
        const other = tasks[j] as RealtimeTask;
        if (j === index || other.priority < priority) continue;
        next += Math.ceil((w + (other.jitterUs ?? 0)) / other.periodUs) * other.wcetUs;
      }
      if (next <= w) break;
      w = next;
    }
    responseUs = Math.max(responseUs, w + jitterUs - (q - 1) * periodUs);
    fromReleaseUs = Math.max(fromReleaseUs, w - Math.max(0, (q - 1) * periodUs - jitterUs));
    if (w <= q * periodUs - jitterUs) return ok({ responseUs, fromReleaseUs });
    w += wcetUs;
  }
}

/** All response times, or the first failure in the order of `tasks`. */
export function responseTimesUs(
  tasks: readonly RealtimeTask[],
): Result<readonly number[], { readonly index: number; readonly failure: ScheduleFailure }> {
  const responses: number[] = [];
  for (let index = 0; index < tasks.length; index++) {
    const response = responseTimeUs(tasks, index);
    if (!response.ok) return err({ index, failure: response.error });
    responses.push(response.value);
  }
  return ok(responses);
}
