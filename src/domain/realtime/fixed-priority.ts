/**
 * Whole sets under pre-emptive fixed priorities on one core, on columns: the quick form of `response-time.ts`, for sets whose
 * deadlines are not beyond their periods, in the order of decreasing urgency.
 *
 *   wᵢ = Bᵢ + Cᵢ + Σ_{j < i} ⌈(wᵢ + Jⱼ) / Tⱼ⌉ · Cⱼ        Rᵢ = wᵢ + Jᵢ ≤ Dᵢ ≤ Tᵢ
 *
 * The fixed point is looked for from the largest of three lower bounds of it, which spares two of five rounds:
 *   wᵢ₋₁ + Cᵢ                                  what is due before the next more urgent task is due before this one too
 *   (Bᵢ + Cᵢ) / (1 − Σ Uⱼ)                     ⌈x⌉ ≥ x
 *   Bᵢ + Cᵢ + Σ Cⱼ                             all are released together
 * The first holds where Bᵢ is not smaller than Bᵢ₋₁ (used without blocking only; it implies the third). The second is computed
 * in doubles and made smaller by more than their error: a start above the fixed point would miss it (REALTIME section 4).
 *
 * Source: Joseph & Pandya 1986, Audsley et al. 1993; start values Sjödin & Hansson, RTSS 1998, and Davis, Zabos, Burns, IEEE TC
 *         57(9), 2008; the doubling argument of `fixedPriorityMiss` ibid.; its upper bound Bini & Baruah 2007.
 * Units:  integer µs; R from the arrival, as in `response-time.ts`.
 * Shape:  rows [first, first + count) of the table; deadline ≤ period in each row (asserted by `isConstrained` at the caller).
 * Errors: a missed deadline is the row's number; GAVE_UP when the set's work is used up, never a wrong yes.
 * Cost:   O(n² · rounds), nothing is allocated. Where a task misses, the rest is analysed all the same.
 */
import type { TaskTable } from './task-table.ts';
import { TERMS_PER_SET } from './work-limit.ts';

export const ALL_MEET = -1;
export const GAVE_UP = -2;

/** Above the relative error of a sum of TASKS_MAX quotients, divided by 1 − U ≥ LOAD_ROOM_MIN. */
const BOUND_SHRINK = 1 - 1e-9;
const LOAD_ROOM_MIN = 1e-3;
/** Above the relative error of 1 − U ≥ LOAD_ROOM_MIN after a sum of TASKS_MAX shares was taken back term by term. */
const UPPER_GROW = 1 + 1e-6;

/** Half of the set is above a task on average, and the loops are the quickest of all. */
const roundsFor = (count: number): number => (5 * TERMS_PER_SET) / count;

export function isConstrained(table: TaskTable, first: number, count: number): boolean {
  for (let i = first; i < first + count; i++) {
    if ((table.deadlineUs[i] as number) > (table.periodUs[i] as number)) return false;
  }
  return true;
}

/** Neither jitter nor blocking: the shorter loop will do. */
export function isPlain(table: TaskTable, first: number, count: number): boolean {
  for (let i = first; i < first + count; i++) {
    if ((table.jitterUs[i] as number) !== 0 || (table.blockingUs[i] as number) !== 0) return false;
  }
  return true;
}

/**
 * Writes the response of each row to `responseUs` (from index 0). Returns ALL_MEET, or the number in the set of the most urgent
 * task that misses: what is written for those that miss is a lower bound that lies above the deadline.
 */
export function fixedPriorityResponses(table: TaskTable, first: number, count: number, responseUs: Float64Array): number {
  return isPlain(table, first, count)
    ? plainResponses(table, first, count, responseUs)
    : delayedResponses(table, first, count, responseUs);
}

export function plainResponses(table: TaskTable, first: number, count: number, responseUs: Float64Array): number {
  const { wcetUs, periodUs, deadlineUs } = table;
  let missed = ALL_MEET;
  let roundsLeft = roundsFor(count);
  let load = 0;
  let w = 0;
  for (let i = 0; i < count; i++) {
    const own = wcetUs[first + i] as number;
    const deadline = deadlineUs[first + i] as number;
    w += own;
    const room = 1 - load;
    if (room > LOAD_ROOM_MIN) {
      const least = Math.ceil((own / room) * BOUND_SHRINK);
      if (least > w) w = least;
    }
    for (;;) {
      if (w > deadline) {
        if (missed === ALL_MEET) missed = i;
        break;
      }
      if (--roundsLeft < 0) return GAVE_UP;
      let next = own;
      for (let j = first; j < first + i; j++) next += Math.ceil(w / (periodUs[j] as number)) * (wcetUs[j] as number);
      if (next <= w) break;
      w = next;
    }
    responseUs[i] = w;
    load += own / (periodUs[first + i] as number);
  }
  return missed;
}

/** The same with jitter and blocking. */
function delayedResponses(table: TaskTable, first: number, count: number, responseUs: Float64Array): number {
  const { wcetUs, periodUs, deadlineUs, jitterUs, blockingUs } = table;
  let missed = ALL_MEET;
  let roundsLeft = roundsFor(count);
  let load = 0;
  let above = 0;
  for (let i = 0; i < count; i++) {
    const own = (wcetUs[first + i] as number) + (blockingUs[first + i] as number);
    const jitter = jitterUs[first + i] as number;
    const limit = (deadlineUs[first + i] as number) - jitter;
    let w = own + above;
    const room = 1 - load;
    if (room > LOAD_ROOM_MIN) {
      const least = Math.ceil((own / room) * BOUND_SHRINK);
      if (least > w) w = least;
    }
    for (;;) {
      if (w > limit) {
        if (missed === ALL_MEET) missed = i;
        break;
      }
      if (--roundsLeft < 0) return GAVE_UP;
      let next = own;
      for (let j = first; j < first + i; j++) {
        next += Math.ceil((w + (jitterUs[j] as number)) / (periodUs[j] as number)) * (wcetUs[j] as number);
      }
      if (next <= w) break;
      w = next;
    }
    responseUs[i] = w + jitter;
    above += wcetUs[first + i] as number;
    load += (wcetUs[first + i] as number) / (periodUs[first + i] as number);
  }
  return missed;
}

/**
 * The verdict alone: ALL_MEET exactly when `fixedPriorityResponses` says so, else a row's number or GAVE_UP.
 *
 * Any w ≤ D − J with W(w) ≤ w proves the deadline, not only the smallest. If w is such a point so is 2w, hence so is some point
 * in [(D − J) / 2, D − J]: start there. The least urgent task first, for it is the one that misses. An upper bound of the
 * response in O(1), from running sums, accepts most tasks before any iteration.
 */
export function fixedPriorityMiss(table: TaskTable, first: number, count: number): number {
  const { wcetUs, periodUs, deadlineUs, jitterUs, blockingUs } = table;
  let load = 0;
  // Σ Cⱼ(1 − Uⱼ) + Uⱼ Jⱼ
  let excess = 0;
  for (let j = first; j < first + count; j++) {
    const share = (wcetUs[j] as number) / (periodUs[j] as number);
    load += share;
    excess += (wcetUs[j] as number) * (1 - share) + share * (jitterUs[j] as number);
  }
  // What the running sums can be wrong by; a row with C > T, whose share could be wrong by more, is refused at its turn.
  const errorUs = excess * 1e-12 + 1e-3;
  const rounds = roundsFor(count);
  let roundsLeft = rounds;
  let missed = ALL_MEET;
  tasks: for (let i = first + count - 1; i >= first; i--) {
    const wcet = wcetUs[i] as number;
    const share = wcet / (periodUs[i] as number);
    load -= share;
    excess -= wcet * (1 - share) + share * (jitterUs[i] as number);
    const own = wcet + (blockingUs[i] as number);
    const limit = (deadlineUs[i] as number) - (jitterUs[i] as number);
    if (own > limit) {
      missed = i - first;
      break;
    }
    const room = 1 - load;
    if (room > LOAD_ROOM_MIN && ((own + excess + errorUs) / room) * UPPER_GROW <= limit) continue;
    let w = Math.max(own, Math.floor(limit / 2));
    for (;;) {
      if (w > limit) {
        missed = i - first;
        break tasks;
      }
      if (--roundsLeft < 0) {
        missed = GAVE_UP;
        break tasks;
      }
      let next = own;
      for (let j = first; j < i; j++) {
        next += Math.ceil((w + (jitterUs[j] as number)) / (periodUs[j] as number)) * (wcetUs[j] as number);
      }
      if (next <= w) break;
      w = next;
    }
  }
  table.terms += (rounds - roundsLeft) * count;
  return missed;
}
