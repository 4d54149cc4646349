import type { TaskHistoryEntry } from '../domain/forecast/task-history.ts';
import type { TaskName } from '../domain/model/ids.ts';

/** Where a task's series wait for whoever follows the task next. Losing an entry costs a warm-up, nothing else. */
export interface SeriesShelf {
  put(entry: TaskHistoryEntry): Promise<void>;
  /** Undefined: there is none, or none that can be read. */
  read(task: TaskName): Promise<TaskHistoryEntry | undefined>;
}
