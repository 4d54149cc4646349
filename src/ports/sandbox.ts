import type { RuntimeKind } from '../domain/model/task.ts';
import type { TaskRuntime } from './task-runtime.ts';

/**
 * Runtimes for a trial and nothing else: what runs in them has no bus, and what it says is not logged as the task's word.
 * Opened for one trial and closed after it, so that nothing is held while nothing is tried.
 */
export interface Sandbox {
  readonly runtimes: ReadonlyMap<RuntimeKind, TaskRuntime>;
  close(): Promise<void>;
}
