/**
 * Which ECUs are to be awake: one look at the fleet, one answer. Pure; who acts on it and how often is `actors/power-manager.ts`.
 *
 * G1. Tasks that wait for a place come first: sleeping ECUs that could take them are woken, no more of them than are needed.
 * G2. Those that are awake must be enough for the worst that is to be expected: the tasks of all that are threatened find places on the others, and
 *     when they have gone there, the tasks of any one of those find places on the rest, by the exact test that admits them. While that does not
 *     hold, one more that makes it better is woken; an ECU that is being emptied is kept first, which costs nothing.
 * G3. Otherwise, and only while nothing is on its way up or down, one ECU may be emptied: what runs there finds places on the others, G2 holds after
 *     that too, it is not threatened, and its sleep pays for its waking within `worthWithinS`.
 * G4. Of several that could, the one that saves the most watts; then the fewest tasks to move; then the larger MAC.
 * G5. An ECU is awake while a reservation of it lasts, and LEAD before it begins; and none is put to sleep that would have to be woken for one before
 *     it has slept for `sleepUsLeast` and its sleep has paid.
 */
import type { EcuPower, SleepState } from '../model/ecu.ts';
import type { Mac, TaskName } from '../model/ids.ts';
import type { TaskSpec } from '../model/task.ts';
import { acceptedTaskOf, chargePpb } from '../placement/admit.ts';
import { type AssignRequest, assign } from '../placement/assign.ts';
import type { Candidate, Plan } from '../placement/evidence.ts';
import { SCORE_WEIGHTS, type ScoreWeights } from '../placement/score.ts';
import { deepestSleep, worthAfterS } from './power-model.ts';

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

export interface PowerPolicy {
  /** ECUs that stay awake whatever the tests say. */
  readonly awakeLeast: number;
  readonly wakeUsMost: number;
  readonly worthWithinS: number;
  /** G5. */
  readonly sleepUsLeast: number;
  /** Of a target: forecast load and what is moved there together. */
  readonly loadMost: number;
}

export const POWER_POLICY: PowerPolicy = {
  ...{ awakeLeast: 1, wakeUsMost: 10_000_000, worthWithinS: 300, loadMost: 0.9 },
  sleepUsLeast: 60_000_000,
};

/** G5. For the word to get there, to be said again, and for a manager that takes over. */
const LEAD_US = 5_000_000;

/** G5. Why an ECU that sleeps, or is on its way there, must be awake now; undefined: no reservation asks for it. */
export function wokenFor({ reserved }: Pick<PowerView, 'reserved'>, sleep: Pick<SleepState, 'wakeUs'>): string | undefined {
  if (reserved === undefined || reserved.inUs > sleep.wakeUs + LEAD_US) return undefined;
  const { id, inUs } = reserved;
  return inUs === 0 ? `reservation ${id} lasts there` : `reservation ${id} begins there in ${(inUs / 1e6).toFixed(1)} s`;
}

/** G5. */
function mustWakeTooSoon({ reserved }: PowerView, power: EcuPower, sleep: SleepState, { sleepUsLeast }: PowerPolicy): boolean {
  const least = Math.max(sleepUsLeast, worthAfterS(power, sleep) * 1e6);
  return reserved !== undefined && reserved.inUs < least + sleep.wakeUs + LEAD_US;
}

export interface Emptying {
  readonly mac: Mac;
  readonly sleep: SleepState;
  readonly savesWatts: number;
  readonly moves: ReadonlyMap<TaskName, Mac>;
}

export interface PowerPlan {
  readonly wake: readonly { readonly mac: Mac; readonly reason: string }[];
  readonly empty: Emptying | undefined;
}

/** Where tasks are moved together: full ECUs first, so that others become empty. */
const PACKING: ScoreWeights = { ...SCORE_WEIGHTS, headroom: -0.5, spread: -0.2, slack: 0.05 };

export type Neighbours = Pick<AssignRequest, 'apartOfRunning' | 'criticalityOfRunning'>;

export function planPower(
  views: readonly PowerView[],
  waiting: readonly TaskSpec[],
  { policy, ...neighbours }: Neighbours & { readonly policy: PowerPolicy },
): PowerPlan {
  const usable = views.filter(({ candidate }) => candidate.alive && !candidate.draining);
  const up = usable.filter(({ state }) => state === 'awake' || state === 'waking');
  // Whoever is kept costs less than whoever is woken.
  const down = usable.filter(({ state }) => state !== 'awake' && state !== 'waking').sort(byReadiness);
  const wakes = forWaiting(up, down, waiting, neighbours) ?? forCover(up, down, neighbours);
  if (wakes !== undefined) return { wake: wakes, empty: undefined };
  const isMoving = usable.some(({ state }) => state !== 'awake' && state !== 'asleep');
  return { wake: [], empty: isMoving || waiting.length > 0 ? undefined : toEmpty(up, neighbours, policy) };
}

const READINESS: Readonly<Record<PowerState, number>> = { awake: 0, emptying: 1, falling: 2, waking: 3, asleep: 4 };

function byReadiness(a: PowerView, b: PowerView): number {
  const [powerA, powerB] = [a.candidate.description.power, b.candidate.description.power];
  return (
    READINESS[a.state] - READINESS[b.state] ||
    (powerA?.idleWatts ?? 0) - (powerB?.idleWatts ?? 0) ||
    (a.candidate.mac < b.candidate.mac ? -1 : 1)
  );
}

/** G1. */
function forWaiting(
  up: readonly PowerView[],
  down: readonly PowerView[],
  waiting: readonly TaskSpec[],
  neighbours: Neighbours,
): PowerPlan['wake'] | undefined {
  if (waiting.length === 0 || down.length === 0) return undefined;
  const unplaced = new Set(place(waiting, up, neighbours).unplaced.map(({ task }) => task));
  if (unplaced.size === 0) return undefined;
  const rest = waiting.filter(({ name }) => unplaced.has(name));
  const used = new Set(place(rest, down, neighbours, PACKING).assignments.map(({ mac }) => mac));
  const wake = down.filter(({ candidate }) => used.has(candidate.mac));
  return wake.length === 0
    ? undefined
    : wake.map(({ candidate: { mac } }) => ({ mac, reason: `${rest[0]?.name} waits for a place` }));
}

/** G2. */
function forCover(up: readonly PowerView[], down: readonly PowerView[], neighbours: Neighbours): PowerPlan['wake'] | undefined {
  if (down.length === 0) return undefined;
  const { count, first } = uncovered(up, neighbours);
  if (count === 0) return undefined;
  let best: { readonly mac: Mac; readonly count: number } | undefined;
  for (const one of down) {
    const left = uncovered([...up, one], neighbours).count;
    if (left < (best?.count ?? count)) best = { mac: one.candidate.mac, count: left };
    if (left === 0) break;
  }
  return best === undefined ? undefined : [{ mac: best.mac, reason: first ?? '' }];
}

/** Tasks that would find no place among `up` when all that are threatened fail, and then whichever of the others fails after them. */
function uncovered(
  up: readonly PowerView[],
  neighbours: Neighbours,
): { readonly count: number; readonly first: string | undefined } {
  const threatened = up.filter((view) => view.threatened);
  const calm = up.filter((view) => !view.threatened);
  const leaving = threatened.flatMap((view) => view.tasks);
  const { assignments, unplaced } = place(leaving, calm, neighbours);
  const moves = new Map(assignments.map(({ task, mac }) => [task, mac]));
  let count = unplaced.length;
  let first =
    unplaced.length === 0
      ? undefined
      : `${unplaced[0]?.task} would find no place when ${macsOf(threatened)} fails, as is foreseen`;
  const after = calm.map((view) => withMoved(view, leaving, moves));
  for (const lost of after) {
    if (lost.tasks.length === 0) continue;
    const others = after.filter((view) => view !== lost);
    const [homeless, ...more] = place(lost.tasks, others, neighbours).unplaced;
    if (homeless === undefined) continue;
    count += 1 + more.length;
    first ??= `${homeless.task} would find no place if ${macsOf([lost])} failed${threatened.length === 0 ? '' : ` after ${macsOf(threatened)}`}`;
  }
  return { count, first };
}

const macsOf = (views: readonly PowerView[]): string => views.map(({ candidate }) => candidate.mac).join(', ');

/** G3, G4. */
function toEmpty(up: readonly PowerView[], neighbours: Neighbours, policy: PowerPolicy): Emptying | undefined {
  if (up.length <= Math.max(1, policy.awakeLeast)) return undefined;
  const able = up.flatMap((view) => {
    const { power } = view.candidate.description;
    const sleep = power === undefined ? undefined : deepestSleep(power, policy.wakeUsMost);
    if (power === undefined || sleep === undefined || !view.rested || view.threatened) return [];
    if (worthAfterS(power, sleep) > policy.worthWithinS || mustWakeTooSoon(view, power, sleep, policy)) return [];
    return [{ view, sleep, savesWatts: power.idleWatts - sleep.watts }];
  });
  able.sort(
    (a, b) =>
      b.savesWatts - a.savesWatts ||
      a.view.tasks.length - b.view.tasks.length ||
      (a.view.candidate.mac > b.view.candidate.mac ? -1 : 1),
  );
  for (const { view, sleep, savesWatts } of able) {
    const others = up.filter((one) => one !== view);
    const { assignments, unplaced } = place(
      view.tasks,
      others.filter((one) => !one.threatened),
      neighbours,
      PACKING,
    );
    if (unplaced.length > 0) continue;
    const moves = new Map(assignments.map(({ task, mac }) => [task, mac]));
    const after = others.map((one) => withMoved(one, view.tasks, moves));
    if (after.some((one, at) => one !== others[at] && isTooBusy(one, policy)) || uncovered(after, neighbours).count > 0)
      continue;
    return { mac: view.candidate.mac, sleep, savesWatts, moves };
  }
  return undefined;
}

function withMoved(view: PowerView, tasks: readonly TaskSpec[], moves: ReadonlyMap<TaskName, Mac>): PowerView {
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

const isTooBusy = ({ load }: PowerView, { loadMost }: PowerPolicy): boolean => load !== undefined && load > loadMost;

function place(tasks: readonly TaskSpec[], views: readonly PowerView[], neighbours: Neighbours, weights?: ScoreWeights): Plan {
  const candidates = views.map(({ candidate }) => (candidate.asleep === true ? { ...candidate, asleep: false } : candidate));
  return assign({
    newcomers: tasks.map((spec) => ({ spec })),
    candidates,
    ...neighbours,
    ...(weights === undefined ? {} : { weights }),
  });
}
