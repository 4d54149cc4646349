/**
 * What one manager knows of the fleet, for planning, sweeping and `status`: ECUs from the inventory, their states from its
 * own Ecu charts, tasks from the placement records, and who can rebuild which checkpoint. Nothing here decides; everything
 * can be lost and learned again.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type CheckpointOrder, type CheckpointReference, laterCheckpoint } from '../src/domain/model/checkpoint.ts';
import type { EcuDescription, Incarnation } from '../src/domain/model/ecu.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { Candidate } from '../src/domain/placement/evidence.ts';
import type { Offer } from '../src/domain/placement/offer.ts';
import type { Booking } from '../src/domain/reservation/booking.ts';
import { NO_PLANTS, type Plants } from '../src/ports/plants.ts';
import type { EcuContext } from '../statecharts/ecu.machine.ts';
import type { PlacementContext } from '../statecharts/placement.machine.ts';
import { stateName } from './chart.ts';
import { type ArbiterView, asPlacement, PlacementIndex, type PlacementView } from './placement-index.ts';
import type { Shell } from './shell.ts';

/** How safe a task's state is now: what would be restored if its ECU died this instant. */
export interface Safety {
  /** The newest checkpoint that enough living managers hold; where too few hold any, the newest that one of them holds. */
  readonly checkpoint: CheckpointReference | undefined;
  readonly ageUs: number | undefined;
  readonly durability: 'durable' | 'degraded' | 'none';
}

export interface Consumed {
  readonly atUs: number;
  readonly inputs: number;
}

export interface EcuView {
  readonly context: EcuContext;
  readonly state: string;
}

/** Orders of a task's checkpoints that are remembered: enough to fall back when the newest is damaged everywhere. */
const REFERENCES_PER_TASK_MAX = 8;

export class FleetKnowledge {
  /** Of the ECUs that this manager watches. */
  readonly descriptions = new Map<Mac, EcuDescription>();
  /** The ECUs of the inventory that others watch, and what they offer. */
  readonly elsewhere = new Map<Mac, Offer>();
  /** Kept along with the replicated records. */
  readonly index = new PlacementIndex();
  readonly deadManagers = new Set<string>();
  /** What is booked of an ECU's capacity and not over; undefined: nothing (`reservations.ts`). */
  bookedOn: (mac: Mac) => readonly Booking[] | undefined = () => undefined;
  private readonly replicated: Shell;
  private readonly local: Shell;
  private readonly standbysOf = new Map<TaskName, readonly Mac[]>();
  private readonly plants: Plants;
  private readonly references = new Map<TaskName, CheckpointReference[]>();
  /** What each manager said last, also where it lags so far behind that `references` has dropped it. */
  private readonly newestOfManagers = new Map<TaskName, Map<string, CheckpointReference>>();
  /** Which a trial has refuted: restored only where there is no other. */
  private readonly refuted = new Map<TaskName, readonly CheckpointOrder[]>();
  /** When a checkpoint was first stored, by the clock of the manager that did; for people. */
  private readonly storedAtUs = new Map<TaskName, Map<string, number>>();

  constructor(parts: { readonly replicated: Shell; readonly local: Shell; readonly plants?: Plants | undefined }) {
    this.replicated = parts.replicated;
    this.local = parts.local;
    this.plants = parts.plants ?? NO_PLANTS;
  }

  // ——— tasks ———

  placement(task: TaskName): PlacementView | undefined {
    const view = this.replicated.view(`placement/${task}`);
    return view === undefined ? undefined : asPlacement(view);
  }

  /** The ECU that has it, by what is known here; of a task of another share that is its record's outside. Nothing is read. */
  whereabouts(task: TaskName): Mac | undefined {
    const placement = this.placement(task);
    if (placement !== undefined) return placement.context.owner?.mac;
    const key = this.replicated.shares.keyOf(`placement/${task}`);
    return key !== undefined && (this.elsewhere.has(key) || this.descriptions.has(key)) ? key : undefined;
  }

  async freshPlacement(task: TaskName): Promise<PlacementView | undefined> {
    try {
      await this.replicated.refresh(`placement/${task}`);
    } catch (cause) {
      // One that cannot be read must not keep the others of its ECU from being planned: the last good one is used, and the
      // compare-and-set on the record refuses whatever is made of it.
      if (!(cause instanceof DroverError && cause.code === 'ERR_RECORD_CORRUPT')) throw cause;
    }
    return this.placement(task);
  }

  placements(): IterableIterator<PlacementView> {
    return this.index.placements();
  }

  /** Restores that are not at their end. */
  openArbiters(): IterableIterator<ArbiterView> {
    return this.index.openArbiters();
  }

  tasksOwnedBy({ mac, incarnation }: Incarnation): PlacementView[] {
    const owned: PlacementView[] = [];
    for (const placement of this.index.placedAt(mac).values())
      if ((placement.context.owner?.incarnation ?? 0) <= incarnation) owned.push(placement);
    return owned;
  }

  // ——— ECUs ———

  ecu(mac: Mac): EcuView | undefined {
    const view = this.local.view(`ecu/${mac}`);
    return view === undefined
      ? undefined
      : { context: view.snapshot.context as EcuContext, state: stateName(view.snapshot.value) };
  }

  /** Whether this incarnation is gone for good, as far as this manager knows. */
  isGone({ mac, incarnation }: Incarnation): boolean {
    const ecu = this.ecu(mac);
    if (ecu === undefined) return false;
    if (ecu.context.incarnation > incarnation) return true;
    // Of an ECU that others watch now nothing has been heard since: it may have shown life.
    if (this.elsewhere.has(mac) && !this.plants.planted('believe-old-views')) return false;
    return ecu.state === 'failed' && ecu.context.incarnation === incarnation;
  }

  candidates(): Candidate[] {
    const candidates: Candidate[] = [];
    for (const [mac, description] of this.descriptions) {
      const ecu = this.ecu(mac);
      const alive = ecu?.state === 'alive' || ecu?.state === 'rejoining';
      const incarnation = ecu?.context.incarnation ?? description.incarnation;
      const draining = this.index.draining.has(mac);
      const asleep = this.index.sleeps(mac) || this.index.power.get(mac)?.state === 'emptying';
      const booked = this.bookedOn(mac);
      const known = { mac, incarnation, description, accepted: this.index.acceptedAt(mac), alive, draining, asleep };
      candidates.push(booked === undefined ? known : { ...known, booked });
    }
    return candidates;
  }

  // ——— checkpoints ———

  /** The ECUs that keep a copy of its newest state at hand: a restore there moves nothing. */
  standbys(task: TaskName): readonly Mac[] {
    return this.standbysOf.get(task) ?? [];
  }

  noteStandbys(task: TaskName, standbys: readonly Mac[]): void {
    this.standbysOf.set(task, standbys);
  }

  noteRefuted(task: TaskName, refuted: readonly CheckpointOrder[]): void {
    this.refuted.set(task, refuted);
  }

  /** The first that is not refuted; failing that, the first. */
  private preferred(references: Iterable<CheckpointReference>): CheckpointReference | undefined {
    let refuted: CheckpointReference | undefined;
    for (const reference of references) {
      if (!this.isRefuted(reference)) return reference;
      refuted ??= reference;
    }
    return refuted;
  }

  private isRefuted({ task, epoch, sequence }: CheckpointReference): boolean {
    const refuted = this.refuted.get(task);
    return refuted?.some((order) => order.epoch === epoch && order.sequence === sequence) === true;
  }

  /** The newest and the oldest checkpoint of the newest epoch that is remembered with its time: how many inputs were consumed when. */
  spanOf(task: TaskName): { readonly newest: Consumed | undefined; readonly oldest: Consumed | undefined } {
    const known = this.references.get(task) ?? [];
    const timed = known.flatMap((reference): Consumed[] => {
      const atUs = reference.epoch === known[0]?.epoch ? this.storedAt(reference) : undefined;
      return atUs === undefined ? [] : [{ atUs, inputs: reference.input.dataNumber + reference.input.tickNumber }];
    });
    return { newest: timed[0], oldest: timed.at(-1) };
  }

  /** When it was first stored, where that is still remembered. */
  storedAt({ task, ...order }: CheckpointOrder & { readonly task: TaskName }): number | undefined {
    return this.storedAtUs.get(task)?.get(orderKey(order));
  }

  /** A manager said that it can rebuild this checkpoint. Returns everything known of that checkpoint now. */
  noteHolder(reference: CheckpointReference, manager: string, storedAtUs?: number): CheckpointReference {
    const known = this.references.get(reference.task) ?? [];
    // Newest first, as they stay.
    const at = known.findIndex((other) => !laterCheckpoint(other, reference));
    const next = known[at];
    const same = next?.epoch === reference.epoch && next.sequence === reference.sequence ? next : undefined;
    const holders = same === undefined ? [manager] : withManager(same.holders, manager);
    const merged = { ...reference, holders };
    const list = [...known];
    list.splice(at < 0 ? known.length : at, same === undefined ? 0 : 1, merged);
    if (list.length > REFERENCES_PER_TASK_MAX) list.length = REFERENCES_PER_TASK_MAX;
    this.references.set(reference.task, list);
    this.noteNewest(reference, manager);
    if (storedAtUs !== undefined) this.noteTime(reference, storedAtUs, list);
    return merged;
  }

  private noteNewest(reference: CheckpointReference, manager: string): void {
    const newest = this.newestOfManagers.get(reference.task) ?? new Map<string, CheckpointReference>();
    this.newestOfManagers.set(reference.task, newest);
    const before = newest.get(manager);
    if (before === undefined || laterCheckpoint(reference, before)) newest.set(manager, reference);
  }

  private noteTime(reference: CheckpointReference, storedAtUs: number, kept: readonly CheckpointReference[]): void {
    const before = this.storedAtUs.get(reference.task);
    const times = new Map<string, number>();
    for (const key of kept.map(orderKey)) {
      const known = before?.get(key);
      if (known !== undefined) times.set(key, known);
    }
    const key = orderKey(reference);
    times.set(key, Math.min(times.get(key) ?? storedAtUs, storedAtUs));
    this.storedAtUs.set(reference.task, times);
  }

  /** The newest checkpoint that a living manager can rebuild and whose next inputs are still there; a refuted one only for want of another. */
  newestReference(placement: PlacementContext): CheckpointReference | undefined {
    const held = this.preferred(this.heldBy(placement, 1));
    if (held !== undefined || this.plants.planted('forget-laggard')) return held;
    return this.newestOfALaggard(placement);
  }

  /**
   * All that is remembered by order is held by the dead alone: a living manager that lagged far behind them still has its own
   * newest, and INPUTS is trimmed only below what a quorum has.
   */
  private newestOfALaggard(placement: PlacementContext): CheckpointReference | undefined {
    let best: CheckpointReference | undefined;
    for (const [manager, newest] of this.newestOfManagers.get(placement.task) ?? []) {
      if (this.deadManagers.has(manager) || !isRestorable(newest, placement)) continue;
      if (best === undefined || laterCheckpoint(newest, best)) best = { ...newest, holders: [manager] };
    }
    return best;
  }

  /** The newest checkpoint that a living manager other than this one said it holds, with those that hold it. */
  newestElsewhere(placement: PlacementContext, self: string): CheckpointReference | undefined {
    let best: CheckpointReference | undefined;
    for (const [manager, newest] of this.newestOfManagers.get(placement.task) ?? []) {
      if (manager === self || this.deadManagers.has(manager) || !isRestorable(newest, placement)) continue;
      if (best === undefined || laterCheckpoint(newest, best)) best = newest;
    }
    return best === undefined ? undefined : { ...best, holders: this.holdersElsewhere(best, placement.task, self) };
  }

  /**
   * Living managers other than this one that said they hold this checkpoint, or a later one of its epoch: what leads to the
   * newest is mostly still there.
   */
  holdersElsewhere({ epoch, sequence }: CheckpointOrder, task: TaskName, self: string): string[] {
    const holders = new Set<string>();
    for (const reference of this.references.get(task) ?? [])
      if (reference.epoch === epoch && reference.sequence === sequence)
        for (const manager of reference.holders) holders.add(manager);
    for (const [manager, newest] of this.newestOfManagers.get(task) ?? [])
      if (newest.epoch === epoch && newest.sequence >= sequence) holders.add(manager);
    return [...holders].filter((manager) => manager !== self && !this.deadManagers.has(manager)).sort();
  }

  /** Managers store at their own pace, so the newest checkpoint mostly has fewer holders than the one before it: that is no loss. */
  safety(placement: PlacementContext, nowUs: number): Safety {
    const quorum = placement.spec?.checkpoint.quorum ?? 0;
    const wellHeld = this.preferred(this.heldBy(placement, Math.max(1, quorum)));
    const checkpoint = wellHeld ?? this.newestReference(placement);
    if (checkpoint === undefined) return { checkpoint, ageUs: undefined, durability: 'none' };
    const holders = new Set(checkpoint.holders);
    for (const [manager, newest] of this.newestOfManagers.get(placement.task) ?? []) {
      if (!this.deadManagers.has(manager) && isRestorable(newest, placement)) holders.add(manager);
    }
    const storedAtUs = this.storedAtUs.get(placement.task)?.get(orderKey(checkpoint));
    const ageUs = storedAtUs === undefined ? undefined : Math.max(0, nowUs - storedAtUs);
    return { checkpoint, ageUs, durability: holders.size >= quorum ? 'durable' : 'degraded' };
  }

  /** Newest first: checkpoints that can be restored, with their living holders, of which there are at least so many. */
  private *heldBy(placement: PlacementContext, count: number): IterableIterator<CheckpointReference> {
    for (const reference of this.references.get(placement.task) ?? []) {
      if (!isRestorable(reference, placement)) continue;
      const holders = reference.holders.filter((manager) => !this.deadManagers.has(manager));
      if (holders.length >= count) yield { ...reference, holders };
    }
  }

  /**
   * The newest checkpoint that `quorum` managers hold, dead ones included, or a later one of its epoch: what must be kept. Managers
   * that ask at intervals seldom hold the same one, and whoever has a later one has no need of this one.
   */
  newestDurable(task: TaskName, quorum: number): CheckpointReference | undefined {
    const exact = (this.references.get(task) ?? []).find((reference) => reference.holders.length >= quorum);
    const newest = [...(this.newestOfManagers.get(task)?.values() ?? [])].sort((a, b) => (laterCheckpoint(a, b) ? -1 : 1));
    const [first] = newest;
    const last = newest[quorum - 1];
    if (first === undefined || last === undefined || last.epoch !== first.epoch) return exact;
    return exact === undefined || laterCheckpoint(last, exact) ? last : exact;
  }

  /** All that is remembered of a task's checkpoints: for another manager. */
  known(task: TaskName): CheckpointReference[] {
    const references = this.references.get(task) ?? [];
    const laggards = [...(this.newestOfManagers.get(task) ?? [])].flatMap(([manager, newest]) =>
      references.some(({ holders }) => holders.includes(manager)) ? [] : [{ ...newest, holders: [manager] }],
    );
    return [...references, ...laggards];
  }

  /** The oldest checkpoint of this epoch that is still remembered, and so kept. */
  oldestOfEpoch(task: TaskName, epoch: number): CheckpointReference | undefined {
    return (this.references.get(task) ?? []).filter((reference) => reference.epoch === epoch).at(-1);
  }
}

const isRestorable = ({ epoch, input }: CheckpointReference, placement: PlacementContext): boolean =>
  epoch <= placement.epoch && input.sequence >= (placement.trim?.sequence ?? 0);

const withManager = (holders: readonly string[], manager: string): readonly string[] =>
  holders.includes(manager) ? holders : [...holders, manager].sort();

const orderKey = ({ epoch, sequence }: CheckpointOrder): string => `${epoch}.${sequence}`;
