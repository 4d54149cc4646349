/**
 * Which tasks a target can keep up with while they run elsewhere: those of which the same state and the same inputs give the same state and
 * the same outputs, wherever they run.
 */
import type { RuntimeKind, TaskSpec } from '../model/task.ts';

const DETERMINISTIC: ReadonlySet<RuntimeKind> = new Set(['wasm', 'worker']);

export const isFollowable = ({ runtime }: Pick<TaskSpec, 'runtime'>): boolean => DETERMINISTIC.has(runtime);

export const notFollowable = ({ runtime }: Pick<TaskSpec, 'runtime'>): string =>
  `a task of runtime ${runtime} may do something else when it runs a second time`;
