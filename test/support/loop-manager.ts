/**
 * A manager as the loop's scenarios need it: a shell over the ACTORS stream, honest performers for the placement and the
 * arbiter, a simple detector, takeover of gone managers' records, and the level-triggered duty of DESIGN 3: while a
 * placement names an owner that is gone and no arbiter is open for it, a restore request is raised.
 */
import type { EffectOutcome, OpenEffect } from '../../actors/outbox.ts';
import { type ActorView, type Delivery, Shell } from '../../actors/shell.ts';
import { createStreamRecordStore } from '../../infra/nats/record-store.ts';
import { connectSim, type SimBus } from '../../infra/sim/bus.ts';
import type { SimProcess } from '../../infra/sim/host.ts';
import { SimCounters } from '../../infra/sim/log.ts';
import { hash32 } from '../../src/domain/kernel/rng.ts';
import type { Incarnation } from '../../src/domain/model/ecu.ts';
import type { ActorEvent } from '../../src/domain/model/events.ts';
import type { HostId, Mac, TaskName } from '../../src/domain/model/ids.ts';
import { ecuSubject, managerSubject } from '../../src/domain/protocol/subjects.ts';
import type { ArbiterContext, ArbiterEffect, PlannedTask, RestorePlan } from '../../statecharts/arbiter.machine.ts';
import type { PlacementContext, PlacementEffect } from '../../statecharts/placement.machine.ts';
import { arbiterChart, placementChart } from './loop-charts.ts';
import { type CaughtUpReport, type CommandAnswer, decodeJson, encodeJson, HEARTBEAT_US, nameOf } from './loop-ecu.ts';
import type { DeployCommand, LoopStage } from './loop-stage.ts';

/** Silence after which somebody counts as gone; shorter than a partition, longer than a hiccup. */
const GONE_US = 400_000;
const SWEEP_US = 100_000;
const COMMAND_TIMEOUT_US = 300_000;
const AGAIN: EffectOutcome = { kind: 'again', afterUs: 60_000 };

interface Heard {
  readonly incarnation: number;
  readonly atUs: number;
}

export class LoopManager {
  readonly id: HostId;
  readonly counters = new SimCounters();
  shell: Shell | undefined;
  private readonly world: LoopStage;
  private readonly process: SimProcess;
  private readonly heard = new Map<string, Heard>();
  private readonly underWay = new Set<string>();
  private listeningSinceUs = 0;

  constructor(world: LoopStage, process: SimProcess) {
    this.world = world;
    this.process = process;
    this.id = process.host.id;
  }

  async boot(): Promise<void> {
    const { world, process } = this;
    const bus = await connectSim(world.broker, process);
    const shell = new Shell({
      host: this.id,
      incarnation: process.incarnation,
      charts: [placementChart, arbiterChart],
      store: createStreamRecordStore({ bus, names: { shardCount: 1 }, appendTimeoutUs: 300_000 }),
      perform: (open) => this.perform(open, bus),
      clock: process.clock,
      rng: world.rng.stream(`shell ${process.name}`),
      log: world.book.logOf(process.name),
      counters: this.counters,
      faults: world.plan.pointsOf(process),
      plants: world.plants,
    });
    this.shell = shell;
    this.listeningSinceUs = process.clock.monotonicUs();
    bus.onConnection((connected) => {
      if (connected) this.listeningSinceUs = process.clock.monotonicUs();
    });
    const note = (name: string, incarnation: number): void => {
      const before = this.heard.get(name);
      if (before === undefined || before.incarnation <= incarnation)
        this.heard.set(name, { incarnation, atUs: process.clock.monotonicUs() });
    };
    bus.subscribe(ecuSubject.allHeartbeats, ({ payload }) => {
      const beat = decodeJson<{ mac: Mac; incarnation: number }>(payload);
      note(beat.mac, beat.incarnation);
    });
    bus.subscribe(managerSubject.allHeartbeats, ({ payload }) => note(decodeJson<{ id: HostId }>(payload).id, 0));
    bus.clientEvents?.onDisconnect(({ name }) => {
      const [writer = ''] = name.split('#');
      if (writer.startsWith('manager.') && writer !== this.id) void this.takeOverFrom((view) => view.record.writer === writer);
    });
    await shell.start();
    await bus.serve({ service: 'manager', subject: managerSubject.call, queue: 'managers' }, async (message) =>
      encodeJson({ taken: await this.reported(shell, decodeJson<CaughtUpReport>(message.payload)) }),
    );
    this.every(HEARTBEAT_US, () => bus.publish(managerSubject.heartbeat(nameOf(this.id)), encodeJson({ id: this.id })));
    this.every(SWEEP_US, () => {
      this.deliverFacts(shell);
      if (!bus.connected() || process.clock.monotonicUs() - this.listeningSinceUs < GONE_US) return;
      void this.takeOverFrom((view) => view.record.writer !== this.id && this.isSilent(view.record.writer));
      this.sweep(shell);
    });
  }

  private every(periodUs: number, run: () => void): void {
    run();
    this.process.clock.after(periodUs, () => this.every(periodUs, run));
  }

  // ——— what it hears ———

  private isSilent(name: string): boolean {
    const nowUs = this.process.clock.monotonicUs();
    return nowUs - Math.max(this.heard.get(name)?.atUs ?? 0, this.listeningSinceUs) > GONE_US;
  }

  private isGone(owner: Incarnation): boolean {
    return (this.heard.get(owner.mac)?.incarnation ?? 0) > owner.incarnation || this.isSilent(owner.mac);
  }

  private aliveEcus(): readonly Incarnation[] {
    const ecus = [...this.heard].filter(([name]) => !name.includes('.') && !this.isSilent(name));
    return ecus.map(([mac, { incarnation }]) => ({ mac, incarnation })).sort((a, b) => (a.mac < b.mac ? -1 : 1));
  }

  /** Facts reach every manager, again and again until it has acknowledged them. */
  private deliverFacts(shell: Shell): void {
    for (const fact of this.world.facts) {
      if (fact.acknowledged.has(this.id)) continue;
      this.once(fact.event.id, () => shell.deliver(fact.actor, fact.event, () => void fact.acknowledged.add(this.id)));
    }
  }

  private async takeOverFrom(which: (view: ActorView) => boolean): Promise<void> {
    const shell = this.shell;
    if (shell === undefined) return;
    for (const view of [...shell.views()]) {
      if (shell.hasWork(view.record) && which(view)) this.once(`takeover ${view.actor}`, () => shell.takeOver(view.actor));
    }
  }

  private once(key: string, run: () => Promise<unknown>): void {
    if (this.underWay.has(key)) return;
    this.underWay.add(key);
    const over = (): void => void this.underWay.delete(key);
    run().then(over, over);
  }

  private sweep(shell: Shell): void {
    for (const view of [...shell.views()]) {
      if (!view.actor.startsWith('placement/')) continue;
      const { owner, task, epoch } = contextOf<PlacementContext>(view);
      const state = String(view.snapshot.value);
      if (owner === undefined || (state !== 'assigned' && state !== 'owned') || !this.isGone(owner)) continue;
      const byFailure = `arbiter/${owner.mac}.${owner.incarnation}`;
      const failure = shell.view(byFailure);
      if (failure === undefined) {
        const cause = { kind: 'failure', owner, preferSameMachine: false, reason: 'silent' };
        this.once(byFailure, () =>
          shell.deliver(byFailure, { type: 'RESTORE.NEEDED', id: `failed:${owner.mac}.${owner.incarnation}`, cause }),
        );
        continue;
      }
      if (isOpenFor(failure, task) || this.world.plants.planted('no-reopen')) continue;
      const takenBy = contextOf<PlacementContext>(view).takenBy;
      const taker = takenBy === undefined ? undefined : shell.view(takenBy);
      if (taker !== undefined && isOpenFor(taker, task)) continue;
      const cause = { kind: 'request', task, epoch, reason: 'its owner is gone' };
      this.once(`request ${task} ${epoch}`, () => this.request(shell, cause));
    }
  }

  private request(shell: Shell, cause: { readonly task: TaskName; readonly epoch: number }): Promise<Delivery> {
    const { task, epoch } = cause;
    return shell.deliver(`arbiter/request.${task}.${epoch}`, { type: 'RESTORE.NEEDED', id: `request:${task}.${epoch}`, cause });
  }

  private async reported(shell: Shell, { task, epoch }: CaughtUpReport): Promise<boolean> {
    const view = await shell.refresh(`placement/${task}`);
    if (view === undefined) return false;
    const context = contextOf<PlacementContext>(view);
    if (context.epoch > epoch) return true;
    if (context.takenBy === undefined) return false;
    const event = { type: 'INSTANCE.CAUGHT_UP', id: `caughtUp:${task}.${epoch}`, task, epoch };
    return (await shell.deliver(context.takenBy, event)) !== 'deferred';
  }

  // ——— what effects mean ———

  private async perform(open: OpenEffect, bus: SimBus): Promise<EffectOutcome> {
    const shell = this.shell as Shell;
    this.world.judge.performs(open.actor, open.entry.id, this.id);
    const effect = open.effect as ArbiterEffect | PlacementEffect;
    switch (effect.kind) {
      case 'raiseRestore': {
        const { task, epoch } = effect;
        const delivery = await this.request(shell, { kind: 'request', task, epoch, reason: 'unplaced' } as {
          task: TaskName;
          epoch: number;
        });
        if (delivery === 'deferred') return AGAIN;
        this.world.judge.saysDone(open.entry.id);
        return { kind: 'done' };
      }
      case 'stopTask': {
        if (effect.owner === undefined) return { kind: 'event', event: { type: 'INSTANCE.STOPPED', epoch: effect.epoch } };
        const answer = await this.command(bus, {
          kind: 'stop',
          task: effect.task,
          epoch: effect.epoch,
          target: effect.owner,
          by: open.actor,
        });
        return answer === undefined ? AGAIN : { kind: 'event', event: { type: 'INSTANCE.STOPPED', epoch: effect.epoch } };
      }
      case 'planRestore':
        return { kind: 'event', event: { type: 'PLAN.MADE', plan: await this.plan(shell, open, effect, bus) } };
      case 'takeEpoch':
        return this.take(shell, open, effect);
      case 'deployInstance': {
        const { task, epoch, target } = effect;
        const answer = await this.command(bus, { kind: 'deploy', task, epoch, target, by: open.actor });
        if (answer === undefined) return AGAIN;
        if (answer.kind === 'refused')
          return { kind: 'event', event: { type: 'DEPLOY.REFUSED', task, epoch, reason: answer.reason } };
        const owner = { mac: target.mac, incarnation: answer.incarnation };
        return { kind: 'event', event: { type: 'INSTANCE.RAN', task, epoch, nonce: answer.nonce, owner } };
      }
      case 'confirmPlacement': {
        const { task, epoch, owner, nonce } = effect;
        const ran = { type: 'INSTANCE.RAN', id: `ran:${task}.${epoch}`, epoch, owner, nonce };
        if ((await shell.deliver(`placement/${task}`, ran)) === 'deferred') return AGAIN;
        return { kind: 'event', event: { type: 'PLACEMENT.CONFIRMED', task, epoch } };
      }
      case 'recordShed': {
        const { task, epoch, reason } = effect;
        const shed = { type: 'TASK.SHED', id: `shed:${open.entry.id}`, epoch, reason };
        if ((await shell.deliver(`placement/${task}`, shed)) === 'deferred') return AGAIN;
        return { kind: 'event', event: { type: 'SHED.RECORDED', task } };
      }
      case 'evictTask':
        throw new Error(`this fleet's plans evict nobody, and yet ${effect.task} was to make room`);
    }
  }

  /** Reads the world, and only tells. */
  private async plan(
    shell: Shell,
    open: OpenEffect,
    effect: ArbiterEffect & { kind: 'planRestore' },
    bus: SimBus,
  ): Promise<RestorePlan> {
    const { cause } = effect;
    const assignments: PlannedTask[] = [];
    const unplaced: { task: TaskName; expectedEpoch: number; reason: string; evict: readonly [] }[] = [];
    const skipped: { task: TaskName; reason: string }[] = [];
    const pending = effect.tasks;
    const first = cause.kind === 'request' ? [cause.task] : this.tasksOf(shell, cause.owner);
    for (const task of pending === undefined ? first : Object.keys(pending)) {
      const view = await shell.refresh(`placement/${task}`);
      if (view === undefined) continue;
      const context = contextOf<PlacementContext>(view);
      const state = String(view.snapshot.value);
      const mine =
        pending !== undefined
          ? context.takenBy === open.actor || state === 'shed'
          : cause.kind === 'request'
            ? context.epoch === cause.epoch
            : sameIncarnation(context.owner, cause.owner);
      if (!mine || state === 'removing' || state === 'removed') {
        skipped.push({ task, reason: `it is ${state} at epoch ${context.epoch}` });
        continue;
      }
      const excluded = pending?.[task]?.excluded ?? [];
      const gone = cause.kind === 'failure' ? cause.owner : undefined;
      const targets = this.aliveEcus().filter((ecu) => !excluded.includes(ecu.mac) && !sameIncarnation(ecu, gone));
      // Managers differ in what they would choose: nothing may depend on their agreeing.
      const target = targets[hash32(`${task} ${context.epoch} ${this.process.name}`) % Math.max(1, targets.length)];
      if (target === undefined) unplaced.push({ task, expectedEpoch: context.epoch, reason: 'no ECU is left', evict: [] });
      else assignments.push({ task, expectedEpoch: context.epoch, target, checkpoint: undefined });
    }
    if (this.world.plants.planted('act-on-reading')) {
      for (const { task, expectedEpoch, target } of assignments) {
        const takeId = `${open.entry.id} ${this.process.name}`;
        await shell.deliver(`placement/${task}`, {
          type: 'EPOCH.REQUESTED',
          id: `take:${takeId}`,
          expectedEpoch,
          by: open.actor,
          takeId,
          target,
        });
        await this.command(bus, { kind: 'deploy', task, epoch: expectedEpoch + 1, target, by: open.actor });
      }
    }
    return { assignments, unplaced, skipped, evidence: [] };
  }

  private tasksOf(shell: Shell, owner: Incarnation): readonly TaskName[] {
    return [...shell.views()]
      .filter((view) => view.actor.startsWith('placement/') && sameIncarnation(contextOf<PlacementContext>(view).owner, owner))
      .map((view) => contextOf<PlacementContext>(view).task)
      .sort();
  }

  private async take(shell: Shell, open: OpenEffect, effect: ArbiterEffect & { kind: 'takeEpoch' }): Promise<EffectOutcome> {
    const { task, expectedEpoch, target } = effect;
    const takeId = open.entry.id;
    const request: ActorEvent = {
      type: 'EPOCH.REQUESTED',
      id: `take:${takeId}`,
      expectedEpoch,
      by: open.actor,
      takeId,
      target,
    };
    const delivery = await shell.deliver(`placement/${task}`, request);
    const view = delivery === 'deferred' ? undefined : await shell.refresh(`placement/${task}`);
    if (view === undefined) return AGAIN;
    const { epoch, takenBy, takeId: takenWith } = contextOf<PlacementContext>(view);
    const granted = this.world.plants.planted('nameless-refusal')
      ? delivery === 'taken' && epoch === expectedEpoch + 1
      : takenWith === takeId;
    if (granted) return { kind: 'event', event: { type: 'EPOCH.GRANTED', task, epoch } };
    return { kind: 'event', event: { type: 'EPOCH.REFUSED', task, epoch, by: takenBy } };
  }

  private async command(bus: SimBus, command: DeployCommand): Promise<CommandAnswer | undefined> {
    try {
      return decodeJson<CommandAnswer>(
        await bus.request(ecuSubject.command(command.target.mac), encodeJson(command), { timeoutUs: COMMAND_TIMEOUT_US }),
      );
    } catch {
      return undefined;
    }
  }
}

export const contextOf = <Context>(view: ActorView): Context => view.snapshot.context as Context;

const sameIncarnation = (a: Incarnation | undefined, b: Incarnation | undefined): boolean =>
  a !== undefined && b !== undefined && a.mac === b.mac && a.incarnation === b.incarnation;

/** Whether an arbiter is still at it, and the task is among what it carries. */
function isOpenFor(arbiter: ActorView, task: TaskName): boolean {
  if (arbiter.snapshot.status !== 'active') return false;
  const { tasks, rounds } = contextOf<ArbiterContext>(arbiter);
  const phase = tasks[task]?.phase;
  return rounds === 0 || (phase !== undefined && phase !== 'done' && phase !== 'skipped');
}
