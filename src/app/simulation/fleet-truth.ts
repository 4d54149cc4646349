/**
 * What is true of the fleet, read from what the broker committed and not from what any host believes: placements and open
 * restores, and a timeline of the steps of a restore. Feeds the judges that need to read records and words about checkpoints.
 */

import { stateName } from '../../../actors/chart.ts';
import type { StoredPages } from '../../../infra/sim/disk-checkpoints.ts';
import type { SimWorld } from '../../../infra/sim/world.ts';
import type { ArbiterContext } from '../../../statecharts/arbiter.machine.ts';
import type { PlacementContext } from '../../../statecharts/placement.machine.ts';
import { tornMove } from '../../domain/invariants/atomic-move.ts';
import { DurableBeforeFree, unstored } from '../../domain/invariants/durable-before-free.ts';
import { Replayable } from '../../domain/invariants/replayable.ts';
import { unsaid } from '../../domain/invariants/restore-or-say-why.ts';
import type { Incarnation } from '../../domain/model/ecu.ts';
import type { ActorKey, Mac, TaskName } from '../../domain/model/ids.ts';
import type { ActorRecord } from '../../domain/model/record.ts';
import { decodeCheckpointNotice } from '../../domain/protocol/codec-checkpoint.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import { actorOfSubject, header, streams } from '../../domain/protocol/subjects.ts';
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
  /** Whether an ECU that lives in this incarnation runs the instance; undefined: it does not live. */
  readonly runsThere: (owner: Incarnation, task: TaskName, epoch: number) => boolean | undefined;
  /** An instance has begun to write. */
  readonly onMarker: () => void;
}

export class FleetTruth {
  readonly placements = new Map<TaskName, PlacementTruth>();
  readonly arbiters = new Map<ActorKey, ArbiterTruth>();
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
    const placement = { state, context: context as PlacementContext, record };
    const before = this.placements.get(placement.context.task);
    this.placements.set(placement.context.task, placement);
    this.judge(placement, before);
  }

  /** A restore or a move has come to its end: whatever it took is somebody's, whatever it did not take is as it was. */
  private judgeEnd(actor: ActorKey, { context: { cause, tasks } }: ArbiterTruth): void {
    for (const [task, { expectedEpoch, epoch: tookEpoch }] of Object.entries(tasks)) {
      const truth = this.placements.get(task);
      if (truth === undefined) continue;
      const { state, context } = truth;
      const isMove = cause?.kind === 'request' && cause.move !== undefined;
      const sourceRuns =
        !isMove || context.owner === undefined ? undefined : this.parts.runsThere(context.owner, task, context.epoch);
      const placement = { state, epoch: context.epoch, takenBy: context.takenBy };
      this.world.judges.report(tornMove({ actor, task, expectedEpoch, tookEpoch, placement, sourceRuns }));
    }
  }

  private judge({ state, context, record }: PlacementTruth, before: PlacementTruth | undefined): void {
    const { task, epoch, takenBy, takeId, owner, reason } = context;
    this.world.judges.report(unsaid({ task, revision: record.revision, state, reason }));
    const event = JSON.parse(record.event.json) as { readonly expectedEpoch?: number };
    const taken = epoch !== (before?.context.epoch ?? 0);
    // What the taker planned by, by its own record: what it asked for may be another thing.
    const planned = takenBy === undefined ? undefined : this.arbiters.get(takenBy)?.context.tasks[task]?.expectedEpoch;
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
      this.parts.onMarker();
      return;
    }
    const count = (this.sinceMarker.get(task) ?? 0) + 1;
    this.sinceMarker.set(task, count);
    if (count === 1) this.note(`${task} first output of epoch ${epoch}`);
  }
}
