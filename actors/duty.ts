/**
 * The manager's level-triggered duty: what events set off at once, this sweep finds again, whoever forgot it.
 *
 * - A placement that names an owner that is gone, or no owner at all, and that no open arbiter answers for: a restore request.
 * - A record whose writer is a manager that is gone, and that still wants something: takeover.
 * - An arbiter that waits for an epoch that has passed is told so.
 * - A restored capacity: arbiters that wait for it plan again.
 */
import type { ActorKey } from '../src/domain/model/ids.ts';
import type { Cancel } from '../src/ports/clock.ts';
import { type ArbiterContext, waitsForCapacity } from '../statecharts/arbiter.machine.ts';
import type { MigrationContext } from '../statecharts/migration.machine.ts';
import { failureArbiter } from './ecu.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { type Host, planted } from './host.ts';
import { requestArbiter } from './placement.ts';
import type { PlacementView } from './placement-index.ts';
import type { ActorView, Shell } from './shell.ts';
import { sweeping } from './sweeping.ts';

const PLACED = new Set(['assigned', 'owned', 'moving']);
const SWEEP_US = 100_000;
/** Placements looked at in a sweep; where a manager keeps more, it takes it longer to get round. */
const LOOKED_AT_MAX = 1_000;
/** A placement must be found unanswered for in this many sweeps in a row: what was just set off needs a moment. */
const SWEEPS_BEFORE_REQUEST = 3;
/** What another manager's share has taken over is kept for two of these: whoever acted on it may still ask for it. */
const SWEEPS_BETWEEN_FORGETTING = 30;

export class Duty {
  private readonly host: Host;
  private readonly replicated: Shell;
  private readonly knowledge: FleetKnowledge;
  private readonly unanswered = new Map<string, number>();
  private cancel: Cancel | undefined;
  private sweeps = 0;

  constructor(parts: { readonly host: Host; readonly replicated: Shell; readonly knowledge: FleetKnowledge }) {
    this.host = parts.host;
    this.replicated = parts.replicated;
    this.knowledge = parts.knowledge;
  }

  start(): void {
    this.cancel = sweeping(this.host.clock, SWEEP_US, () => this.sweep());
  }

  stop(): void {
    this.cancel?.();
  }

  /** At once when a manager is found gone, and at every sweep for records of it that land later. */
  async takeOverFromTheDead(): Promise<void> {
    if (this.knowledge.deadManagers.size === 0) return;
    const orphans: ActorKey[] = [];
    for (const { actor, record } of this.replicated.views()) {
      if (this.isGoneManager(record.writer) && this.replicated.hasWork(record)) orphans.push(actor);
    }
    try {
      await Promise.all(orphans.map((actor) => this.replicated.takeOver(actor)));
    } catch (cause) {
      this.host.log.info('not every record of a manager that is gone could be taken over; the next sweep tries again', {
        cause,
      });
    }
  }

  async capacityReturned(cause: string): Promise<void> {
    const waiting: ActorKey[] = [];
    for (const { actor, context } of this.knowledge.openArbiters()) if (waitsForCapacity(context)) waiting.push(actor);
    const event = { type: 'CAPACITY.RETURNED', id: `capacity:${cause}` };
    try {
      await Promise.all(waiting.map((actor) => this.replicated.deliver(actor, event)));
    } catch (cause) {
      this.host.log.info('restores that wait for capacity could not be told; they look again by themselves', { cause });
    }
  }

  private async sweep(): Promise<void> {
    if (!this.host.bus.connected()) return;
    try {
      await this.takeOverFromTheDead();
      const looks: Promise<void>[] = [];
      for (const placement of this.knowledge.index.some(LOOKED_AT_MAX)) {
        if (this.isHeld(placement)) this.unanswered.delete(placement.context.task);
        else looks.push(this.look(placement));
      }
      await Promise.all(looks);
      await this.tellWhatPassed();
      if (++this.sweeps % SWEEPS_BETWEEN_FORGETTING === 0) this.replicated.forgetOthers();
    } catch (cause) {
      this.host.log.warn('a sweep failed; the next one follows', { cause });
    }
  }

  /** As nearly always: somebody who lives has it, or nobody is to have it. */
  private isHeld({ context: { owner }, state }: PlacementView): boolean {
    if (PLACED.has(state)) return owner === undefined || !this.knowledge.isGone(owner);
    return state !== 'unplaced' && state !== 'lost' && state !== 'shed';
  }

  private async look({ context, state, view }: PlacementView): Promise<void> {
    if (planted(this.host, 'no-duty')) return;
    const { task, epoch, owner } = context;
    const ownerGone = owner !== undefined && PLACED.has(state);
    if (await this.isAnsweredFor(context, state)) {
      this.unanswered.delete(task);
      return;
    }
    const sweeps = (this.unanswered.get(task) ?? 0) + 1;
    this.unanswered.set(task, sweeps);
    if (sweeps < SWEEPS_BEFORE_REQUEST) return;
    this.unanswered.delete(task);
    const arbiter = await this.freeRequestArbiter(task, epoch);
    this.host.counters.add('duty.requests');
    this.host.log.info('nobody answers for a placement; requesting a restore', {
      task,
      epoch,
      actor: arbiter,
      revision: view.record.revision,
    });
    const reason = ownerGone ? `its owner ${owner.mac}#${owner.incarnation} is gone` : `it is ${state}`;
    await this.replicated.deliver(arbiter, {
      type: 'RESTORE.NEEDED',
      id: `request:${arbiter}`,
      cause: { kind: 'request', task, epoch, reason },
    });
  }

  /** An arbiter that waits for an instance whose task has passed to a later epoch, or to none, waits in vain. */
  private async tellWhatPassed(): Promise<void> {
    if (planted(this.host, 'never-tell-what-passed')) return;
    const told: Promise<unknown>[] = [];
    for (const { actor, context, view } of this.knowledge.openArbiters()) {
      if (view.record.writer !== this.host.id) continue;
      for (const [task, { phase, epoch, confirmed }] of Object.entries(context.tasks)) {
        if ((phase !== 'replaying' && phase !== 'deploying') || epoch === undefined) continue;
        const placement = this.knowledge.placement(task);
        const left = phase === 'replaying' && confirmed && placement?.state !== 'owned' && placement?.state !== 'moving';
        if (left || (placement?.context.epoch ?? 0) > epoch)
          told.push(this.replicated.deliver(actor, { type: 'EPOCH.PASSED', id: `passed:${task}:${epoch}`, task, epoch }));
      }
    }
    await Promise.all(told);
  }

  private async isAnsweredFor({ task, epoch, owner, takenBy }: PlacementView['context'], state: string): Promise<boolean> {
    if (takenBy?.startsWith('migration/') && state === 'assigned' && (await this.isMigrating(takenBy))) return true;
    const arbiter = takenBy?.startsWith('arbiter/') ? takenBy : undefined;
    const direct = [arbiter, owner === undefined ? undefined : failureArbiter(owner)].filter((one) => one !== undefined);
    if (direct.some((arbiter) => this.isOpen(arbiter, task))) return true;
    // One that is settled, or of another share, may not be known here: then it is read.
    await Promise.all(direct.map((arbiter) => this.known(arbiter)));
    const last = await this.lastRequestArbiter(task, epoch);
    return [...direct, ...(last === undefined ? [] : [last])].some((arbiter) => this.isOpen(arbiter, task));
  }

  /** One that took its epoch and has not handed the task on to a restore. */
  private async isMigrating(migration: ActorKey): Promise<boolean> {
    if (!(await this.known(migration))) return false;
    const { snapshot } = this.replicated.view(migration) as ActorView;
    return (
      snapshot.status === 'active' &&
      !(snapshot.matches('decommissioning') && (snapshot.context as MigrationContext).superseded)
    );
  }

  private async known(arbiter: ActorKey): Promise<boolean> {
    return (this.replicated.view(arbiter) ?? (await this.replicated.refresh(arbiter))) !== undefined;
  }

  /** An arbiter that still has this task in its hands. */
  private isOpen(arbiter: ActorKey, task: string): boolean {
    const view = this.replicated.view(arbiter);
    if (view !== undefined && planted(this.host, 'trust-taker')) return true;
    if (view === undefined || view.snapshot.status !== 'active') return false;
    const context = view.snapshot.context as ArbiterContext;
    const progress = context.tasks[task];
    if (progress === undefined) return context.rounds === 0;
    if (progress.phase === 'replaying' && !planted(this.host, 'answer-for-the-owned')) return !progress.confirmed; // once owned, it answers for nothing any more
    return progress.phase !== 'skipped' && progress.phase !== 'done';
  }

  private async lastRequestArbiter(task: string, epoch: number): Promise<ActorKey | undefined> {
    let last: ActorKey | undefined;
    for (let attempt = 0; ; attempt++) {
      const arbiter = requestArbiter(task, epoch, attempt);
      if (!(await this.known(arbiter))) return last;
      last = arbiter;
    }
  }

  /** The arbiter of the next request about this task and epoch. */
  async freeRequestArbiter(task: string, epoch: number): Promise<ActorKey> {
    for (let attempt = 0; ; attempt++) {
      const arbiter = requestArbiter(task, epoch, attempt);
      if (!(await this.known(arbiter))) return arbiter;
    }
  }

  private isGoneManager(writer: string): boolean {
    return writer.startsWith('manager.') && this.knowledge.deadManagers.has(writer.slice('manager.'.length));
  }
}
