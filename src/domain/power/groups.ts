/**
 * Where all tasks of an ECU could go so that it is empty: wholly, or not at all. Tasks that belong together stay together: those that feed one another
 * (`inputs.from`) and those that are wished together (`affinity.together`), where both are on that ECU, go to one and the same other.
 */
import type { Mac, TaskName } from '../model/ids.ts';
import type { TaskSpec } from '../model/task.ts';
import type { ScoreWeights } from '../placement/score.ts';
import { type Asking, place, placeAmongMany, roomOf, withMoved } from './places.ts';
import type { PowerView } from './power-view.ts';

/** ECUs that are asked whether they take a whole group. */
const ASKED_MOST = 64;

/** `none`: they find no places, or not together. Undefined: it took too many tests. */
export function movesTogether(
  tasks: readonly TaskSpec[],
  others: readonly PowerView[],
  asking: Asking,
  weights: ScoreWeights,
): ReadonlyMap<TaskName, Mac> | 'none' | undefined {
  // Full ones first, so that others become empty.
  let views = [...others].sort((a, b) => roomOf(a).ppb - roomOf(b).ppb || (a.candidate.mac < b.candidate.mac ? -1 : 1));
  const moves = new Map<TaskName, Mac>();
  const groups = groupsOf(tasks);
  for (const group of groups.filter(({ length }) => length > 1)) {
    const found = views.slice(0, ASKED_MOST).find((view) => {
      return !asking.meter.isSpent && place(group, [view], asking).homeless.length === 0;
    });
    if (found === undefined) return asking.meter.isSpent ? undefined : 'none';
    for (const { name } of group) moves.set(name, found.candidate.mac);
    views = views.map((view) => (view === found ? withMoved(view, group, moves) : view));
  }
  const singles = groups.flatMap((group) => (group.length === 1 ? group : []));
  const placed = placeAmongMany(singles, views, asking, { weights, wholly: false });
  if (placed === undefined) return undefined;
  return placed.homeless.length > 0 ? 'none' : new Map([...moves, ...placed.moves]);
}

/** The largest first; in the order of the tasks where they are as large. */
export function groupsOf(tasks: readonly TaskSpec[]): readonly (readonly TaskSpec[])[] {
  const names = new Set(tasks.map(({ name }) => name));
  const joined = new Map<TaskName, TaskName>();
  const rootOf = (name: TaskName): TaskName => {
    let root = name;
    for (let next = joined.get(root); next !== undefined; next = joined.get(root)) root = next;
    return root;
  };
  for (const { name, affinity, inputs } of tasks) {
    for (const other of [...affinity.together, ...(inputs.from === undefined ? [] : [inputs.from])]) {
      const [one, two] = [rootOf(name), rootOf(other)];
      if (names.has(other) && one !== two) joined.set(one, two);
    }
  }
  const groups = new Map<TaskName, TaskSpec[]>();
  for (const task of tasks) {
    const root = rootOf(task.name);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [task]);
    else group.push(task);
  }
  return [...groups.values()].sort((a, b) => b.length - a.length);
}
