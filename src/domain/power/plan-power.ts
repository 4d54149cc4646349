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
import { byUrgency } from '../placement/assign.ts';
import { SCORE_WEIGHTS, type ScoreWeights } from '../placement/score.ts';
import { Awake, Cover, type Uncovered } from './cover.ts';
import { movesTogether } from './groups.ts';
import { type Asking, type Neighbours, place, TestMeter, withMoved } from './places.ts';
import { deepestSleep, worthAfterS } from './power-model.ts';
import type { PowerState, PowerView } from './power-view.ts';

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

export interface PlanOptions extends Neighbours {
  readonly policy: PowerPolicy;
  /** Of one look; more are made in the next. Absent: as many as it takes. */
  readonly testsMost?: number;
}

/** G1: of those that wait, so many are looked at; and ECUs that could be woken for what is not covered. */
const WAITING_MOST = 32;
const WOKEN_ASKED_MOST = 64;

/** One look that remembers nothing. */
export const planPower = (views: readonly PowerView[], waiting: readonly TaskSpec[], options: PlanOptions): PowerPlan =>
  new PowerPlanner().plan(views, waiting, options);

/** Remembers what it found, and asks only about what has changed since (`cover.ts`). */
export class PowerPlanner {
  /** Exact tests of the last look. */
  tests = 0;
  private readonly cover = new Cover();
  /** G4: it stays the choice while it can be emptied. */
  private chosen: Mac | undefined;
  /** Those that could not be emptied, and how often anything had changed by then. */
  private readonly refusedAt = new Map<Mac, number>();
  /** Where the last look had had enough of tests. */
  private resumeAt = 0;

  plan(
    views: readonly PowerView[],
    waiting: readonly TaskSpec[],
    { policy, testsMost, ...neighbours }: PlanOptions,
  ): PowerPlan {
    const meter = new TestMeter(testsMost);
    const plan = this.look(views, waiting, policy, { ...neighbours, meter });
    this.tests = meter.used;
    this.chosen = plan.empty?.mac;
    return plan;
  }

  private look(views: readonly PowerView[], waiting: readonly TaskSpec[], policy: PowerPolicy, asking: Asking): PowerPlan {
    const usable = views.filter(({ candidate }) => candidate.alive && !candidate.draining);
    const up = usable.filter(({ state }) => state === 'awake' || state === 'waking');
    // Whoever is kept costs less than whoever is woken.
    const down = usable.filter(({ state }) => state !== 'awake' && state !== 'waking').sort(byReadiness);
    const forThem = forWaiting(up, down, waiting, asking);
    if (forThem !== undefined) return { wake: forThem, empty: undefined };
    const threatened = up.filter((view) => view.threatened);
    const leaving = threatened.flatMap((view) => view.tasks);
    const calm = new Awake(up.filter((view) => !view.threatened));
    this.cover.see(calm, leaving);
    const left = this.cover.ofThreatened(leaving, calm, asking, PACKING);
    if (left === undefined) return NOTHING;
    const awake = leaving.length === 0 ? calm : calm.after(leaving, left.moves);
    const lost = this.cover.uncovered(awake, asking);
    if (lost === undefined) return NOTHING;
    const gone = threatened.length === 0 ? '' : macsOf(threatened);
    const all: readonly Uncovered[] = left.homeless.length === 0 ? lost : [{ who: '', homeless: left.homeless }, ...lost];
    const wake = forCover(all, down, gone, asking);
    if (wake !== undefined) return { wake: [wake], empty: undefined };
    const isMoving = usable.some(({ state }) => state !== 'awake' && state !== 'asleep');
    return { wake: [], empty: isMoving || waiting.length > 0 ? undefined : this.toEmpty(awake, policy, asking) };
  }

  /** G3, G4. */
  private toEmpty(awake: Awake, policy: PowerPolicy, asking: Asking): Emptying | undefined {
    if (awake.views.length <= Math.max(1, policy.awakeLeast)) return undefined;
    const able = this.inOrder(ableToSleep(awake.views, policy));
    const first = this.resumeAt < able.length ? this.resumeAt : 0;
    for (let count = 0; count < able.length; count++) {
      const at = (first + count) % able.length;
      const one = able[at] as Able;
      const { mac } = one.view.candidate;
      if (this.refusedAt.get(mac) === this.cover.version) continue;
      const found = asking.meter.isSpent ? undefined : this.movesFrom(one.view, awake, policy, asking);
      if (found === undefined) {
        this.resumeAt = at;
        return undefined;
      }
      const { sleep, savesWatts } = one;
      if (found === 'none') this.refusedAt.set(mac, this.cover.version);
      if (found === 'none' || found === 'busy') continue;
      this.resumeAt = 0;
      return { mac, sleep, savesWatts, moves: found };
    }
    this.resumeAt = 0;
    return undefined;
  }

  /** The one that was chosen before comes first. */
  private inOrder(able: Able[]): readonly Able[] {
    const at = able.findIndex(({ view }) => view.candidate.mac === this.chosen);
    if (at <= 0) return able;
    this.resumeAt = 0;
    return [able[at] as Able, ...able.slice(0, at), ...able.slice(at + 1)];
  }

  /** Undefined: it took too many tests. */
  private movesFrom(
    view: PowerView,
    awake: Awake,
    policy: PowerPolicy,
    asking: Asking,
  ): ReadonlyMap<TaskName, Mac> | 'none' | 'busy' | undefined {
    const others = awake.views.filter((one) => one !== view);
    const moves = movesTogether(view.tasks, others, asking, PACKING);
    if (moves === undefined || moves === 'none') return moves;
    const targets = new Set(moves.values());
    for (const one of others)
      if (targets.has(one.candidate.mac) && isTooBusy(withMoved(one, view.tasks, moves), policy)) return 'busy';
    const holds = this.cover.holdsWithout(view, moves, awake, asking);
    return holds === undefined ? undefined : holds ? moves : 'none';
  }
}

const NOTHING: PowerPlan = { wake: [], empty: undefined };

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
  asking: Asking,
): PowerPlan['wake'] | undefined {
  if (waiting.length === 0 || down.length === 0) return undefined;
  const first = [...waiting].sort((a, b) => byUrgency({ spec: a }, { spec: b })).slice(0, WAITING_MOST);
  const rest = place(first, up, asking).homeless;
  if (rest.length === 0) return undefined;
  const used = new Set(place(rest, down, asking, PACKING).moves.values());
  const wake = down.filter(({ candidate }) => used.has(candidate.mac));
  return wake.length === 0
    ? undefined
    : wake.map(({ candidate: { mac } }) => ({ mac, reason: `${rest[0]?.name} waits for a place` }));
}

/** G2. The one that has places for the most of what has none. */
function forCover(
  uncovered: readonly Uncovered[],
  down: readonly PowerView[],
  gone: string,
  asking: Asking,
): PowerPlan['wake'][number] | undefined {
  const asked = uncovered.slice(0, WOKEN_ASKED_MOST);
  const wanted = asked.reduce((sum, { homeless }) => sum + homeless.length, 0);
  let best: { readonly mac: Mac; readonly helped: number; readonly reason: string } | undefined;
  for (const one of wanted === 0 ? [] : down.slice(0, WOKEN_ASKED_MOST)) {
    let helped = 0;
    let reason = '';
    for (const { who, homeless } of asked) {
      const { moves } = place(homeless, [one], asking);
      helped += moves.size;
      if (moves.size > 0 && reason === '') reason = reasonOf(who, homeless[0]?.name ?? '', gone);
    }
    if (helped > (best?.helped ?? 0)) best = { mac: one.candidate.mac, helped, reason };
    if (helped === wanted) break;
  }
  return best === undefined ? undefined : { mac: best.mac, reason: best.reason };
}

const reasonOf = (who: string, task: TaskName, gone: string): string =>
  who === ''
    ? `${task} would find no place when ${gone} fails, as is foreseen`
    : `${task} would find no place if ${who} failed${gone === '' ? '' : ` after ${gone}`}`;

const macsOf = (views: readonly PowerView[]): string => views.map(({ candidate }) => candidate.mac).join(', ');

interface Able {
  readonly view: PowerView;
  readonly sleep: SleepState;
  readonly savesWatts: number;
}

/** G4. */
function ableToSleep(views: readonly PowerView[], policy: PowerPolicy): Able[] {
  const able = views.flatMap((view): Able[] => {
    const { power } = view.candidate.description;
    const sleep = power === undefined ? undefined : deepestSleep(power, policy.wakeUsMost);
    if (power === undefined || sleep === undefined || !view.rested || view.state !== 'awake') return [];
    if (worthAfterS(power, sleep) > policy.worthWithinS || mustWakeTooSoon(view, power, sleep, policy)) return [];
    return [{ view, sleep, savesWatts: power.idleWatts - sleep.watts }];
  });
  return able.sort(
    (a, b) =>
      b.savesWatts - a.savesWatts ||
      a.view.tasks.length - b.view.tasks.length ||
      (a.view.candidate.mac > b.view.candidate.mac ? -1 : 1),
  );
}

const isTooBusy = ({ load }: PowerView, { loadMost }: PowerPolicy): boolean => load !== undefined && load > loadMost;
