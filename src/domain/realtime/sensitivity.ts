/**
 * How much could change before a deadline is missed.
 *
 *   slack                         D − R, and how much longer a task may run: largestWcetUs − C
 *   largest WCET that fits        the C with which the set is schedulable and with C + 1 is not, everything else as it is
 *   smallest interval that fits   the X of checkpoints (overheads.ts) with which the set is schedulable, and with no smaller one
 *
 * A longer WCET never makes a set schedulable, so halving finds the largest. The interval has two effects: a shorter one means
 * more checkpoints and less to repeat after a fault; so a range [a, b] is passed over when not even the checkpoints of b with
 * the repetition of a fit, and halved else, the lower half first. Without faults that is plain halving.
 *
 * Source: Bini, Di Natale, Buttazzo, Real-Time Systems 39, 2008 (sensitivity); the search over ranges is ours.
 * Units:  integer µs.  Shape: `tasks` in any order; the platform's overheads are charged on top of the WCET searched for.
 * Errors: `undefined` when no value fits, or when `work` is used up before the value is found: part of a search is no answer. A single
 *         test that reaches its own limit counts as no.
 * Cost:   at most 50 verdicts for a WCET; for an interval two for each halving, SEARCH_MAX at most; `work` bounds all of it.
 */
import { type AnalyseOptions, analyse, analyseLoaded } from './analyse.ts';
import { withIntervals } from './overheads.ts';
import type { Platform } from './platform.ts';
import { platformRefusal } from './platform-check.ts';
import type { RealtimeTask } from './realtime-task.ts';
import { refusalOfSet } from './set-check.ts';
import { TERMS_PER_SEARCH, type Work } from './work-limit.ts';

const SEARCH_MAX = 5_000;
const VERDICT_ONLY: AnalyseOptions = { responses: false };

export const workForSearch = (): Work => ({ terms: TERMS_PER_SEARCH });

export function largestWcetUs(
  tasks: readonly RealtimeTask[],
  index: number,
  platform: Platform,
  work: Work = workForSearch(),
): number | undefined {
  if (refusalOfSet(tasks) !== undefined) return undefined;
  const task = tasks[index] as RealtimeTask;
  const fits = (wcetUs: number): boolean => {
    const changed = tasks.map((one, at) => (at === index ? { ...one, wcetUs } : one));
    return work.terms >= 0 && analyse(changed, platform, { ...VERDICT_ONLY, work }).schedulable === true;
  };
  if (!fits(1)) return undefined;
  let least = 1;
  // With all of the deadline and one more it never fits.
  let above = task.deadlineUs + 1;
  if (task.wcetUs < above && fits(task.wcetUs)) least = task.wcetUs;
  else above = Math.min(above, task.wcetUs);
  while (above - least > 1) {
    const middle = least + Math.floor((above - least) / 2);
    if (fits(middle)) least = middle;
    else above = middle;
  }
  return work.terms < 0 ? undefined : least;
}

export function smallestCheckpointIntervalUs(
  tasks: readonly RealtimeTask[],
  platform: Platform,
  work: Work = workForSearch(),
): number | undefined {
  const { overheads } = platform;
  if (overheads?.checkpoint === undefined) return undefined;
  if (refusalOfSet(tasks) !== undefined || platformRefusal(platform) !== undefined) return undefined;
  let tried = 0;
  const fits = (savedUs: number, repeatedUs: number): boolean =>
    ++tried <= SEARCH_MAX &&
    work.terms >= 0 &&
    analyseLoaded(withIntervals(tasks, overheads, { savedUs, repeatedUs }), platform, { ...VERDICT_ONLY, work }).schedulable ===
      true;
  const search = (from: number, to: number): number | undefined => {
    if (!fits(to, from)) return undefined;
    if (from === to) return from;
    const middle = from + Math.floor((to - from) / 2);
    return search(from, middle) ?? search(middle + 1, to);
  };
  // Beyond the longest task an interval changes nothing.
  let longest = 1;
  for (const { wcetUs } of tasks) longest = Math.max(longest, wcetUs);
  const found = search(1, longest);
  return work.terms < 0 ? undefined : found;
}
