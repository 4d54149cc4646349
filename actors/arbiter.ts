/**
 * What the Arbiter chart's effects mean: read the fleet and plan; take an epoch; command a deploy; tell the placement.
 * Only `planRestore` reads the world, and it only answers. The rest are functions of the entry.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { Json } from '../src/domain/kernel/json.ts';
import type { CheckpointReference } from '../src/domain/model/checkpoint.ts';
import { type Incarnation, ownerOf } from '../src/domain/model/ecu.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { assign } from '../src/domain/placement/assign.ts';
import type { Candidate, Newcomer } from '../src/domain/placement/evidence.ts';
import { decodeAnswer, encodeCommand } from '../src/domain/protocol/codec-command.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import { type Advising, advised } from '../src/ports/advising.ts';
import type { ArbiterEffect, EvictedTask, PlannedTask, RestoreCause, RestorePlan } from '../statecharts/arbiter.machine.ts';
import type { PlacementContext } from '../statecharts/placement.machine.ts';
import { apartOnAll, type BeyondShare } from './beyond-share.ts';
import type { CheckpointLookup } from './checkpoint-lookup.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host, planted } from './host.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import { isPlaced, type PlacementView } from './placement-index.ts';
import type { Shell } from './shell.ts';

export interface ArbiterEffectsParts {
  readonly host: Host;
  readonly replicated: () => Shell;
  readonly knowledge: FleetKnowledge;
  readonly beyond: BeyondShare;
  readonly lookup: CheckpointLookup;
  /** A learned model ranks what the test lets through. */
  readonly advising: Advising | undefined;
}

/** A lost message is found out after this long; a bridge that is still busy takes the repeated command for what it is. */
const DEPLOY_TIMEOUT_US = 500_000;
const RETRY_US = 20_000;
/** How long a plan counts as room taken when nothing comes of it. */
const PLANNED_US = 1_000_000;
const STILL_SHED_RETRY_US = 500_000;

type Effect<Kind extends ArbiterEffect['kind']> = Extract<ArbiterEffect, { kind: Kind }>;

export class ArbiterEffects {
  private readonly parts: ArbiterEffectsParts;
  /** Deploys that were commanded with the taking of their epoch. */
  private readonly ahead = new Map<TaskName, { readonly epoch: number; readonly answer: Promise<Uint8Array> }>();

  constructor(parts: ArbiterEffectsParts) {
    this.parts = parts;
  }

  perform(open: OpenEffect): Promise<EffectOutcome> {
    const effect = open.effect as ArbiterEffect;
    switch (effect.kind) {
      case 'planRestore':
        return this.planRestore(open, effect);
      case 'takeEpoch':
        return this.takeEpoch(open, effect);
      case 'deployInstance':
        return this.deployInstance(open, effect);
      case 'confirmPlacement':
        return this.confirmPlacement(open, effect);
      case 'recordShed':
        return this.recordShed(open, effect);
      case 'evictTask':
        return this.evictTask(open, effect);
    }
  }

  // ——— planning ———

  private async planRestore(open: OpenEffect, effect: Effect<'planRestore'>): Promise<EffectOutcome> {
    const { cause, tasks } = effect;
    const { mine, skipped } = await this.tasksToPlan(open, cause, tasks);
    await this.parts.lookup.ask(mine.map(({ context }) => context));
    const plan = await this.planBeyond(cause, mine, skipped, (task) => tasks?.[task]?.excluded ?? []);
    const allStillShed =
      tasks !== undefined &&
      mine.length > 0 &&
      plan.assignments.length === 0 &&
      plan.skipped.length === 0 &&
      plan.unplaced.every(({ task, evict }) => tasks[task]?.shed === true && evict.length === 0);
    if (allStillShed) return { kind: 'again', afterUs: STILL_SHED_RETRY_US };
    return { kind: 'event', event: { type: 'PLAN.MADE', plan } };
  }

  /** Which tasks are this arbiter's to restore, by their freshest records. */
  private async tasksToPlan(
    open: OpenEffect,
    cause: RestoreCause,
    pending: Effect<'planRestore'>['tasks'],
  ): Promise<{ mine: PlacementView[]; skipped: RestorePlan['skipped'][number][] }> {
    const { knowledge } = this.parts;
    const names = pending === undefined ? undefined : Object.keys(pending);
    const wanted =
      names ??
      (cause.kind === 'request' ? [cause.task] : knowledge.tasksOwnedBy(cause.owner).map(({ context }) => context.task));
    // The first plan after a failure uses what this manager already knows: taking the epoch is checked against the record anyway.
    const fresh = names !== undefined || cause.kind === 'request';
    const views = await Promise.all(
      wanted.map(async (task) => ({ task, view: fresh ? await knowledge.freshPlacement(task) : knowledge.placement(task) })),
    );
    const mine: PlacementView[] = [];
    const skipped: RestorePlan['skipped'][number][] = [];
    for (const { task, view } of views) {
      const reason = view === undefined ? 'it has no placement' : this.notMine(open, cause, view, pending?.[task]?.epoch);
      if (view === undefined || reason !== undefined) skipped.push({ task, reason: reason ?? 'it has no placement' });
      else mine.push(view);
    }
    return { mine, skipped };
  }

  /** `knownEpoch`: the latest epoch that this actor knows of from its earlier plans. */
  private notMine(
    open: OpenEffect,
    cause: RestoreCause,
    { context, state }: PlacementView,
    knownEpoch: number | undefined,
  ): string | undefined {
    const known = planted(this.parts.host, 'claim-what-passed') ? undefined : knownEpoch;
    if (state === 'removing' || state === 'removed' || state === 'crashed' || state === 'undeclared') return `it is ${state}`;
    const takenHere = context.takenBy === open.actor && state !== 'owned';
    if (takenHere) return undefined;
    // Another took it meanwhile, perhaps for the very same incarnation, which lives after all.
    if (known !== undefined && context.epoch > known) return `epoch ${context.epoch} was taken by ${context.takenBy}`;
    if (known !== undefined && state === 'owned' && context.takenBy === open.actor) return 'it is owned';
    if (cause.kind === 'request')
      return context.epoch === cause.epoch ? undefined : `epoch ${context.epoch} was taken by ${context.takenBy}`;
    const { mac, incarnation } = cause.owner;
    const stillThere = context.owner?.mac === mac && context.owner.incarnation <= incarnation;
    return stillThere || state === 'shed' || state === 'lost'
      ? undefined
      : `epoch ${context.epoch} was taken by ${context.takenBy}`;
  }

  /** Over this manager's share of the fleet; beyond it for what the tasks name, and for what finds no place. */
  private async planBeyond(
    cause: RestoreCause,
    mine: readonly PlacementView[],
    skipped: RestorePlan['skipped'],
    excludedFor: (task: TaskName) => readonly string[],
  ): Promise<RestorePlan> {
    const { knowledge, beyond } = this.parts;
    if (knowledge.elsewhere.size === 0) return this.plan(cause, mine, skipped, excludedFor);
    const wishes = mine.flatMap(({ context: { spec, task } }) =>
      spec === undefined ? [] : [{ spec, dataAt: knowledge.standbys(task) }],
    );
    const named = await beyond.named(wishes, undefined);
    const plan = this.plan(cause, mine, skipped, excludedFor, named);
    const allPlaced = plan.unplaced.length === 0 && plan.skipped.length === skipped.length;
    if (allPlaced) return plan;
    const others = await beyond.drawn(wishes, new Set(named.map(({ mac }) => mac)));
    return this.plan(cause, mine, skipped, excludedFor, [...named, ...others]);
  }

  private plan(
    cause: RestoreCause,
    mine: readonly PlacementView[],
    skipped: RestorePlan['skipped'],
    excludedFor: (task: TaskName) => readonly string[],
    beyond: readonly Candidate[] = [],
  ): RestorePlan {
    const { knowledge } = this.parts;
    const unplaced: RestorePlan['unplaced'][number][] = [];
    const newcomers: Newcomer[] = [];
    for (const { context } of mine) {
      const { spec, task, epoch, trim } = context;
      const reference = knowledge.newestReference(context);
      if (spec === undefined) continue;
      if (reference === undefined && trim !== undefined) {
        unplaced.push({
          task,
          expectedEpoch: epoch,
          reason: 'no reachable manager can rebuild a checkpoint of it, and its first inputs were trimmed',
          evict: [],
        });
        continue;
      }
      const needs = reference?.needs;
      newcomers.push({
        spec,
        excluded: excludedFor(task),
        dataAt: knowledge.standbys(task),
        ...(needs === undefined ? {} : { needs }),
      });
    }
    const nowUs = this.parts.host.clock.monotonicUs();
    knowledge.index.passed(nowUs);
    const names = new Set(mine.map(({ context }) => context.task));
    const candidates = [...knowledge.candidates(), ...beyond].map((candidate) => withoutNewcomers(candidate, names));
    const excluded = cause.kind === 'failure' && this.isDead(cause.owner) ? [cause.owner.mac] : [];
    const sameMachine = cause.kind === 'failure' && cause.preferSameMachine ? cause.owner.mac : undefined;
    const request = {
      newcomers: sameMachine === undefined ? newcomers : newcomers.map((newcomer) => preferring(newcomer, sameMachine)),
      candidates,
      excluded,
      ...advised(this.parts.advising),
      apartOfRunning: apartOnAll(knowledge.index.apartOfRunning(), beyond),
      criticalityOfRunning: (task: TaskName) => {
        const placement = knowledge.placement(task);
        return placement !== undefined && isPlaced(placement) ? (placement.context.spec?.criticality ?? 0) : undefined;
      },
    };
    const owner = cause.kind === 'request' ? mine[0]?.context.owner : undefined;
    const present = owner?.mac;
    let planned = assign(present === undefined ? request : { ...request, excluded: [...excluded, present] });
    // A request is for elsewhere, but here is better than nowhere.
    if (present !== undefined && planned.unplaced.length > 0) planned = assign(request);
    const byTask = new Map(mine.map((view) => [view.context.task, view.context]));
    const assignments: PlannedTask[] = planned.assignments.flatMap(({ task, mac, incarnation }) => {
      const context = byTask.get(task);
      if (context === undefined) return [];
      if (context.spec !== undefined) knowledge.index.expect(context.spec, mac, nowUs + PLANNED_US);
      return [
        { task, expectedEpoch: context.epoch, target: { mac, incarnation }, checkpoint: knowledge.newestReference(context) },
      ];
    });
    for (const { task, sentence, roomBy } of planned.unplaced) {
      const evict = roomBy === undefined ? [] : this.evictable(roomBy.mac, roomBy.tasks);
      unplaced.push({ task, expectedEpoch: byTask.get(task)?.epoch ?? 0, reason: sentence, evict });
    }
    return { assignments, unplaced, skipped, evidence: planned.decisions as unknown as Json };
  }

  /** The running tasks that would make room, as their placements name them. */
  private evictable(mac: string, tasks: readonly TaskName[]): EvictedTask[] {
    return tasks.flatMap((task) => {
      const placement = this.parts.knowledge.placement(task);
      const owner = placement?.context.owner;
      if (placement === undefined || !isPlaced(placement) || owner?.mac !== mac) return [];
      return [{ task, epoch: placement.context.epoch, owner }];
    });
  }

  private isDead({ mac, incarnation }: Incarnation): boolean {
    const ecu = this.parts.knowledge.ecu(mac);
    return ecu === undefined || ecu.context.incarnation <= incarnation;
  }

  // ——— acting ———

  private async takeEpoch(open: OpenEffect, effect: Effect<'takeEpoch'>): Promise<EffectOutcome> {
    const { task, expectedEpoch, target } = effect;
    const takeId = open.entry.id;
    const shell = this.parts.replicated();
    const { host, knowledge } = this.parts;
    const whichever = planted(host, 'take-any-epoch') ? (await knowledge.freshPlacement(task))?.context.epoch : undefined;
    const event = {
      type: 'EPOCH.REQUESTED',
      id: takeId,
      expectedEpoch: whichever ?? expectedEpoch,
      by: open.actor,
      takeId,
      target,
    };
    if ((await shell.deliver(`placement/${task}`, event)) === 'deferred') return { kind: 'again', afterUs: RETRY_US };
    const context = this.parts.knowledge.placement(task)?.context;
    if (context === undefined) return { kind: 'again', afterUs: RETRY_US };
    const { epoch } = context;
    if (context.takeId === takeId || (planted(host, 'give-epoch-twice') && context.takenBy !== undefined)) {
      this.deployAhead(open, { task, epoch, target });
      return { kind: 'event', event: { type: 'EPOCH.GRANTED', task, epoch } };
    }
    return { kind: 'event', event: { type: 'EPOCH.REFUSED', task, epoch, by: context.takenBy } };
  }

  /**
   * The epoch is taken and its record names the target: it is told now, and not when this actor's own record has been written
   * once more. `deployInstance` waits for this answer, or, where this host has died meanwhile, asks again: a bridge answers
   * for an epoch, whatever the command.
   */
  private deployAhead(open: OpenEffect, taken: { task: TaskName; epoch: number; target: Incarnation }): void {
    const { knowledge } = this.parts;
    const { task, epoch } = taken;
    const context = knowledge.placement(task)?.context;
    if (context?.spec === undefined || context.epoch !== epoch) return;
    const checkpoint = knowledge.newestReference(context);
    const answer = this.commandDeploy(open, { ...taken, checkpoint, spec: context.spec, trim: context.trim });
    answer.catch(() => undefined); // heard by whoever waits for it
    this.ahead.set(task, { epoch, answer });
  }

  private commandDeploy(
    open: OpenEffect,
    deploy: {
      readonly task: TaskName;
      readonly epoch: number;
      readonly target: Incarnation;
      readonly checkpoint: CheckpointReference | undefined;
      readonly spec: TaskSpec;
      readonly trim: PlacementContext['trim'];
    },
  ): Promise<Uint8Array> {
    const { host } = this.parts;
    const { task, epoch, target, checkpoint, spec, trim } = deploy;
    const header = { task, epoch, effectId: open.entry.id, actor: open.actor, actorRevision: open.entry.openedBy };
    const trimmed = trim === undefined ? {} : { trimmed: trim };
    const { incarnation, mac } = target;
    const command = { kind: 'deploy', ...header, spec, incarnation, checkpoint, ...trimmed } as const;
    return host.bus.request(ecuSubject.command(mac), encodeCommand(envelope(host, command)), { timeoutUs: DEPLOY_TIMEOUT_US });
  }

  private async deployInstance(open: OpenEffect, effect: Effect<'deployInstance'>): Promise<EffectOutcome> {
    const { task, epoch, checkpoint } = effect;
    const { host, knowledge } = this.parts;
    const target = planted(host, 'deploy-on-reading') ? this.roomiest(effect.target) : effect.target;
    const { mac } = target;
    const refused = (reason: string): EffectOutcome => ({
      kind: 'event',
      event: { type: 'DEPLOY.REFUSED', task, epoch, reason },
    });
    // Of this epoch's record: whoever takes over an arbiter may know its record before the placement's.
    const behind = (knowledge.placement(task)?.context.epoch ?? 0) < epoch;
    const context = (behind ? await knowledge.freshPlacement(task) : knowledge.placement(task))?.context;
    if (context?.spec === undefined) return refused('it has no specification any more');
    const ahead = this.ahead.get(task);
    this.ahead.delete(task);
    let bytes: Uint8Array;
    try {
      bytes =
        ahead?.epoch === epoch
          ? await ahead.answer
          : await this.commandDeploy(open, { task, epoch, target, checkpoint, spec: context.spec, trim: context.trim });
    } catch (cause) {
      if (cause instanceof DroverError && cause.code === 'ERR_BUS_NO_RESPONDER') return refused(`no bridge answers on ${mac}`);
      return { kind: 'again', afterUs: RETRY_US };
    }
    const answer = decodeAnswer(bytes);
    if (!answer.ok) return refused(answer.error.sentence);
    const { body } = answer.value;
    if (body.kind === 'refused') return refused(`${body.code}: ${body.sentence}`);
    if (body.kind !== 'running') return refused(`the target answered ${body.kind}`);
    return {
      kind: 'event',
      event: { type: 'INSTANCE.RAN', task, epoch, nonce: body.nonce, owner: ownerOf(mac, body) },
    };
  }

  /** A planted bug: an effect that reads the world and acts on what it read. */
  private roomiest(target: Incarnation): Incarnation {
    const alive = this.parts.knowledge.candidates().filter(({ alive: lives }) => lives);
    const [best] = alive.sort((a, b) => a.accepted.length - b.accepted.length);
    return best === undefined ? target : { mac: best.mac, incarnation: best.incarnation };
  }

  private async confirmPlacement(
    open: OpenEffect,
    { task, epoch, owner, nonce }: Effect<'confirmPlacement'>,
  ): Promise<EffectOutcome> {
    const event = { type: 'INSTANCE.RAN', id: open.entry.id, epoch, owner, nonce };
    if ((await this.parts.replicated().deliver(`placement/${task}`, event)) === 'deferred')
      return { kind: 'again', afterUs: RETRY_US };
    return { kind: 'event', event: { type: 'PLACEMENT.CONFIRMED', task, epoch } };
  }

  private async recordShed(open: OpenEffect, { task, epoch, reason }: Effect<'recordShed'>): Promise<EffectOutcome> {
    const event = { type: 'TASK.SHED', id: open.entry.id, epoch, reason };
    if ((await this.parts.replicated().deliver(`placement/${task}`, event)) === 'deferred')
      return { kind: 'again', afterUs: RETRY_US };
    this.parts.host.log.warn('a task is shed', { task, epoch, reason });
    return { kind: 'event', event: { type: 'SHED.RECORDED', task } };
  }

  /** Its placement first, then its bridge: the room is free when the bridge says so. */
  private async evictTask(open: OpenEffect, { task, epoch, owner, reason }: Effect<'evictTask'>): Promise<EffectOutcome> {
    const { host, knowledge } = this.parts;
    const event = { type: 'TASK.SHED', id: open.entry.id, epoch, reason };
    if ((await this.parts.replicated().deliver(`placement/${task}`, event)) === 'deferred')
      return { kind: 'again', afterUs: RETRY_US };
    const evicted: EffectOutcome = { kind: 'event', event: { type: 'TASK.EVICTED', task } };
    if (knowledge.placement(task)?.context.epoch !== epoch || knowledge.isGone(owner)) return evicted;
    const header = { task, epoch, effectId: open.entry.id, actor: open.actor, actorRevision: open.entry.openedBy };
    const command = encodeCommand(envelope(host, { kind: 'stop', ...header, reason } as const));
    try {
      await host.bus.request(ecuSubject.command(owner.mac), command, { timeoutUs: DEPLOY_TIMEOUT_US });
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      return { kind: 'again', afterUs: RETRY_US };
    }
    host.log.warn('a task was shed to make room', { task, epoch, reason });
    return evicted;
  }
}

/** The bridge died, the machine did not: its local checkpoint is there, so this machine comes first when it is feasible. */
const preferring = (newcomer: Newcomer, mac: string): Newcomer => ({
  ...newcomer,
  dataAt: [...(newcomer.dataAt ?? []), mac],
  spec: { ...newcomer.spec, affinity: { ...newcomer.spec.affinity, preferredEcus: [mac] } },
});

/** A task that is planned anew no longer counts where it was. */
function withoutNewcomers(candidate: Candidate, names: ReadonlySet<TaskName>): Candidate {
  if (!candidate.accepted.some(({ task }) => names.has(task))) return candidate;
  return { ...candidate, accepted: candidate.accepted.filter(({ task }) => !names.has(task)) };
}
