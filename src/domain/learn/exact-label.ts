/**
 * The exact answer for sets kept as columns: what networks are taught, and what a deferring one falls back to.
 *
 *   w⁰ = max(Σ_{j ≤ i} Cⱼ, Rᵢ₋₁ + Cᵢ)        wⁿ⁺¹ = Cᵢ + Σ_{j < i} ⌈wⁿ / Tⱼ⌉ · Cⱼ        until it stands, or is above Dᵢ
 *
 * The same analysis as `../realtime/response-time.ts` (a property test holds the two against each other), for deadlines up to the
 * period, without jitter and blocking, on typed arrays and without garbage: labelling a million sets is seconds, not minutes.
 * Both start values are lower bounds of R (Davis, Zabos & Burns, IEEE TC 57(9), 2008); integers only, so that nothing is rounded.
 */
import type { LabelledSets, TaskSets } from './task-sets.ts';

/** Writes all response times of set `s` (0: misses its deadline) and says whether every deadline is met. */
export function exactResponses(sets: TaskSets, s: number, responseUs: Float64Array): boolean {
  const { wcetUs, periodUs, deadlineUs } = sets;
  const start = sets.starts[s] as number;
  const end = sets.starts[s + 1] as number;
  let allMet = true;
  let demandUs = 0;
  let beforeUs = 0;
  for (let i = start; i < end; i++) {
    const ownUs = wcetUs[i] as number;
    const limitUs = deadlineUs[i] as number;
    demandUs += ownUs;
    let w = Math.max(demandUs, beforeUs + ownUs);
    for (;;) {
      if (w > limitUs) {
        w = 0;
        break;
      }
      let next = ownUs;
      for (let j = start; j < i; j++) next += Math.ceil(w / (periodUs[j] as number)) * (wcetUs[j] as number);
      if (next <= w) break;
      w = next;
    }
    responseUs[i] = w;
    if (w === 0) allMet = false;
    beforeUs = w;
  }
  return allMet;
}

export function labelExactly(sets: TaskSets): LabelledSets {
  const responseUs = new Float64Array(sets.wcetUs.length);
  const schedulable = new Uint8Array(sets.count);
  for (let s = 0; s < sets.count; s++) schedulable[s] = exactResponses(sets, s, responseUs) ? 1 : 0;
  return { ...sets, responseUs, schedulable };
}
