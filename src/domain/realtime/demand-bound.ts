/**
 * The demand of a set under EDF, and how far one has to look at it: on columns, for `edf-demand.ts` and its kin.
 *
 *   h(t) = Σ_{Wᵢ ≤ t} (⌊(t − Wᵢ) / Tᵢ⌋ + 1) · Cᵢ          W = D − J: all of it must run within any t of the critical instant
 *   L = min(busy period, Lₐ)                                   beyond L nothing is late that was not late before
 *   busy period  L = B + Σ ⌈(L + Jᵢ) / Tᵢ⌉ · Cᵢ            Lₐ = max(max(Wᵢ − Tᵢ), (B + Σ (Tᵢ − Wᵢ) · Uᵢ) / (1 − U)), for U < 1
 *
 * Interruptions (faults, migrations) are rows behind the tasks': demand of W = 1 that has no deadline of its own, so that
 * ⌊(t − 1) / T⌋ + 1 = ⌈t / T⌉ of them fall into any t.
 *
 * Source: Baruah, Mok, Rosier, RTSS 1990; Zhang & Burns, IEEE TC 58(9), 2009 (Lₐ); jitter as a shorter deadline: Spuri 1996.
 * Units:  integer µs. Every demand asked for here is below 2^53, since h(t) ≤ t + Σ C wherever U ≤ 1 and W ≥ 0.
 * Errors: `horizonUs` is Infinity when it is beyond HORIZON_US_MAX or takes too long to find (at U = 1 it can be the
 *         hyperperiod): the caller must then give up, and say so.
 * Cost:   h(t) O(n); the busy period O(n · rounds), given up as soon as it passes Lₐ.
 */
import type { TaskTable } from './task-table.ts';

export const HORIZON_US_MAX = 2 ** 52;
const BUSY_TERMS_MAX = 5_000_000;

export function demandUs(table: TaskTable, first: number, end: number, t: number): number {
  const { wcetUs, periodUs, windowUs } = table;
  let sum = 0;
  for (let j = first; j < end; j++) {
    const since = t - (windowUs[j] as number);
    if (since >= 0) sum += (Math.floor(since / (periodUs[j] as number)) + 1) * (wcetUs[j] as number);
  }
  return sum;
}

/** The latest end of a window before `t`; −1: there is none. */
export function lastWindowBefore(table: TaskTable, first: number, end: number, t: number): number {
  const { periodUs, windowUs } = table;
  let last = -1;
  for (let j = first; j < end; j++) {
    const window = windowUs[j] as number;
    if (window >= t) continue;
    const period = periodUs[j] as number;
    const at = window + (Math.ceil((t - window) / period) - 1) * period;
    if (at > last) last = at;
  }
  return last;
}

/** Longest time the processor is never idle, with `blockingUs` in front; Infinity: longer than `limitUs`, or not found. */
export function busyPeriodUs(table: TaskTable, first: number, end: number, blockingUs: number, limitUs: number): number {
  const { wcetUs, periodUs, jitterUs } = table;
  const roundsMax = BUSY_TERMS_MAX / (end - first);
  let busy = blockingUs;
  for (let j = first; j < end; j++) busy += wcetUs[j] as number;
  for (let rounds = 0; rounds <= roundsMax; rounds++) {
    table.terms += end - first;
    if (busy > limitUs) return Number.POSITIVE_INFINITY;
    let next = blockingUs;
    for (let j = first; j < end; j++) {
      next += Math.ceil((busy + (jitterUs[j] as number)) / (periodUs[j] as number)) * (wcetUs[j] as number);
    }
    if (next <= busy) return busy;
    busy = next;
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * Lₐ, rounded up by more than the doubles are wrong by; Infinity where 1 − U is too near 0 to divide by. The load must be known
 * not to exceed 1. `end` includes the interruptions.
 */
export function loadHorizonUs(table: TaskTable, first: number, end: number, blockingUs: number): number {
  const { wcetUs, periodUs, windowUs } = table;
  let load = 0;
  let excess = 0;
  let size = 0;
  let beyond = 0;
  for (let j = first; j < end; j++) {
    const share = (wcetUs[j] as number) / (periodUs[j] as number);
    const early = (periodUs[j] as number) - (windowUs[j] as number);
    load += share;
    excess += early * share;
    size += Math.abs(early) * share;
    if (-early > beyond) beyond = -early;
  }
  const count = end - first;
  const error = count * count * 1e-15;
  const room = 1 - load - error;
  if (room < 1e3 * error) return Number.POSITIVE_INFINITY;
  const horizon = ((blockingUs + excess + size * 1e-12) / room) * (1 + 1e-12) + 1;
  return Math.max(beyond + 1, horizon);
}

/** L, or Infinity. `exact` is whether the load is below 1: at 1 only the busy period ends. */
export function horizonUs(table: TaskTable, first: number, end: number, blockingUs: number): number {
  const byLoadUs = loadHorizonUs(table, first, end, blockingUs);
  const busyUs = busyPeriodUs(table, first, end, blockingUs, Math.min(byLoadUs, HORIZON_US_MAX));
  const horizon = Math.min(byLoadUs, busyUs);
  return horizon <= HORIZON_US_MAX ? horizon : Number.POSITIVE_INFINITY;
}
