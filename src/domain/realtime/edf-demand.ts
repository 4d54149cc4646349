/**
 * Is a set schedulable by pre-emptive EDF on one core? Exact, by Quick Processor-demand Analysis.
 *
 *   schedulable  ⇔  U ≤ 1 and h(t) + B(t) ≤ t for every end of a window t < L        B(t) = max_{Wᵢ ≤ t} Bᵢ
 *   t := last window before L; while h(t) ≤ t and h(t) > min W:  t := h(t) < t ? h(t) : last window before t
 *
 * Going down from L, everything between h(t) and t is known to be fine, so a handful of points decide instead of thousands.
 * `demand-bound.ts` has h and L.
 *
 * Source: Zhang & Burns, IEEE TC 58(9):1250–1258, 2009. Blocking: Baruah, ECRTS 2006. Checked against SchedCAT's QPA in rationals.
 * Units:  integer µs; deadlines from the arrival, jitter as in `demand-bound.ts`.
 * Shape:  rows [first, first + count) are tasks in any order, the next `interruptions` rows are demand without deadlines.
 * Errors: EDF_OVERLOADED when U > 1 (compared exactly); EDF_GAVE_UP when the horizon is not found or the points are too many,
 *         never a wrong yes; a time t ≥ 0 with h(t) > t, which proves that the set fails.
 * Cost:   O(n · points); nothing is allocated unless U is within 10⁻⁹ of 1.
 */
import { demandUs, horizonUs, lastWindowBefore } from './demand-bound.ts';
import type { TaskTable } from './task-table.ts';

export const EDF_FITS = -1;
export const EDF_GAVE_UP = -2;
export const EDF_OVERLOADED = -3;

const TERMS_MAX = 5_000_000;
const CLOSE = 1e-9;

export function edfVerdict(table: TaskTable, first: number, count: number, interruptions = 0): number {
  const { wcetUs, periodUs, windowUs, blockingUs } = table;
  const end = first + count;
  const endOfAll = end + interruptions;
  let roomy = interruptions === 0;
  let shortest = Number.POSITIVE_INFINITY;
  let blocking = 0;
  let load = 0;
  for (let j = first; j < end; j++) {
    const window = windowUs[j] as number;
    const held = blockingUs[j] as number;
    if ((wcetUs[j] as number) + held > window) return Math.max(0, window);
    if (window < shortest) shortest = window;
    if (held > blocking) blocking = held;
    if (window < (periodUs[j] as number)) roomy = false;
    load += (wcetUs[j] as number) / (periodUs[j] as number);
  }
  for (let j = end; j < endOfAll; j++) load += (wcetUs[j] as number) / (periodUs[j] as number);
  if (load > 1 - CLOSE && (load > 1 + CLOSE || exceedsOne(table, first, endOfAll))) return EDF_OVERLOADED;
  if (roomy && blocking === 0) return EDF_FITS;

  const horizon = horizonUs(table, first, endOfAll, blocking);
  if (horizon === Number.POSITIVE_INFINITY) return EDF_GAVE_UP;
  let t = lastWindowBefore(table, first, end, horizon);
  for (let terms = 0; t >= shortest; terms += count) {
    table.terms += count;
    if (terms > TERMS_MAX) return EDF_GAVE_UP;
    let demand = demandUs(table, first, endOfAll, t);
    if (blocking > 0) demand += heldUntil(table, first, end, t);
    if (demand > t) return t;
    if (demand <= shortest) return EDF_FITS;
    t = demand < t ? demand : lastWindowBefore(table, first, end, t);
  }
  return EDF_FITS;
}

function heldUntil({ windowUs, blockingUs }: TaskTable, first: number, end: number, t: number): number {
  let held = 0;
  for (let j = first; j < end; j++) {
    if ((windowUs[j] as number) <= t && (blockingUs[j] as number) > held) held = blockingUs[j] as number;
  }
  return held;
}

/** Σ C / T > 1, in fractions of big integers. */
export function exceedsOne({ wcetUs, periodUs }: TaskTable, first: number, end: number): boolean {
  let numerator = 0n;
  let denominator = 1n;
  for (let j = first; j < end; j++) {
    const period = BigInt(periodUs[j] as number);
    numerator = numerator * period + BigInt(wcetUs[j] as number) * denominator;
    denominator *= period;
  }
  return numerator > denominator;
}
