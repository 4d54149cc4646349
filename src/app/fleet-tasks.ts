/** The tasks that a fleet file names (`tasks:`), read from their task files: as `drover up` deploys them and `simulate` plays them. */

import { DroverError } from '../domain/kernel/error-codes.ts';
import type { TaskName } from '../domain/model/ids.ts';
import type { FleetPlan } from './fleet-file.ts';
import { loadTaskFile, type TaskSpecDraft } from './task-file.ts';

export interface FleetTask {
  readonly name: TaskName;
  /** The task file, or the folder that holds it. */
  readonly path: string;
  readonly draft: TaskSpecDraft;
  readonly mustSurvive: boolean;
}

/** Fails with ERR_FLEET_FILE where two have one name, and as task files do. */
export async function loadFleetTasks(tasks: FleetPlan['tasks']): Promise<readonly FleetTask[]> {
  const found: FleetTask[] = [];
  for (const { path, name, count, mustSurvive } of tasks) {
    const { draft } = await loadTaskFile(path);
    const base = name ?? draft.name;
    for (let number = 1; number <= count; number++) {
      const own = count === 1 ? base : `${base}-${number}`;
      if (found.some((task) => task.name === own))
        throw new DroverError('ERR_FLEET_FILE', `two tasks are ${own}: give one of them another name (\`name:\`)`);
      found.push({ name: own, path, draft: { ...draft, name: own }, mustSurvive });
    }
  }
  return found;
}
