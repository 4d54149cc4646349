/** What one manager says of the ECUs that it follows to another that weighs a move there, in a fleet that is shared out. */
import type { Mac, TaskName } from '../model/ids.ts';
import type { ResourceKind } from '../model/task.ts';
import type { Quantiles } from './threat.ts';

export interface ForesightQuery {
  readonly macs: readonly Mac[];
  /** The task that might go there, or went; undefined: none. */
  readonly task: TaskName | undefined;
  /** What its own series foretell of its load at the horizon, in cores; undefined: nothing. */
  readonly ahead: Quantiles | undefined;
}

export interface EcuForesight {
  readonly mac: Mac;
  readonly incarnation: number;
  /** Followed for long enough, alive, and not being emptied. */
  readonly ready: boolean;
  readonly threatened: boolean;
  readonly failure: number;
  readonly overload: number;
  readonly failsInS: number;
  readonly loadQuantiles: Quantiles;
  readonly loadByTasks: Quantiles | undefined;
  readonly resourceKind: ResourceKind;
  /** With the load that was asked about on top; undefined: nothing was. */
  readonly after: LoadAfter | undefined;
  /** Deadline misses of the task that was asked about; undefined: it does not run there. */
  readonly misses: number | undefined;
}

export interface LoadAfter {
  readonly load: Quantiles;
  readonly overload: number;
  /** Late jobs of those that run there. */
  readonly disturbs: number;
}
