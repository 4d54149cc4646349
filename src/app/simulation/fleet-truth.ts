/**
 * What is true of the fleet, read from what the broker committed and not from what any host believes: placements and open
 * restores, and a timeline of the steps of a restore. Feeds the judges that need to read records and words about checkpoints.
 */

import { stateName } from '../../../actors/chart.ts';
import type { StoredPages } from '../../../infra/sim/disk-checkpoints.ts';
import type { SimWorld } from '../../../infra/sim/world.ts';
import type { ArbiterContext } from '../../../statecharts/arbiter.machine.ts';
import { type ChainContext, migrationOfMember } from '../../../statecharts/chain.machine.ts';
import type { MigrationContext } from '../../../statecharts/migration.machine.ts';
import type { PlacementContext } from '../../../statecharts/placement.machine.ts';
import type { PowerContext } from '../../../statecharts/power.machine.ts';
import type { RouteContext } from '../../../statecharts/route.machine.ts';
import {
  droppedEarly,
  type SourceDoes,
  tornMigration,
  unansweredEpoch,
  writesUngiven,
} from '../../domain/invariants/atomic-migration.ts';
import { DurableBeforeFree, unstored } from '../../domain/invariants/durable-before-free.ts';
import { movedAlone, tornChain } from '../../domain/invariants/moves-as-one.ts';
import { Replayable } from '../../domain/invariants/replayable.ts';
import { unsaid } from '../../domain/invariants/restore-or-say-why.ts';
import type { Incarnation } from '../../domain/model/ecu.ts';
import type { ActorKey, Mac, TaskName } from '../../domain/model/ids.ts';
import type { ActorRecord } from '../../domain/model/record.ts';
import { decodeCheckpointNotice } from '../../domain/protocol/codec-checkpoint.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import { actorOfSubject, header, streams, taskSubject } from '../../domain/protocol/subjects.ts';
import type { StreamMessage } from '../../ports/bus.ts';
import { replayByChart } from './replay-by-chart.ts';

export interface PlacementTruth {
  readonly state: string;
  readonly context: PlacementContext;
  readonly record: ActorRecord;
}

export interface ArbiterTruth {
  readonly state: string;
  readonly context: ArbiterContext;
  readonly record: ActorRecord;
}

export interface MigrationTruth {
  readonly state: string;
  readonly context: MigrationContext;
  readonly record: ActorRecord;
}

export interface RouteTruth {
  readonly state: string;
  readonly context: RouteContext;
  readonly record: ActorRecord;
}

export interface ChainTruth {
  readonly state: string;
  readonly context: ChainContext;
  readonly record: ActorRecord;
}

const CHAIN_ENDS = new Set(['aborted', 'done']);
const MIGRATION_ENDS = new Set(['rejected', 'aborted', 'superseded', 'done']);

/** One committed message that belongs to the story: a record, a marker, the first output after a marker. */
export interface Milestone {
  readonly atUs: number;
  readonly what: string;
}

interface Snapshot {
  readonly value: unknown;
  readonly context: unknown;
}

export interface FleetTruthParts {
  /** Managers on the machine of an ECU. */
  readonly coLocated: (mac: Mac) => ReadonlySet<string>;
  /** What lies in a manager's store. */
  readonly storeOf: (manager: string) => StoredPages | undefined;
  /** What an ECU does with an instance. */
  readonly sourceDoes: (owner: Incarnation, task: TaskName, epoch: number) => SourceDoes;
  /** An instance has begun to write. */
  readonly onMarker: () => void;
  /** An ECU fell asleep, or is to wake. */
  readonly onPower: () => void;
}

export interface PowerTruth {
  readonly state: string;
  readonly context: PowerContext;
}

export class FleetTruth {
  readonly placements = new Map<TaskName, PlacementTruth>();
  readonly arbiters = new Map<ActorKey, ArbiterTruth>();
  readonly migrations = new Map<ActorKey, MigrationTruth>();
  readonly routes = new Map<ActorKey, RouteTruth>();
  readonly chains = new Map<ActorKey, ChainTruth>();
  /** By task, those that are not at their end. */
  private readonly migrating = new Map<TaskName, Set<ActorKey>>();
  /** By task and manager: the latest epoch of which it said that it can rebuild a checkpoint. */
  private readonly storedEpochs = new Map<TaskName, Map<string, number>>();
  readonly power = new Map<Mac, PowerTruth>();
  readonly milestones: Milestone[] = [];
  /** Accepted outputs by task, since the last marker. */
  readonly sinceMarker = new Map<TaskName, number>();
  private readonly world: SimWorld;
  private readonly parts: FleetTruthParts;
  private readonly durableBeforeFree = new DurableBeforeFree();
  private readonly replayable = new Replayable(replayByChart);

  constructor(world: SimWorld, parts: FleetTruthParts) {
    this.world = world;
    this.parts = parts;
    world.broker.onCommit((message) => this.hear(message));
  }

  note(what: string): void {
    this.milestones.push({ atUs: this.world.scheduler.nowUs(), what });
  }

  /** Arbiters that still have something to do. */
  openArbiters(): ActorKey[] {
    return [...this.arbiters].filter(([, { state }]) => state !== 'settled').map(([actor]) => actor);
  }

  openMigrations(): ActorKey[] {
    return [...this.migrations].filter(([, { state }]) => !MIGRATION_ENDS.has(state)).map(([actor]) => actor);
  }

  openChains(): ActorKey[] {
    return [...this.chains].filter(([, { state }]) => !CHAIN_ENDS.has(state)).map(([actor]) => actor);
  }

  private hear(message: StreamMessage): void {
    if (message.stream === streams.checkpoints) this.hearNotice(message);
    else if (message.subject.startsWith('actor.')) {
      const actor = actorOfSubject(message.subject);
      if (actor !== undefined) this.hearRecord(actor, message);
    } else if (message.subject.endsWith('.out')) this.hearOutput(message);
  }

  private hearNotice(message: StreamMessage): void {
    const notice = decodeCheckpointNotice(message.payload);
    if (!notice.ok) throw new Error(`a committed notice does not decode: ${notice.error.sentence}`);
    const { body } = notice.value;
    if (body.kind === 'stored') {
      this.durableBeforeFree.stored(body);
      const epochs = this.storedEpochs.get(body.task) ?? new Map<string, number>();
      epochs.set(body.manager, Math.max(body.epoch, epochs.get(body.manager) ?? 0));
      this.storedEpochs.set(body.task, epochs);
      const stored = this.parts.storeOf(body.manager)?.hasStored(body.task, body) ?? true;
      this.world.judges.report(unstored(body, stored));
    }
    if (body.kind !== 'freed') return;
    const quorum = this.placements.get(body.task)?.context.spec?.checkpoint.quorum ?? 0;
    const coLocated = this.parts.coLocated(body.mac);
    this.world.judges.report(this.durableBeforeFree.freed({ ...body, quorum, coLocated }));
  }

  private hearRecord(actor: ActorKey, message: StreamMessage): void {
    const decoded = decodeRecord(message.payload);
    if (!decoded.ok) throw new Error(`a committed record does not decode: ${decoded.error.sentence}`);
    const record = decoded.value;
    const { value, context } = JSON.parse(record.snapshot) as Snapshot;
    const state = stateName(value);
    this.note(`${actor}#${record.revision} ${record.event.type} → ${state} (${record.writer})`);
    this.world.judges.report(this.replayable.record(record));
    if (actor.startsWith('arbiter/')) {
      const arbiter = { state, context: context as ArbiterContext, record };
      if (state === 'settled' && this.arbiters.get(actor)?.state !== 'settled') this.judgeEnd(actor, arbiter);
      this.arbiters.set(actor, arbiter);
      return;
    }
    if (actor.startsWith('chain/')) {
      this.hearChain(actor, { state, context: context as ChainContext, record });
      return;
    }
    if (actor.startsWith('route/')) {
      this.hearRoute(actor, { state, context: context as RouteContext, record });
      return;
    }
    if (actor.startsWith('migration/')) {
      this.hearMigration(actor, { state, context: context as MigrationContext, record });
      return;
    }
    if (actor.startsWith('power/')) {
      this.power.set(actor.slice('power/'.length), { state, context: context as PowerContext });
      this.parts.onPower();
      return;
    }
    if (!actor.startsWith('placement/')) return;
    const placement = { state, context: context as PlacementContext, record };
    const before = this.placements.get(placement.context.task);
    this.placements.set(placement.context.task, placement);
    this.judge(placement, before);
    // Until the abort stands here the source stands still: also in the moment in which it is written.
    this.judgeMigrations(placement.context.task, record.event.type === 'MOVE.ABORTED' ? before : placement);
  }

  private hearChain(actor: ActorKey, chain: ChainTruth): void {
    this.chains.set(actor, chain);
    const { state, context } = chain;
    if (!CHAIN_ENDS.has(state)) return;
    const members = (context.cause?.members ?? []).map((member) => {
      const placement = this.placements.get(member.task)?.context;
      const { context: migration } = this.migrations.get(migrationOfMember(member)) ?? {};
      const moved = migration?.epoch !== undefined && migration.cause?.chain === actor;
      return { task: member.task, epoch: member.epoch, placementEpoch: placement?.epoch ?? 0, moved };
    });
    this.world.judges.report(tornChain({ chain: actor, state }, members));
  }

  private hearRoute(actor: ActorKey, route: RouteTruth): void {
    this.routes.set(actor, route);
    const { task, source, begun } = route.context;
    const { type } = route.record.event;
    if (type !== 'ROUTE.BEGUN' || source === undefined || begun === undefined) return;
    const first = this.world.broker.stream(streams.outputs(0)).next(taskSubject.outputs({ shardCount: 1 }, source), 1);
    const number = Number(first?.headers[header.output] ?? 0);
    const kept = first === undefined ? undefined : number + (first.headers[header.marker] === '1' ? 1 : 0);
    this.world.judges.report(this.world.judges.routed.begun(task, source, begun.output, kept));
  }

  private hearMigration(actor: ActorKey, migration: MigrationTruth): void {
    this.migrations.set(actor, migration);
    const task = migration.context.cause?.task ?? '';
    const open = this.migrating.get(task) ?? new Set();
    this.migrating.set(task, open.add(actor));
    this.judgeMigrations(task);
    if (MIGRATION_ENDS.has(migration.state)) open.delete(actor);
    if (migration.record.event.type === 'TARGET.DURABLE') this.judgeDurable(actor, migration);
  }

  private judgeMigrations(task: TaskName, truth = this.placements.get(task)): void {
    if (truth === undefined) return;
    const placement = { state: truth.state, epoch: truth.context.epoch, takenBy: truth.context.takenBy };
    for (const actor of this.migrating.get(task) ?? []) {
      const { state, context } = this.migrations.get(actor) as MigrationTruth;
      const { cause, epoch: tookEpoch, mode, reference, following = false } = context;
      if (cause === undefined) continue;
      const source = this.parts.sourceDoes(cause.source, task, cause.epoch);
      const handedOver = reference !== undefined && mode !== 'cold' && !following;
      const then = { actor, task, expectedEpoch: cause.epoch, state, tookEpoch, handedOver, following, placement, source };
      this.world.judges.report(tornMigration(then));
    }
  }

  private judgeDurable(actor: ActorKey, { context: { cause, epoch = 0 } }: MigrationTruth): void {
    const { task = '' } = cause ?? {};
    const truth = this.placements.get(task);
    const { owner, spec } = truth?.context ?? {};
    if (truth?.state !== 'owned' || owner === undefined || spec === undefined) return;
    const coLocated = this.parts.coLocated(owner.mac);
    const stored = [...(this.storedEpochs.get(task) ?? [])].filter(([manager, at]) => at >= epoch && !coLocated.has(manager));
    const { quorum } = spec.checkpoint;
    this.world.judges.report(droppedEarly({ actor, task, tookEpoch: epoch, storedBy: stored.length, quorum }));
  }

  /** A restore has come to its end: whatever it took is somebody's. */
  private judgeEnd(actor: ActorKey, { context: { tasks } }: ArbiterTruth): void {
    for (const [task, { epoch: tookEpoch }] of Object.entries(tasks)) {
      const truth = this.placements.get(task);
      if (truth === undefined) continue;
      const placement = { state: truth.state, epoch: truth.context.epoch, takenBy: truth.context.takenBy };
      this.world.judges.report(unansweredEpoch({ actor, task, tookEpoch, placement }));
    }
  }

  private judge({ state, context, record }: PlacementTruth, before: PlacementTruth | undefined): void {
    const { task, epoch, takenBy, takeId, owner, reason } = context;
    this.world.judges.report(unsaid({ task, revision: record.revision, state, reason }));
    const event = JSON.parse(record.event.json) as { readonly expectedEpoch?: number };
    const taken = epoch !== (before?.context.epoch ?? 0);
    const chain = taken && takenBy !== undefined ? this.migrations.get(takenBy)?.context.cause?.chain : undefined;
    if (chain !== undefined && takenBy !== undefined)
      this.world.judges.report(movedAlone({ chain, state: this.chains.get(chain)?.state ?? 'unknown' }, task, takenBy));
    // What the taker planned by, by its own record: what it asked for may be another thing.
    const planned =
      takenBy === undefined
        ? undefined
        : (this.arbiters.get(takenBy)?.context.tasks[task]?.expectedEpoch ??
          this.migrations.get(takenBy)?.context.cause?.epoch);
    this.world.judges.placement({
      task,
      revision: record.revision,
      epoch,
      takenBy: `${takenBy ?? 'nobody'} ${takeId ?? ''}`,
      expectedEpoch: taken ? (planned ?? event.expectedEpoch) : undefined,
      owner: owner === undefined ? undefined : `${owner.mac}#${owner.incarnation}`,
    });
  }

  private hearOutput(message: StreamMessage): void {
    const task = message.subject.split('.')[2] ?? '';
    const epoch = message.headers[header.epoch] ?? '';
    if (message.headers[header.marker] === '1') {
      this.sinceMarker.set(task, 0);
      this.note(`${task} marker of epoch ${epoch}`);
      this.world.judges.report(writesUngiven(task, Number(epoch), this.placements.get(task)?.context.epoch ?? 0));
      this.judgeMigrations(task);
      this.parts.onMarker();
      return;
    }
    this.judgeMigrations(task);
    const count = (this.sinceMarker.get(task) ?? 0) + 1;
    this.sinceMarker.set(task, count);
    if (count === 1) this.note(`${task} first output of epoch ${epoch}`);
  }
}
