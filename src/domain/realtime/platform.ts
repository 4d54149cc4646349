/** What a task set is to run on, as analysis and simulation see it: cores, who decides, and whether a job can be interrupted. */
import type { Overheads } from './overheads.ts';

export type Scheduler = 'fp' | 'edf' | 'rr';
export type Placement = 'global' | 'partitioned';

export interface Platform {
  readonly cores: number;
  /** Fixed priorities, earliest deadline first, or round robin. */
  readonly scheduler: Scheduler;
  readonly preemptive: boolean;
  /** Whether a job may run on any core, or every task has its own. The same on one core. */
  readonly placement: Placement;
  /** Round robin only: the longest time a task runs before the next is asked. */
  readonly sliceUs?: number;
  /** Only an analysis charges them. */
  readonly overheads?: Overheads;
}

export const CORES_MAX = 1_024;
export const SLICE_US = 1_000;
