/**
 * What the event loop holds of a task: FIELDS doubles in one array, so that a job's happenings touch one place of memory and
 * nothing has to be allocated. Field k of task i is at i · FIELDS + k. All times are µs from the start of the simulation.
 */

export const PERIOD = 0;
export const DEADLINE = 1;
/** What every job takes, or -1: drawn. */
export const DEMAND = 2;
/** Fixed priorities: 0 is the most urgent. */
export const RANK = 3;
/** Arrival of the next job, which is not released yet. */
export const NEXT_ARRIVAL = 4;
/** Jobs released and not done. The next fields are about the oldest of them. */
export const PENDING = 5;
export const ARRIVAL = 6;
export const RELEASE = 7;
/** What it still has to run, overhead included; out of date while it runs. */
export const REMAINING = 8;
/** Its place among all that wait. */
export const KEY = 9;
/** 1 once it has run. */
export const BEGUN = 10;
export const START = 11;
/** What of REMAINING is overhead. */
export const OVERHEAD_LEFT = 12;
export const LAST_CORE = 13;
/** Statistics of all jobs: what those that were opened asked for, … */
export const DEMANDED = 14;
/** … what went into overheads, … */
export const OVERHEAD = 15;
/** … and how those went that are done. */
export const COMPLETED = 16;
export const MAX_RESPONSE = 17;
export const MIN_RESPONSE = 18;
export const SUM_RESPONSE = 19;
export const MISSED = 20;
export const PREEMPTIONS = 21;
export const MIGRATIONS = 22;
/** Jobs whose number this divides take CHECKPOINT_COST longer; 0: none does. */
export const CHECKPOINT_EVERY = 23;
export const CHECKPOINT_COST = 24;
export const FIELDS = 25;
