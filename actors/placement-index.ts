/**
 * The replicated records that a manager knows, by what is asked of them: the tasks of an ECU, what an ECU has accepted, the restores
 * that are open. Kept along with the records, so that no question costs a look at all of them.
 */
import type { AcceptedTask } from '../src/domain/model/ecu.ts';
import type { ActorKey, Mac, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { acceptedTaskOf } from '../src/domain/placement/admit.ts';
import type { PowerState } from '../src/domain/power/power-view.ts';
import { rootOf } from '../src/domain/task/routing.ts';
import type { ArbiterContext } from '../statecharts/arbiter.machine.ts';
import type { MigrationContext } from '../statecharts/migration.machine.ts';
import type { PlacementContext } from '../statecharts/placement.machine.ts';
import type { PowerContext } from '../statecharts/power.machine.ts';
import { stateName } from './chart.ts';
import type { ActorView } from './shell.ts';

export interface PlacementView {
  readonly context: PlacementContext;
  readonly state: string;
  readonly view: ActorView;
}

export interface ArbiterView {
  readonly actor: ActorKey;
  readonly context: ArbiterContext;
  readonly view: ActorView;
}

interface Planned {
  readonly mac: Mac;
  readonly untilUs: number;
  readonly task: AcceptedTask;
}

export interface MigrationView {
  readonly actor: ActorKey;
  readonly context: MigrationContext;
  readonly view: ActorView;
}

export interface PowerRecord {
  readonly state: PowerState;
  readonly context: PowerContext;
}

const PLACED = new Set(['assigned', 'owned', 'moving']);

export const isPlaced = ({ state }: PlacementView): boolean => PLACED.has(state);

export const asPlacement = (view: ActorView): PlacementView => ({
  context: view.snapshot.context as PlacementContext,
  state: stateName(view.snapshot.value),
  view,
});

/** Of a placement that is not removed: the task whose outputs are this one's data. */
export function feederOf({ actor, snapshot }: ActorView): TaskName | undefined {
  if (!actor.startsWith(PLACEMENT) || snapshot.value === 'removed') return undefined;
  return (snapshot.context as PlacementContext).spec?.inputs.from;
}

const PLACEMENT = 'placement/';
const ARBITER = 'arbiter/';
const MIGRATION = 'migration/';
const DRAIN = 'drain/';
const POWER = 'power/';
const ROUTE = 'route/';
/** States of a migration after which the task runs at the target, or is another's to place. */
const SWITCHED = new Set(['decommissioning', 'superseding']);
const NO_TASKS: ReadonlyMap<TaskName, PlacementView> = new Map();
const NOTHING: readonly AcceptedTask[] = [];

export class PlacementIndex {
  private readonly all = new Map<TaskName, PlacementView>();
  private readonly placedOn = new Map<Mac, Map<TaskName, PlacementView>>();
  /** What stands in `placedOn`, as admission counts it; made when it is asked for. */
  private readonly acceptedOn = new Map<Mac, readonly AcceptedTask[]>();
  /** Tasks whose specification names others to keep away from. */
  private readonly apart = new Map<TaskName, readonly TaskName[]>();
  /** By task that is fed by another (docs/CHAINS.md), also while it is placed nowhere: that other. Of all shares: chains cross them. */
  readonly fedBy = new Map<TaskName, TaskName>();
  /** Tasks with a route that is not idle. */
  readonly routed = new Set<TaskName>();
  private readonly open = new Map<ActorKey, ArbiterView>();
  private readonly migrations = new Map<ActorKey, MigrationView>();
  /** ECUs that are to be empty. */
  readonly draining = new Set<Mac>();
  /** Those that can sleep. */
  readonly power = new Map<Mac, PowerRecord>();
  private order: readonly TaskName[] | undefined;
  /** Plans made here whose placements have not come back yet, so that the next plan does not count on the same room. */
  private readonly planned = new Map<TaskName, Planned>();
  private readonly plannedOn = new Map<Mac, Map<TaskName, Planned>>();

  changed(view: ActorView): void {
    const { actor, snapshot } = view;
    if (actor.startsWith(PLACEMENT)) this.placementChanged(actor.slice(PLACEMENT.length), asPlacement(view));
    else if (actor.startsWith(MIGRATION)) this.migrationChanged(view);
    else if (actor.startsWith(ROUTE)) {
      if (snapshot.value === 'idle') this.routed.delete(actor.slice(ROUTE.length));
      else this.routed.add(actor.slice(ROUTE.length));
    } else if (actor.startsWith(DRAIN)) {
      const mac = actor.slice(DRAIN.length);
      if (snapshot.value === 'draining') this.draining.add(mac);
      else this.draining.delete(mac);
    } else if (actor.startsWith(POWER)) {
      const state = stateName(snapshot.value) as PowerState;
      this.power.set(actor.slice(POWER.length), { state, context: snapshot.context as PowerContext });
    } else if (!actor.startsWith(ARBITER)) return;
    else if (snapshot.status === 'active') this.open.set(actor, { actor, context: snapshot.context as ArbiterContext, view });
    else this.open.delete(actor);
  }

  /** It says nothing by itself now, and that is as it should be. */
  sleeps(mac: Mac): boolean {
    const state = this.power.get(mac)?.state;
    return state === 'falling' || state === 'asleep' || state === 'waking';
  }

  /** A record of another share; of a placement it says on its outside by whom the task is fed. */
  passing(actor: ActorKey, from: TaskName | undefined): void {
    if (actor.startsWith(PLACEMENT)) this.noteFeeder(actor.slice(PLACEMENT.length), from);
  }

  forgotten(actor: ActorKey): void {
    if (actor.startsWith(PLACEMENT)) this.placementChanged(actor.slice(PLACEMENT.length), undefined);
    else if (actor.startsWith(ROUTE)) this.routed.delete(actor.slice(ROUTE.length));
    else if (!actor.startsWith(DRAIN)) {
      this.open.delete(actor);
      this.migrations.delete(actor);
    }
  }

  private migrationChanged(view: ActorView): void {
    const { actor, snapshot } = view;
    if (snapshot.status === 'active')
      this.migrations.set(actor, { actor, context: snapshot.context as MigrationContext, view });
    else this.migrations.delete(actor);
  }

  openMigrations(): IterableIterator<MigrationView> {
    return this.migrations.values();
  }

  isMigrating(task: TaskName): boolean {
    for (const { context } of this.migrations.values()) if (context.cause?.task === task) return true;
    return false;
  }

  migrationsFrom(mac: Mac): number {
    let count = 0;
    for (const { context } of this.migrations.values()) if (context.cause?.source.mac === mac) count++;
    return count;
  }

  /** Those of them whose tasks still run there: what comes after the switch takes nothing from the others on the ECU. */
  leaving(mac: Mac): number {
    let count = 0;
    for (const { context, view } of this.migrations.values())
      if (context.cause?.source.mac === mac && !SWITCHED.has(stateName(view.snapshot.value))) count++;
    return count;
  }

  placements(): IterableIterator<PlacementView> {
    return this.all.values();
  }

  /** The next `count` after the one that the last call ended with, from the beginning again when all were given. */
  some(count: number): PlacementView[] {
    if (this.all.size <= count) return [...this.all.values()];
    this.order ??= [...this.all.keys()];
    const some = this.order.slice(this.from, this.from + count);
    this.from += count;
    if (this.from >= this.order.length) {
      this.from = 0;
      this.order = undefined;
    }
    return some.flatMap((task) => this.all.get(task) ?? []);
  }

  private from = 0;

  openArbiters(): IterableIterator<ArbiterView> {
    return this.open.values();
  }

  placedAt(mac: Mac): ReadonlyMap<TaskName, PlacementView> {
    return this.placedOn.get(mac) ?? NO_TASKS;
  }

  /**
   * Who could leave the ECU now, those of one chain together. A chain of which some move as one at this moment is left out: the rest of it waits
   * for what becomes of them.
   */
  leavingGroups(mac: Mac): readonly (readonly PlacementView[])[] {
    const migrating = new Map<TaskName, boolean>();
    for (const { context } of this.migrations.values())
      if (context.cause !== undefined) migrating.set(context.cause.task, context.cause.chain !== undefined);
    const groups = new Map<TaskName, PlacementView[]>();
    const underWay = new Set<TaskName>();
    for (const [task, placement] of this.placedAt(mac)) {
      const root = rootOf(task, this.fedBy);
      const asOne = migrating.get(task);
      if (asOne === true) underWay.add(root);
      if (asOne !== undefined || placement.state !== 'owned') continue;
      groups.set(root, [...(groups.get(root) ?? []), placement]);
    }
    return [...groups].flatMap(([root, group]) => (underWay.has(root) ? [] : [group]));
  }

  acceptedAt(mac: Mac): readonly AcceptedTask[] {
    const placed = this.placedOn.get(mac);
    const planned = this.plannedOn.get(mac);
    if (placed === undefined && planned === undefined) return NOTHING;
    let accepted = this.acceptedOn.get(mac);
    if (accepted === undefined) {
      const running = [...(placed?.values() ?? [])].flatMap(({ context: { spec, epoch, owner } }) =>
        spec === undefined ? [] : [acceptedTaskOf(spec, epoch, owner?.core)],
      );
      const expected = [...(planned?.values() ?? [])].filter(({ task }) => placed?.has(task.task) !== true);
      accepted = [...running, ...expected.map(({ task }) => task)];
      this.acceptedOn.set(mac, accepted);
    }
    return accepted;
  }

  /** A plan made here places the task there; counted until its placement comes back, and for so long at most. */
  expect(spec: TaskSpec, mac: Mac, untilUs: number): void {
    const { name } = spec;
    this.unexpect(name);
    const planned = { mac, untilUs, task: acceptedTaskOf(spec, 0) };
    this.planned.set(name, planned);
    const there = this.plannedOn.get(mac) ?? new Map<TaskName, Planned>();
    this.plannedOn.set(mac, there.set(name, planned));
    this.acceptedOn.delete(mac);
  }

  /** Plans that nothing came of are not counted any more. */
  passed(nowUs: number): void {
    for (const [task, { untilUs }] of this.planned) {
      if (untilUs > nowUs) return;
      this.unexpect(task);
    }
  }

  private unexpect(task: TaskName): void {
    const planned = this.planned.get(task);
    if (planned === undefined) return;
    this.planned.delete(task);
    const there = this.plannedOn.get(planned.mac);
    there?.delete(task);
    if (there?.size === 0) this.plannedOn.delete(planned.mac);
    this.acceptedOn.delete(planned.mac);
  }

  /** By task, of those that are placed and wish for it. */
  apartOfRunning(): Readonly<Record<TaskName, readonly TaskName[]>> {
    return Object.fromEntries(this.apart);
  }

  private placementChanged(task: TaskName, now: PlacementView | undefined): void {
    const before = this.all.get(task);
    if (before !== undefined && isPlaced(before)) this.remove(task, before.context.owner?.mac);
    if (now === undefined) {
      this.all.delete(task);
      return;
    }
    this.all.set(task, now);
    const { owner, spec } = now.context;
    this.noteFeeder(task, feederOf(now.view));
    if (!isPlaced(now)) return;
    this.unexpect(task);
    const apart = spec?.affinity.apart ?? [];
    if (apart.length > 0) this.apart.set(task, apart);
    if (owner === undefined) return;
    const placed = this.placedOn.get(owner.mac) ?? new Map<TaskName, PlacementView>();
    this.placedOn.set(owner.mac, placed.set(task, now));
    this.acceptedOn.delete(owner.mac);
  }

  private noteFeeder(task: TaskName, from: TaskName | undefined): void {
    if (from === undefined) this.fedBy.delete(task);
    else this.fedBy.set(task, from);
  }

  private remove(task: TaskName, mac: Mac | undefined): void {
    this.apart.delete(task);
    if (mac === undefined) return;
    const placed = this.placedOn.get(mac);
    placed?.delete(task);
    if (placed?.size === 0) this.placedOn.delete(mac);
    this.acceptedOn.delete(mac);
  }
}
