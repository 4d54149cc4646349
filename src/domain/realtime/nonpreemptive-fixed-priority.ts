/**
 * Worst-case response times under fixed priorities where a job, once started, is not interrupted (one core).
 *
 *   B = max(Bᵢ, max_{j ∈ lp} Cⱼ)       busy period  L = B + Σ_{j ∈ hep} ⌈(L + Jⱼ) / Tⱼ⌉ · Cⱼ      jobs  Q = ⌈(L + Jᵢ) / Tᵢ⌉
 *   start  s(q) = B + q·Cᵢ + Σ_{j ∈ hp} (⌊(s + Jⱼ) / Tⱼ⌋ + 1) · Cⱼ      q = 0 … Q − 1
 *   R = max_q s(q) + Cᵢ + Jᵢ − q·Tᵢ
 *
 * All jobs of the busy period are looked at: that the first is the worst was the error of the 1994 analysis of CAN.
 *
 * Source: Davis, Burns, Bril, Lukkien, Real-Time Systems 35:239–272, 2007; George, Rivierre, Spuri, INRIA RR-2966, 1996.
 * Units:  integer µs. Blocking is the whole of the longest lower C, as pyCPA and the Rust analyser have it; one µs less would
 *         do where time is discrete. `responseUs` from the arrival, `fromReleaseUs` from the release, as in `response-time.ts`.
 * Shape:  the set in any order. Tasks of equal priority delay each other, which is safe for any order among them.
 * Errors: `deadline-missed` with the first such job's response; `no-fixed-point` when the busy period does not end
 *         (hep(i) is above one core) or is longer than the work limit allows.
 * Cost:   O(n · Q · rounds); s(q) starts from s(q − 1) + Cᵢ.
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { RealtimeTask } from './realtime-task.ts';
import type { ScheduleFailure, WorstResponse } from './response-time.ts';
import { TIME_US_MAX } from './set-check.ts';
import { type Work, workForSet } from './work-limit.ts';

/** Of the busy period, whose length is only worth knowing when it is found soon. */
const BUSY_TERMS_MAX = 2_000_000;

export function nonPreemptiveResponse(
  tasks: readonly RealtimeTask[],
  index: number,
  work: Work = workForSet(),
): Result<WorstResponse, ScheduleFailure> {
  const task = tasks[index] as RealtimeTask;
  const { wcetUs, periodUs, deadlineUs } = task;
  const jitterUs = task.jitterUs ?? 0;
  const higher = tasks.filter((other, j) => j !== index && other.priority >= task.priority);
  let blockingUs = task.blockingUs ?? 0;
  for (const other of tasks) if (other.priority < task.priority) blockingUs = Math.max(blockingUs, other.wcetUs);
  const missed = (responseUsMin: number): Result<WorstResponse, ScheduleFailure> =>
    err({ kind: 'deadline-missed', responseUsMin, deadlineUs });

  let terms = 0;
  let rounds = 0;
  let busyUs = blockingUs + wcetUs;
  for (const other of higher) busyUs += other.wcetUs;
  for (;;) {
    let next = blockingUs + Math.ceil((busyUs + jitterUs) / periodUs) * wcetUs;
    for (const other of higher) next += Math.ceil((busyUs + (other.jitterUs ?? 0)) / other.periodUs) * other.wcetUs;
    rounds++;
    if (next <= busyUs) break;
    busyUs = next;
    terms += higher.length + 1;
    // A busy period without an end still has first jobs that may miss; find that out below, and never say yes.
    if (terms > BUSY_TERMS_MAX || busyUs > TIME_US_MAX) {
      busyUs = Number.POSITIVE_INFINITY;
      break;
    }
  }

  work.terms -= terms;
  let worst: WorstResponse = { responseUs: 0, fromReleaseUs: 0 };
  let s = blockingUs;
  for (const other of higher) s += other.wcetUs;
  for (let q = 0; q * periodUs - jitterUs < busyUs; q++) {
    const ownUs = blockingUs + q * wcetUs;
    const limitUs = deadlineUs - jitterUs - wcetUs + q * periodUs;
    for (;;) {
      if (s > limitUs) return missed(s + wcetUs + jitterUs - q * periodUs);
      rounds++;
      work.terms -= higher.length + 1;
      if (work.terms < 0) return err({ kind: 'no-fixed-point', rounds });
      let next = ownUs;
      for (const other of higher) next += (Math.floor((s + (other.jitterUs ?? 0)) / other.periodUs) + 1) * other.wcetUs;
      if (next <= s) break;
      s = next;
    }
    worst = {
      responseUs: Math.max(worst.responseUs, s + wcetUs + jitterUs - q * periodUs),
      fromReleaseUs: Math.max(worst.fromReleaseUs, s + wcetUs - Math.max(0, q * periodUs - jitterUs)),
    };
    s += wcetUs;
  }
  return ok(worst);
}
