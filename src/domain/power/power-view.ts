/** How one ECU looks to who decides about sleep. */
import type { TaskSpec } from '../model/task.ts';
import type { Candidate } from '../placement/evidence.ts';

export type PowerState = 'awake' | 'emptying' | 'falling' | 'asleep' | 'waking';

export interface PowerView {
  /** As it would be if it were awake. */
  readonly candidate: Candidate;
  readonly state: PowerState;
  /** What it runs. */
  readonly tasks: readonly TaskSpec[];
  /** A failure is foreseen there, or more load than it should have. */
  readonly threatened: boolean;
  /** Forecast, the upper decile; undefined: nobody measures it. */
  readonly load: number | undefined;
  /** Of the reservation there that begins first, or lasts: in how many µs it begins, 0 where it has. Undefined: there is none. */
  readonly reserved?: { readonly id: string; readonly inUs: number } | undefined;
  /** It may be emptied: awake for long enough, and not refused lately. */
  readonly rested: boolean;
}
