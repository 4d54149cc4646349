/**
 * Which ECUs keep a copy of a task's newest state at hand, by rendezvous hashing (Thaler, Ravishankar, "Using name-based
 * mappings to increase hit rates", 1998): every ECU that could run the task is drawn a number from (task, ECU), and the highest
 * are taken. Nobody has to agree on a table, the copies of one ECU's tasks lie at many others, and when an ECU comes or goes
 * only the tasks that chose it choose anew.
 */
import { hash32 } from '../kernel/rng.ts';
import type { Mac } from '../model/ids.ts';
import type { TaskSpec } from '../model/task.ts';
import type { Candidate } from './evidence.ts';
import { staticRefusal } from './feasible.ts';

const NONE: ReadonlySet<Mac> = new Set();

/** The ECUs that could run the task by all that does not change with load, the first choice first. `owner` runs it now. */
export function standbyOrder(spec: TaskSpec, candidates: readonly Candidate[], owner: Mac): Mac[] {
  return candidates
    .filter((candidate) => candidate.mac !== owner && staticRefusal(candidate, { spec }, NONE) === undefined)
    .map(({ mac }) => ({ mac, draw: hash32(`${spec.name} ${mac}`) }))
    .sort((a, b) => b.draw - a.draw || (a.mac < b.mac ? -1 : 1))
    .map(({ mac }) => mac);
}
