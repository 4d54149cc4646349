/**
 * Whether those that are awake are enough for the loss of any one of them: for each ECU a *witness* is kept, places on the others that its tasks
 * would find, by the exact test. Only where the ECU itself or one of those places has changed since is it looked for again, so that a look at a
 * fleet at rest costs no test at all, and a change costs the tests of the few that it touches.
 *
 * C1. A witness counts only while everything that its tests looked at is as it was: what the ECU runs, and what each of its places has
 *     accepted, has reserved and describes.
 * C2. What is new is looked for on top of what still holds of the old witness, and from nothing only where that fails. So an ECU that
 *     was woken for a task without a place is that task's place, and is not found superfluous by the next look.
 * C3. "No place" is said only after all ECUs were asked, and is asked again only when any of them has changed.
 * C4. ECUs are asked in a ring, each beginning behind itself: so witnesses are spread, and no ECU is in very many of them.
 */
import type { AcceptedTask } from '../model/ecu.ts';
import type { Mac, TaskName } from '../model/ids.ts';
import type { TaskSpec } from '../model/task.ts';
import type { ScoreWeights } from '../placement/score.ts';
import { type Asking, type Places, placeAmongMany, withMoved } from './places.ts';
import type { PowerView } from './power-view.ts';

/** ECUs that are awake, in order of their MACs. */
export class Awake {
  readonly views: readonly PowerView[];
  private readonly at: ReadonlyMap<Mac, number>;

  constructor(views: readonly PowerView[]) {
    this.views = [...views].sort((a, b) => (a.candidate.mac < b.candidate.mac ? -1 : 1));
    this.at = new Map(this.views.map(({ candidate: { mac } }, at) => [mac, at]));
  }

  get(mac: Mac): PowerView | undefined {
    const at = this.at.get(mac);
    return at === undefined ? undefined : this.views[at];
  }

  /** C4. All but this one. */
  behind(mac: Mac): PowerView[] {
    const at = this.at.get(mac);
    return at === undefined ? [...this.views] : [...this.views.slice(at + 1), ...this.views.slice(0, at)];
  }

  /** With the tasks where they go, and without one of them. */
  after(tasks: readonly TaskSpec[], moves: ReadonlyMap<TaskName, Mac>, without?: Mac): Awake {
    const targets = new Set(moves.values());
    const views = this.views.filter(({ candidate: { mac } }) => mac !== without);
    return new Awake(views.map((view) => (targets.has(view.candidate.mac) ? withMoved(view, tasks, moves) : view)));
  }
}

interface Witness extends Places {
  /** The tasks that it is for. */
  readonly own: string;
  /** Of each place, how it was when it was tested. */
  readonly places: ReadonlyMap<Mac, string>;
}

/** Of an ECU's loss, or of several at once: the tasks that would find no place. */
export interface Uncovered {
  readonly who: string;
  readonly homeless: readonly TaskSpec[];
}

export class Cover {
  private leavingText = '';
  private readonly witnesses = new Map<string, Witness>();
  private readonly texts = new Map<Mac, string>();
  /** Counts the changes of anything that is awake; what found no place is asked again after one (C3). */
  version = 0;
  private readonly refusedAt = new Map<string, number>();

  /** To be called first in each look, with all that are awake and in no danger, and the tasks of those that are in danger. */
  see(awake: Awake, leaving: readonly TaskSpec[]): void {
    const leavingText = namesOf(leaving);
    let changed = awake.views.length !== this.texts.size || leavingText !== this.leavingText;
    this.leavingText = leavingText;
    for (const view of awake.views) {
      const { mac } = view.candidate;
      const text = textOf(view);
      if (this.texts.get(mac) === text) continue;
      this.texts.set(mac, text);
      changed = true;
    }
    for (const mac of [...this.texts.keys()]) if (awake.get(mac) === undefined) this.texts.delete(mac);
    if (changed) this.version++;
    for (const who of [...this.witnesses.keys()]) if (who !== THREATENED && awake.get(who) === undefined) this.forget(who);
  }

  /** Places for the tasks of all that are threatened; undefined: not known yet. */
  ofThreatened(tasks: readonly TaskSpec[], calm: Awake, asking: Asking, weights: ScoreWeights): Places | undefined {
    return this.kept(THREATENED, { tasks, own: namesOf(tasks), among: calm, others: calm.views }, asking, weights);
  }

  /** Who could not be lost; undefined: not known yet of all. */
  uncovered(awake: Awake, asking: Asking): readonly Uncovered[] | undefined {
    const found: Uncovered[] = [];
    let isUnsure = false;
    for (const view of awake.views) {
      const { mac } = view.candidate;
      if (view.tasks.length === 0) {
        this.forget(mac);
        continue;
      }
      const { tasks } = view;
      const places = this.kept(mac, { tasks, own: textOf(view), among: awake, others: () => awake.behind(mac) }, asking);
      if (places === undefined) isUnsure = true;
      else if (places.homeless.length > 0) found.push({ who: mac, homeless: places.homeless });
    }
    return isUnsure ? undefined : found;
  }

  /**
   * Whether nobody's tasks lose their places when `lost` is awake no more and its tasks have gone where `moves` says. Asks only for those whose
   * witness that touches. Undefined: it took too many tests.
   */
  holdsWithout(lost: PowerView, moves: ReadonlyMap<TaskName, Mac>, awake: Awake, asking: Asking): boolean | undefined {
    const { mac } = lost.candidate;
    const touched = new Set([mac, ...moves.values()]);
    const threatened = this.witnesses.get(THREATENED);
    if (threatened?.places.has(mac) === true) return false;
    const after = awake.after(lost.tasks, moves, mac);
    for (const view of after.views) {
      const who = view.candidate.mac;
      if (view.tasks.length === 0) continue;
      const before = this.witnesses.get(who);
      if (before !== undefined && !touched.has(who) && ![...before.places.keys()].some((place) => touched.has(place))) continue;
      const loss = { tasks: view.tasks, own: textOf(view), among: after, others: () => after.behind(who) };
      const places = this.find(before, loss, asking, undefined, false);
      if (places === undefined) return undefined;
      if (places.homeless.length > (before?.homeless.length ?? 0)) return false;
    }
    return true;
  }

  private kept(who: string, loss: Loss, asking: Asking, weights?: ScoreWeights): Places | undefined {
    const before = this.witnesses.get(who);
    if (before !== undefined && before.own === loss.own && stands(before, loss.among)) {
      if (before.homeless.length === 0 || this.refusedAt.get(who) === this.version) return before;
    }
    if (asking.meter.isSpent) return undefined;
    const found = this.find(before, loss, asking, weights, true);
    if (found === undefined) return undefined;
    const places = new Map<Mac, string>();
    for (const mac of new Set(found.moves.values())) {
      const view = loss.among.get(mac);
      if (view !== undefined) places.set(mac, textOf(view));
    }
    this.witnesses.set(who, { ...found, own: loss.own, places });
    this.refusedAt.set(who, this.version);
    return found;
  }

  /** C2. */
  private find(
    before: Witness | undefined,
    { tasks, among, others }: Loss,
    asking: Asking,
    weights: ScoreWeights | undefined,
    wholly: boolean,
  ): Places | undefined {
    const how = weights === undefined ? { wholly } : { wholly, weights };
    const ring = typeof others === 'function' ? others() : others;
    const standing = new Map<TaskName, Mac>();
    for (const { name } of tasks) {
      const mac = before?.moves.get(name);
      const view = mac === undefined ? undefined : among.get(mac);
      if (mac !== undefined && view !== undefined && before?.places.get(mac) === textOf(view)) standing.set(name, mac);
    }
    if (standing.size > 0) {
      const rest = tasks.filter(({ name }) => !standing.has(name));
      const targets = new Set(standing.values());
      const views = ring.map((view) => (targets.has(view.candidate.mac) ? withMoved(view, tasks, standing) : view));
      const more = placeAmongMany(rest, views, asking, how);
      if (more === undefined) return undefined;
      if (more.homeless.length === 0) return { moves: new Map([...standing, ...more.moves]), homeless: [] };
      const anew = placeAmongMany(tasks, ring, asking, how);
      if (anew === undefined || anew.homeless.length < more.homeless.length) return anew;
      return { moves: new Map([...standing, ...more.moves]), homeless: more.homeless };
    }
    return placeAmongMany(tasks, ring, asking, how);
  }

  private forget(who: string): void {
    this.witnesses.delete(who);
    this.refusedAt.delete(who);
  }
}

/** What is lost, and who is left. */
interface Loss {
  readonly tasks: readonly TaskSpec[];
  readonly own: string;
  readonly among: Awake;
  readonly others: readonly PowerView[] | (() => PowerView[]);
}

/** No MAC. */
const THREATENED = 'threatened';

/** C1. */
function stands(witness: Witness, among: Awake): boolean {
  for (const [mac, text] of witness.places) {
    const view = among.get(mac);
    if (view === undefined || textOf(view) !== text) return false;
  }
  return true;
}

const namesOf = (tasks: readonly TaskSpec[]): string => JSON.stringify(tasks.map((spec) => [spec.name, spec]));

const texts = new WeakMap<readonly AcceptedTask[], string>();

/** All that a test looks at there. */
function textOf({ candidate }: PowerView): string {
  const { mac, incarnation, accepted, booked = [] } = candidate;
  let text = texts.get(accepted);
  if (text === undefined) {
    text = JSON.stringify(accepted);
    texts.set(accepted, text);
  }
  const reserved = booked.map(({ id, fromUs, untilUs }) => `${id} ${fromUs} ${untilUs}`).join();
  return `${mac} ${incarnation} ${reserved} ${text}`;
}
