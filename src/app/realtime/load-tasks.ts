/** What `drover analyze` and `drover schedule` are given: a task-set file, or task files (or their folders) whose tasks would share one ECU. */
import { stat } from 'node:fs/promises';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { loadTaskFile } from '../task-file.ts';
import { loadTaskSetFile, type NamedTask, type TaskSet } from './task-set-file.ts';

export async function loadTasks(paths: readonly string[]): Promise<TaskSet> {
  const [only] = paths;
  if (only !== undefined && paths.length === 1 && !(await isTask(only))) return loadTaskSetFile(only);
  const tasks: NamedTask[] = [];
  for (const path of paths) {
    const { draft } = await loadTaskFile(path);
    const { name, wcetUs, periodUs, deadlineUs, priority } = draft;
    if (periodUs === 0) {
      throw new DroverError(
        'ERR_TASK_SET',
        `${path}: ${name} has no period: nothing bounds how often it runs, so no test covers it`,
      );
    }
    tasks.push({ name, wcetUs, periodUs, deadlineUs, priority });
  }
  return { tasks, platform: {}, overheads: undefined };
}

const isTask = async (path: string): Promise<boolean> =>
  /(^|[/\\])task\.ya?ml$/.test(path) ||
  (await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  ));
