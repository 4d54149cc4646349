/** What the Ecu chart's effects mean: confirm a death where that is cheap, and report it to its arbiter. */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { Incarnation } from '../src/domain/model/ecu.ts';
import type { ActorKey } from '../src/domain/model/ids.ts';
import { decodeSupervisorAnswer, encodeSupervisorCommand } from '../src/domain/protocol/codec-command.ts';
import { supervisorSubject } from '../src/domain/protocol/subjects.ts';
import type { ProcessState, ProcessTable } from '../src/ports/process-table.ts';
import type { EcuEffect } from '../statecharts/ecu.machine.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host } from './host.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import type { Shell } from './shell.ts';

export interface EcuEffectsParts {
  readonly host: Host;
  readonly replicated: () => Shell;
  readonly knowledge: FleetKnowledge;
  readonly processTable: ProcessTable;
}

const LOOK_AGAIN_US = 5_000;
const ASK_AGAIN_US = 50_000;
const RETRY_US = 20_000;
const SUPERVISOR_TIMEOUT_US = 100_000;

export const failureArbiter = ({ mac, incarnation }: Incarnation): ActorKey => `arbiter/failure.${mac}.${incarnation}`;

export class EcuEffects {
  private readonly parts: EcuEffectsParts;

  constructor(parts: EcuEffectsParts) {
    this.parts = parts;
  }

  perform(open: OpenEffect): Promise<EffectOutcome> {
    const effect = open.effect as EcuEffect;
    return effect.kind === 'confirmDeath' ? this.confirmDeath(effect) : this.raiseFailure(effect);
  }

  /** For processes of this machine: whether both of an ECU are gone, without asking anybody. */
  certainDeath(owner: Incarnation): string | undefined {
    const { bridge, supervisor } = this.look(owner);
    if (bridge !== 'dead') return undefined;
    if (supervisor === 'dead') return 'bridge and supervisor are gone from the process table';
    return supervisor === 'none' ? 'the bridge is gone from the process table and has no supervisor' : undefined;
  }

  private look({ mac, incarnation }: Incarnation): {
    readonly bridge: ProcessState;
    readonly supervisor: ProcessState | 'none';
  } {
    const { knowledge, processTable } = this.parts;
    const description = knowledge.descriptions.get(mac);
    if (description?.incarnation !== incarnation) return { bridge: 'elsewhere', supervisor: 'elsewhere' };
    const { bridge, supervisor } = description;
    return { bridge: processTable.look(bridge), supervisor: supervisor === undefined ? 'none' : processTable.look(supervisor) };
  }

  private async confirmDeath({ owner, bridgeDown }: Extract<EcuEffect, { kind: 'confirmDeath' }>): Promise<EffectOutcome> {
    const { incarnation } = owner;
    const death = this.certainDeath(owner);
    if (death !== undefined) return confirmed(incarnation, death);
    const { bridge, supervisor } = this.look(owner);
    if (bridge === 'dead' && supervisor === 'alive') {
      return bridgeDown
        ? { kind: 'again', afterUs: LOOK_AGAIN_US }
        : bridgeDied(incarnation, 'the bridge is gone from the process table');
    }
    // A process that is there but silent (stopped, or overloaded) is judged by the grace of its class.
    if (bridge === 'alive') return { kind: 'again', afterUs: LOOK_AGAIN_US };
    return this.askSupervisor(owner, bridgeDown);
  }

  private async askSupervisor({ mac, incarnation }: Incarnation, bridgeDown: boolean): Promise<EffectOutcome> {
    const { host } = this.parts;
    const query = encodeSupervisorCommand(envelope(host, { kind: 'query-bridge' } as const));
    try {
      const bytes = await host.bus.request(supervisorSubject.command(mac), query, { timeoutUs: SUPERVISOR_TIMEOUT_US });
      const answer = decodeSupervisorAnswer(bytes);
      if (!answer.ok) return { kind: 'again', afterUs: ASK_AGAIN_US };
      const { alive, restarting } = answer.value.body;
      if (alive) return { kind: 'again', afterUs: ASK_AGAIN_US };
      if (!restarting) return confirmed(incarnation, 'the supervisor has given the bridge up');
      return bridgeDown
        ? { kind: 'again', afterUs: ASK_AGAIN_US }
        : bridgeDied(incarnation, 'the supervisor saw the bridge die');
    } catch (cause) {
      if (cause instanceof DroverError && cause.code === 'ERR_BUS_NO_RESPONDER') {
        return confirmed(incarnation, 'bridge and supervisor are both gone from the broker');
      }
      return { kind: 'again', afterUs: ASK_AGAIN_US };
    }
  }

  private async raiseFailure({
    owner,
    preferSameMachine,
    reason,
  }: Extract<EcuEffect, { kind: 'raiseFailure' }>): Promise<EffectOutcome> {
    const { mac, incarnation } = owner;
    const cause = { kind: 'failure', owner, preferSameMachine, reason } as const;
    const event = { type: 'RESTORE.NEEDED', id: `failure:${mac}.${incarnation}`, cause };
    if ((await this.parts.replicated().deliver(failureArbiter(owner), event)) === 'deferred')
      return { kind: 'again', afterUs: RETRY_US };
    return { kind: 'event', event: { type: 'FAILURE.RAISED', incarnation } };
  }
}

const confirmed = (incarnation: number, reason: string): EffectOutcome => ({
  kind: 'event',
  event: { type: 'DEATH.CONFIRMED', incarnation, reason },
});

const bridgeDied = (incarnation: number, reason: string): EffectOutcome => ({
  kind: 'event',
  event: { type: 'BRIDGE.DIED', incarnation, reason },
});
