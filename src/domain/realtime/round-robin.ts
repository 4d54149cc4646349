/**
 * Bounds of response times under round robin on one core: every task has a slice, and whoever waits is asked in turn.
 *
 *   w(q) = q·⌈Cᵢ / sᵢ⌉ own slices of which q·Cᵢ are used:  w = B + q·Cᵢ + Σ_{j ≠ i} min(q·⌈Cᵢ / sᵢ⌉ · sⱼ, ⌈(w + Jⱼ) / Tⱼ⌉ · Cⱼ)
 *   R = max_q w(q) + J − (q − 1)·T       until w(q) ≤ q·T − J
 *
 * Between two slices of its own a task waits for at most one slice of each other, and never for more than the other has to do.
 * The last slice of a job may be begun and not used up, so that the slices of q jobs are counted job by job.
 *
 * Source: the round-robin bound of pyCPA (Diemer, Axer, Ernst, 2012), with slices counted for each job. An upper bound, not exact:
 *         no tool at hand to check against.
 * Units:  integer µs. `responseUs` from the arrival, `fromReleaseUs` from the release.
 * Shape:  tasks in any order; priorities are not looked at. One queue of tasks, a task in it once however many jobs it has.
 * Errors: `deadline-missed` where the bound is above the deadline (the task may still be fine), `no-fixed-point` at the work limit.
 * Cost:   O(n · q · rounds).
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { RealtimeTask } from './realtime-task.ts';
import type { ScheduleFailure, WorstResponse } from './response-time.ts';
import { type Work, workForSet } from './work-limit.ts';

export function roundRobinResponse(
  tasks: readonly RealtimeTask[],
  index: number,
  sliceUs: number,
  work: Work = workForSet(),
): Result<WorstResponse, ScheduleFailure> {
  const { wcetUs, periodUs, deadlineUs, jitterUs = 0, blockingUs = 0 } = tasks[index] as RealtimeTask;
  const slices = Math.ceil(wcetUs / sliceUs);
  let responseUs = 0;
  let fromReleaseUs = 0;
  let rounds = 0;
  let w = blockingUs + wcetUs;
  for (let q = 1; ; q++) {
    const ownUs = blockingUs + q * wcetUs;
    const limitUs = deadlineUs - jitterUs + (q - 1) * periodUs;
    const turnsUs = q * slices * sliceUs;
    for (;;) {
      if (w > limitUs) return err({ kind: 'deadline-missed', responseUsMin: w + jitterUs - (q - 1) * periodUs, deadlineUs });
      rounds++;
      work.terms -= tasks.length;
      if (work.terms < 0) return err({ kind: 'no-fixed-point', rounds });
      let next = ownUs;
      for (let j = 0; j < tasks.length; j++) {
        if (j === index) continue;
        const other = tasks[j] as RealtimeTask;
        next += Math.min(turnsUs, Math.ceil((w + (other.jitterUs ?? 0)) / other.periodUs) * other.wcetUs);
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
