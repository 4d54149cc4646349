/** What the Placement chart's effects mean: raise a restore request; close a removed task for good. */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { ActorKey, TaskName } from '../src/domain/model/ids.ts';
import { encodeCommand } from '../src/domain/protocol/codec-command.ts';
import { ecuSubject, header, taskSubject } from '../src/domain/protocol/subjects.ts';
import type { PlacementEffect } from '../statecharts/placement.machine.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host } from './host.ts';
import { parseLastOutput } from './instance.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import type { Shell } from './shell.ts';

export interface PlacementEffectsParts {
  readonly host: Host;
  readonly replicated: () => Shell;
  readonly knowledge: FleetKnowledge;
}

const RETRY_US = 20_000;
const TIMEOUT_US = 1_000_000;

export const requestArbiter = (task: TaskName, epoch: number, attempt = 0): ActorKey =>
  `arbiter/request.${task}.${epoch}${attempt === 0 ? '' : `.${attempt}`}`;

export class PlacementEffects {
  private readonly parts: PlacementEffectsParts;

  constructor(parts: PlacementEffectsParts) {
    this.parts = parts;
  }

  perform(open: OpenEffect): Promise<EffectOutcome> {
    const effect = open.effect as PlacementEffect;
    return effect.kind === 'raiseRestore' ? this.raiseRestore(effect) : this.stopTask(open, effect);
  }

  private async raiseRestore({ task, epoch }: Extract<PlacementEffect, { kind: 'raiseRestore' }>): Promise<EffectOutcome> {
    const arbiter = requestArbiter(task, epoch);
    const cause = { kind: 'request', task, epoch, reason: 'it is not placed' } as const;
    const delivery = await this.parts
      .replicated()
      .deliver(arbiter, { type: 'RESTORE.NEEDED', id: `request:${task}:${epoch}`, cause });
    return delivery === 'deferred' ? { kind: 'again', afterUs: RETRY_US } : { kind: 'done' };
  }

  /**
   * A marker of the closing epoch fences whoever still runs, alive or frozen; the stop command only spares the owner the
   * discovery.
   */
  private async stopTask(open: OpenEffect, effect: Extract<PlacementEffect, { kind: 'stopTask' }>): Promise<EffectOutcome> {
    const { task, epoch, owner } = effect;
    if (!(await this.fence(task, epoch))) return { kind: 'again', afterUs: RETRY_US };
    if (owner !== undefined && !this.parts.knowledge.isGone(owner)) await this.tellToStop(open, effect, owner.mac);
    return { kind: 'event', event: { type: 'INSTANCE.STOPPED', epoch } };
  }

  private async fence(task: TaskName, epoch: number): Promise<boolean> {
    const { bus, names } = this.parts.host;
    const subject = taskSubject.outputs(names, task);
    const message = await bus.readLast(subject);
    if (message === undefined) return true;
    const last = parseLastOutput(message);
    if (last.epoch >= epoch) return true;
    const headers = {
      [header.epoch]: String(epoch),
      [header.nonce]: 'removed',
      [header.output]: String(last.number),
      [header.marker]: '1',
    };
    const answer = await bus.append(subject, new Uint8Array(0), {
      expectedSequence: last.sequence,
      headers,
      timeoutUs: TIMEOUT_US,
    });
    return answer.kind === 'appended';
  }

  private async tellToStop(open: OpenEffect, { task, epoch }: { task: TaskName; epoch: number }, mac: string): Promise<void> {
    const { host } = this.parts;
    const command = {
      kind: 'stop',
      task,
      epoch,
      effectId: open.entry.id,
      actor: open.actor,
      actorRevision: open.entry.openedBy,
      reason: 'removed',
    } as const;
    try {
      await host.bus.request(ecuSubject.command(mac), encodeCommand(envelope(host, command)), { timeoutUs: TIMEOUT_US });
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.log.info('the owner of a removed task did not answer; the fence stops it', { task, epoch, code: cause.code });
    }
  }
}
