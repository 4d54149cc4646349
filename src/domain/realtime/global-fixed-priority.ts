/**
 * Global pre-emptive fixed priorities on m equal cores: response-time bounds in which at most m − 1 tasks carry work in.
 *
 *   Rₖ = Cₖ + ⌊Ωₖ(Rₖ) / m⌋      Ωₖ(x) = Σ_{i ∈ hp} I_NC,i + the m − 1 largest of (I_CI,i − I_NC,i)⁺,    I = min(W(x), x − Cₖ + 1)
 *   W_NC(x) = ⌊x / Tᵢ⌋ Cᵢ + min(x mod Tᵢ, Cᵢ)
 *   W_CI(x) = Cᵢ + ⌊y / Tᵢ⌋ Cᵢ + min(Cᵢ − 1, (y mod Tᵢ − (Tᵢ − Rᵢ))⁺),   y = (x − Cᵢ)⁺
 *
 * The busy window of a job can be drawn back to an instant at which fewer than m more urgent tasks have work left from before;
 * so no more than m − 1 of them are charged for it (the older tests charge all).
 *
 * Source: Guan, Stigge, Yi, Yu, RTSS 2009. A deadline beyond the period is taken as the period, which is safe.
 * Units:  integer µs; responses from the release. Jitter: without carry-in the first job may have arrived J before the window
 *         (x + J for x); with carry-in Rᵢ counts from the arrival.
 * Shape:  tasks in any order. Tasks of equal priority delay each other. No blocking (the caller refuses it).
 * Errors: `undefined` for a task that is not proven, and for all that are less urgent than it, whose bounds would rest on it.
 * Cost:   O(n log n · rounds) for a task; given up after GLOBAL_TERMS_PER_SET terms in all.
 */
import type { RealtimeTask } from './realtime-task.ts';
import { urgencyOrder } from './task-table.ts';
import { GLOBAL_TERMS_PER_SET, type Work } from './work-limit.ts';

export function globalFixedPriorityResponsesUs(
  tasks: readonly RealtimeTask[],
  cores: number,
  work: Work = { terms: GLOBAL_TERMS_PER_SET },
): readonly (number | undefined)[] {
  const order = urgencyOrder(tasks);
  const bounds: (number | undefined)[] = tasks.map(() => undefined);
  // What others may rely on: R + J where it is known, the deadline for an equal that is still to be looked at.
  const doneUs = tasks.map(({ deadlineUs, periodUs }) => Math.min(deadlineUs, periodUs));
  const carried = new Float64Array(tasks.length);
  for (const k of order) {
    const task = tasks[k] as RealtimeTask;
    const jitterUs = task.jitterUs ?? 0;
    const limitUs = Math.min(task.deadlineUs, task.periodUs) - jitterUs;
    const above = order.filter((i) => i !== k && (tasks[i] as RealtimeTask).priority >= task.priority);
    let x = task.wcetUs;
    for (;;) {
      work.terms -= above.length + 1;
      if (x > limitUs || work.terms < 0) return bounds;
      const next = task.wcetUs + Math.floor(interferenceUs(above, x, task.wcetUs) / cores);
      if (next <= x) break;
      x = next;
    }
    bounds[k] = x;
    doneUs[k] = x + jitterUs;
  }
  return bounds;

  function interferenceUs(above: readonly number[], x: number, own: number): number {
    const room = x - own + 1;
    let sum = 0;
    for (let at = 0; at < above.length; at++) {
      const i = above[at] as number;
      const { wcetUs, periodUs, jitterUs = 0 } = tasks[i] as RealtimeTask;
      const span = x + jitterUs;
      const fresh = Math.min(room, Math.floor(span / periodUs) * wcetUs + Math.min(span % periodUs, wcetUs));
      const y = Math.max(0, x - wcetUs);
      const tail = Math.max(0, (y % periodUs) - (periodUs - (doneUs[i] as number)));
      const carrying = wcetUs + Math.floor(y / periodUs) * wcetUs + Math.min(wcetUs - 1, tail);
      sum += fresh;
      carried[at] = Math.max(0, Math.min(room, carrying) - fresh);
    }
    const extra = carried.subarray(0, above.length).sort();
    for (let at = Math.max(0, above.length - (cores - 1)); at < above.length; at++) sum += extra[at] as number;
    return sum;
  }
}
