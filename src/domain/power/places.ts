/**
 * Whether tasks find places on ECUs, for who decides about sleep: placement's own group assignment and exact test (`placement/assign.ts`), asked of
 * few ECUs first, because of a thousand nearly all would do.
 *
 * P1. What is found holds by the exact test, with everything else that is placed there in the same question.
 * P2. `wholly`: where few have no room more are asked, to the last, so that "no place" is true of all of them. Otherwise NARROW_MOST are asked at
 *     most, and "no place" only says that it is not easily found.
 * P3. In a fleet of no more than ALL_AT_ONCE all are asked at once, and the best of all is taken.
 */
import type { Mac, TaskName } from '../model/ids.ts';
import type { TaskSpec } from '../model/task.ts';
import { acceptedTaskOf, chargePpb } from '../placement/admit.ts';
import { type AssignRequest, assign } from '../placement/assign.ts';
import { staticRefusal } from '../placement/feasible.ts';
import type { ScoreWeights } from '../placement/score.ts';
import type { PowerView } from './power-view.ts';

export type Neighbours = Pick<AssignRequest, 'apartOfRunning' | 'criticalityOfRunning'>;

/** Counts exact tests, and says when a look has had enough of them. */
export class TestMeter {
  used = 0;
  private readonly most: number;

  constructor(most = Number.POSITIVE_INFINITY) {
    this.most = most;
  }

  get isSpent(): boolean {
    return this.used >= this.most;
  }
}

export interface Asking extends Neighbours {
  readonly meter: TestMeter;
}

export interface Places {
  readonly moves: ReadonlyMap<TaskName, Mac>;
  readonly homeless: readonly TaskSpec[];
}

const ALL_AT_ONCE = 32;
const NARROW_FIRST = 4;
const NARROW_MOST = 64;
const NONE: ReadonlySet<Mac> = new Set();

/** All of them are asked. */
export function place(tasks: readonly TaskSpec[], views: readonly PowerView[], asking: Asking, weights?: ScoreWeights): Places {
  const { meter, ...neighbours } = asking;
  const { assignments } = assign({
    newcomers: tasks.map((spec) => ({ spec })),
    candidates: views.map(({ candidate }) => (candidate.asleep === true ? { ...candidate, asleep: false } : candidate)),
    ...neighbours,
    ...(weights === undefined ? {} : { weights }),
    withoutShedding: true,
    onTest: () => {
      meter.used++;
    },
  });
  const moves = new Map(assignments.map(({ task, mac }) => [task, mac]));
  return { moves, homeless: tasks.filter(({ name }) => !moves.has(name)) };
}

/** P2, P3. `views`: those that are asked first come first. Undefined: there were too many tests. */
export function placeAmongMany(
  tasks: readonly TaskSpec[],
  views: readonly PowerView[],
  asking: Asking,
  how: { readonly weights?: ScoreWeights; readonly wholly: boolean },
): Places | undefined {
  if (tasks.length === 0) return { moves: new Map(), homeless: [] };
  if (views.length <= ALL_AT_ONCE) return place(tasks, views, asking, how.weights);
  for (let size = NARROW_FIRST; ; size *= 4) {
    if (asking.meter.isSpent) return undefined;
    const some = size > NARROW_MOST ? views : firstThatMay(tasks, views, size);
    const found = place(tasks, some, asking, how.weights);
    if (found.homeless.length === 0 || size > NARROW_MOST || (size === NARROW_MOST && !how.wholly)) return found;
  }
}

/** Those that could take at least one of the tasks, by what needs no test. */
function firstThatMay(tasks: readonly TaskSpec[], views: readonly PowerView[], count: number): PowerView[] {
  const demands = tasks.map((spec) => {
    const { memoryBytesMax, ...rest } = acceptedTaskOf(spec, 0);
    return { spec, memoryBytes: memoryBytesMax, ppb: chargePpb({ memoryBytesMax, ...rest }) };
  });
  const found: PowerView[] = [];
  for (const view of views) {
    const room = roomOf(view);
    const candidate = view.candidate.asleep === true ? { ...view.candidate, asleep: false } : view.candidate;
    if (
      demands.some(
        ({ spec, memoryBytes, ppb }) =>
          room.memoryBytes >= memoryBytes && room.ppb >= ppb && staticRefusal(candidate, { spec }, NONE) === undefined,
      )
    )
      found.push(view);
    if (found.length === count) break;
  }
  return found;
}

interface FreeRoom {
  readonly memoryBytes: number;
  readonly ppb: number;
}

const known = new WeakMap<PowerView['candidate'], FreeRoom>();

/** What is left there, of memory and of all cores together. */
export function roomOf({ candidate }: PowerView): FreeRoom {
  const before = known.get(candidate);
  if (before !== undefined) return before;
  let memoryBytes = candidate.description.memoryBytes;
  let ppb = Math.max(1, candidate.description.cores) * 1e9;
  for (const task of candidate.accepted) {
    memoryBytes -= task.memoryBytesMax;
    ppb -= chargePpb(task);
  }
  const room = { memoryBytes, ppb };
  known.set(candidate, room);
  return room;
}

/** As it is when those of the tasks that go there have come. */
export function withMoved(view: PowerView, tasks: readonly TaskSpec[], moves: ReadonlyMap<TaskName, Mac>): PowerView {
  const moved = tasks.filter(({ name }) => moves.get(name) === view.candidate.mac);
  if (moved.length === 0) return view;
  const { candidate, load } = view;
  const accepted = moved.map((spec) => acceptedTaskOf(spec, 0));
  const more = accepted.reduce((sum, task) => sum + chargePpb(task), 0) / 1e9 / Math.max(1, candidate.description.cores);
  return {
    ...view,
    candidate: { ...candidate, accepted: [...candidate.accepted, ...accepted] },
    tasks: [...view.tasks, ...moved],
    load: load === undefined ? undefined : load + more,
  };
}
