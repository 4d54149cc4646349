/**
 * What the sum of utilisations says by itself, exactly: more than the cores can do, or so little that rate-monotonic priorities
 * cannot fail. Sums are made in doubles and, where they are closer to the bound than their error, again in fractions of big
 * integers: ⅓ + ⅓ + ⅓ is 1.
 *
 *   load              Σ Cᵢ / Tᵢ against a whole number of cores
 *   Liu & Layland     Σ Uᵢ ≤ n (2^(1/n) − 1)
 *   hyperbolic        Π (Uᵢ + 1) ≤ 2            accepts all that Liu & Layland accept, and more
 *
 * Source: Liu & Layland, JACM 20(1), 1973; Bini, Buttazzo, Buttazzo, IEEE TC 52(7), 2003.
 * Units:  integer µs.
 * Shape:  any order. The two bounds are sufficient, for one core, deadlines not before the period's end, no jitter and no
 *         blocking, and rate-monotonic priorities; they never say that a set fails.
 * Errors: none. A product of fractions needs digits for every task: beyond EXACT_TASKS_MAX a close call is answered with no.
 * Cost:   O(n); O(n²) digits in a close call.
 */
import type { RealtimeTask } from './realtime-task.ts';

/** Above the error of a sum or product of TASKS_MAX doubles of at most one each. */
const CLOSE = 1e-9;
const EXACT_TASKS_MAX = 512;

type Demand = Pick<RealtimeTask, 'wcetUs' | 'periodUs'>;

export function utilisationOf(tasks: readonly Demand[]): number {
  let sum = 0;
  for (const { wcetUs, periodUs } of tasks) sum += wcetUs / periodUs;
  return sum;
}

/** −1, 0 or 1: the load is below, exactly, or above what so many cores can do. */
export function compareLoad(tasks: readonly Demand[], cores: number): -1 | 0 | 1 {
  const sum = utilisationOf(tasks);
  const error = CLOSE * Math.max(1, sum);
  if (sum < cores - error) return -1;
  if (sum > cores + error) return 1;
  let numerator = 0n;
  let denominator = 1n;
  for (const { wcetUs, periodUs } of tasks) {
    numerator = numerator * BigInt(periodUs) + BigInt(wcetUs) * denominator;
    denominator *= BigInt(periodUs);
  }
  const limit = BigInt(cores) * denominator;
  return numerator < limit ? -1 : numerator > limit ? 1 : 0;
}

export function withinLiuLayland(tasks: readonly Demand[]): boolean {
  const n = tasks.length;
  // Irrational but for n = 1, so no fraction decides it: rounded against the set.
  if (n === 1) return compareLoad(tasks, 1) <= 0;
  return utilisationOf(tasks) <= n * (2 ** (1 / n) - 1) - CLOSE;
}

export function withinHyperbolic(tasks: readonly Demand[]): boolean {
  let product = 1;
  for (const { wcetUs, periodUs } of tasks) product *= wcetUs / periodUs + 1;
  if (product < 2 - CLOSE) return true;
  if (product > 2 + CLOSE || tasks.length > EXACT_TASKS_MAX) return false;
  let numerator = 1n;
  let denominator = 1n;
  for (const { wcetUs, periodUs } of tasks) {
    numerator *= BigInt(wcetUs) + BigInt(periodUs);
    denominator *= BigInt(periodUs);
  }
  return numerator <= 2n * denominator;
}

/** Do the two bounds speak about this set? Equal periods may have either priority. */
export function isRateMonotonic(tasks: readonly RealtimeTask[]): boolean {
  const byUrgency = [...tasks].sort((a, b) => b.priority - a.priority || a.periodUs - b.periodUs);
  return byUrgency.every(
    (task, at) =>
      task.deadlineUs >= task.periodUs &&
      (task.jitterUs ?? 0) === 0 &&
      (task.blockingUs ?? 0) === 0 &&
      (at === 0 || (byUrgency[at - 1] as RealtimeTask).periodUs <= task.periodUs),
  );
}
