/**
 * Random task sets for one core, from a seed: utilisations, periods and deadlines by the field's methods, priorities
 * deadline-monotonic (ties: shorter period, then the order of drawing).
 *
 *   T  log-uniform over a range, or the periods of automotive software with their shares (WATERS)
 *   C  = max(1, round(u·T))
 *   D  implicit D = T · constrained uniform over [C, T] · arbitrary uniform over [C, 2T]
 *
 * Source of the automotive periods and their shares: Kramer, Ziegenbein & Hamann, "Real world automotive benchmarks for free",
 *         WATERS 2015 (runnables bound to the engine's angle are left out, the rest is scaled to a sum of 1).
 * Errors: `undefined` where the bounds of a specification admit no draw.
 */
import type { Rng } from '../../kernel/rng.ts';
import type { RealtimeTask } from '../realtime-task.ts';
import { randFixedSum, uuniFast, uuniFastDiscard } from './utilisations.ts';

export const UTILISATION_METHODS = ['uunifast', 'uunifast-discard', 'randfixedsum'] as const;
export const PERIOD_METHODS = ['log-uniform', 'automotive'] as const;
export const DEADLINE_METHODS = ['implicit', 'constrained', 'arbitrary'] as const;

export interface DrawSpec {
  readonly tasks: { readonly least: number; readonly most: number };
  /** Of the whole set, uniform between the two. */
  readonly utilisation: { readonly least: number; readonly most: number };
  readonly utilisations: (typeof UTILISATION_METHODS)[number];
  readonly periods: (typeof PERIOD_METHODS)[number];
  /** For log-uniform periods. */
  readonly periodUs: { readonly least: number; readonly most: number };
  readonly deadlines: (typeof DEADLINE_METHODS)[number];
}

const AUTOMOTIVE: readonly (readonly [periodMs: number, share: number])[] = [
  [1, 3],
  [2, 2],
  [5, 2],
  [10, 25],
  [20, 25],
  [50, 3],
  [100, 20],
  [200, 1],
  [1000, 4],
];
const AUTOMOTIVE_SHARES = AUTOMOTIVE.reduce((sum, [, share]) => sum + share, 0);

/** In order of urgency: the most urgent first. */
export function drawTaskSet(rng: Rng, spec: DrawSpec): RealtimeTask[] | undefined {
  const count = spec.tasks.least + rng.below(spec.tasks.most - spec.tasks.least + 1);
  const total = between(rng, spec.utilisation);
  const shares = drawShares(rng, spec, { count, total });
  if (shares === undefined) return undefined;
  const drawn: Omit<RealtimeTask, 'priority'>[] = [];
  for (const share of shares) {
    const periodUs = drawPeriodUs(rng, spec);
    const wcetUs = Math.max(1, Math.round(share * periodUs));
    drawn.push({ wcetUs, periodUs, deadlineUs: drawDeadlineUs(rng, spec.deadlines, { wcetUs, periodUs }) });
  }
  return deadlineMonotonic(drawn);
}

/** Gives priorities: the shorter the deadline, the more urgent. The result is in order of urgency. */
export function deadlineMonotonic<T extends Omit<RealtimeTask, 'priority'>>(
  tasks: readonly T[],
): (T & { readonly priority: number })[] {
  const order = tasks.map((_, index) => index);
  order.sort((a, b) => {
    const [first, second] = [tasks[a] as T, tasks[b] as T];
    return first.deadlineUs - second.deadlineUs || first.periodUs - second.periodUs || a - b;
  });
  return order.map((index, rank) => ({ ...(tasks[index] as T), priority: tasks.length - rank }));
}

function drawShares(
  rng: Rng,
  { utilisations }: DrawSpec,
  sum: { readonly count: number; readonly total: number },
): Float64Array | undefined {
  if (utilisations === 'uunifast') return uuniFast(rng, sum.count, sum.total);
  return utilisations === 'randfixedsum' ? randFixedSum(rng, sum) : uuniFastDiscard(rng, sum);
}

function drawPeriodUs(rng: Rng, { periods, periodUs: { least, most } }: DrawSpec): number {
  if (periods === 'log-uniform') return Math.round(least * (most / least) ** rng.unit());
  let left = rng.unit() * AUTOMOTIVE_SHARES;
  for (const [periodMs, share] of AUTOMOTIVE) {
    left -= share;
    if (left < 0) return periodMs * 1000;
  }
  return 1_000_000;
}

function drawDeadlineUs(
  rng: Rng,
  deadlines: DrawSpec['deadlines'],
  { wcetUs, periodUs }: { readonly wcetUs: number; readonly periodUs: number },
): number {
  if (deadlines === 'implicit' || wcetUs >= periodUs) return Math.max(wcetUs, periodUs);
  const mostUs = deadlines === 'constrained' ? periodUs : 2 * periodUs;
  return wcetUs + rng.below(mostUs - wcetUs + 1);
}

const between = (rng: Rng, { least, most }: { readonly least: number; readonly most: number }): number =>
  least + (most - least) * rng.unit();
