/**
 * Emptying an ECU (`statecharts/drain.machine.ts`): its bridge is told to take no newcomers, and its tasks are moved away, a few at a time.
 * The moving is level-triggered: as long as the ECU is to be empty, whatever still runs there is asked to go, again and again. Tasks of one chain
 * are asked to go together; where no ECU takes all of them, or they have tried in vain, one by one, and each migration's reason says so.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import { encodeCommand } from '../src/domain/protocol/codec-command.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { DrainEffect } from '../statecharts/drain.machine.ts';
import type { ChainMoves } from './chain-moves.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host } from './host.ts';
import type { MigrationRequests } from './migration-requests.ts';
import type { EffectOutcome } from './outbox.ts';
import { sweeping } from './sweeping.ts';

const TOLD_AGAIN_US = 1_000_000;
const COMMAND_TIMEOUT_US = 500_000;
const LOOK_US = 200_000;
/** Migrations away from one ECU at a time: each takes a share of what the others would need. */
const AT_ONCE = 2;
/** One that could not go is asked again after so long: there may be room by then. */
const ASKED_AGAIN_US = 2_000_000;

export interface DrainingParts {
  readonly host: Host;
  readonly knowledge: FleetKnowledge;
  readonly requests: MigrationRequests;
  readonly chains: Pick<ChainMoves, 'leave'>;
  /** Whether this manager looks after the ECU; of several that do, the migration's name lets only one begin. */
  readonly keeps: (mac: Mac) => boolean;
}

export class Draining {
  private readonly parts: DrainingParts;
  private readonly askAgainAtUs = new Map<TaskName, number>();
  private cancel: Cancel | undefined;
  private asked = 0;

  constructor(parts: DrainingParts) {
    this.parts = parts;
  }

  async perform({ mac, undo }: DrainEffect): Promise<EffectOutcome> {
    const { host } = this.parts;
    const order = encodeCommand(envelope(host, { kind: 'drain', undo } as const));
    try {
      await host.bus.request(ecuSubject.command(mac), order, { timeoutUs: COMMAND_TIMEOUT_US });
      if (undo) return { kind: 'event', event: { type: 'BRIDGE.TOLD' } };
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      // Nobody is there who could refuse newcomers; the next start takes them anyway.
      if (undo && cause.code === 'ERR_BUS_NO_RESPONDER') return { kind: 'event', event: { type: 'BRIDGE.TOLD' } };
    }
    return { kind: 'again', afterUs: TOLD_AGAIN_US };
  }

  start(): void {
    this.cancel = sweeping(this.parts.host.clock, LOOK_US, () => this.look());
  }

  stop(): void {
    this.cancel?.();
  }

  private async look(): Promise<void> {
    const { host, knowledge, keeps } = this.parts;
    if (!host.bus.connected()) return;
    for (const mac of knowledge.index.draining) {
      if (!keeps(mac)) continue;
      try {
        await this.empty(mac);
      } catch (cause) {
        host.log.info('an ECU could not be looked at for what is left on it; it will be', { mac, cause });
      }
    }
  }

  private async empty(mac: Mac): Promise<void> {
    const { host, knowledge } = this.parts;
    const nowUs = host.clock.monotonicUs();
    let room = AT_ONCE - knowledge.index.leaving(mac);
    for (const group of knowledge.index.leavingGroups(mac)) {
      if (room <= 0) break;
      const tasks = group.map(({ context: { task } }) => task);
      if (tasks.some((task) => nowUs < (this.askAgainAtUs.get(task) ?? 0))) continue;
      // A chain that is longer than what may go at a time goes when nothing else does.
      if (tasks.length > 1 && tasks.length > room && room < AT_ONCE) continue;
      for (const task of tasks) this.askAgainAtUs.set(task, nowUs + ASKED_AGAIN_US);
      const together = tasks.length === 1 ? 'one' : await this.together(mac, tasks);
      if (together === 'gone') room -= tasks.length;
      if (together === 'gone' || together === 'busy') continue;
      const alone = together === 'one' ? '' : `; its chain goes one by one: ${together.why}`;
      for (const task of tasks) {
        if (room > 0 && (await this.alone(mac, task, `ECU ${mac} is to be empty${alone}`))) room--;
        else if (room <= 0) this.askAgainAtUs.delete(task);
      }
    }
    for (const [task, atUs] of this.askAgainAtUs) if (atUs < nowUs - ASKED_AGAIN_US) this.askAgainAtUs.delete(task);
  }

  private async alone(mac: Mac, task: TaskName, reason: string): Promise<boolean> {
    const { host, requests } = this.parts;
    const call = { task, target: undefined, dryRun: false, opcode: 'drain', mode: undefined, costMax: undefined } as const;
    const answer = await requests.ask({ ...call, reason }, this.nextId());
    if (answer.kind === 'refused') host.log.info('a task cannot leave yet', { task, mac, why: answer.sentence });
    return answer.kind === 'accepted';
  }

  private async together(mac: Mac, tasks: readonly TaskName[]): Promise<'gone' | 'busy' | { readonly why: string }> {
    const { host, chains } = this.parts;
    const answer = await chains.leave({ mac, tasks, opcode: 'drain', reason: `ECU ${mac} is to be empty` }, this.nextId());
    if (answer.kind !== 'refused') return 'gone';
    if (answer.code === 'ERR_TASK_BUSY') return 'busy';
    host.log.info('the tasks of a chain cannot leave together', { tasks, mac, why: answer.sentence });
    host.counters.add('chain.leftOneByOne', tasks.length);
    return { why: answer.sentence };
  }

  private nextId(): string {
    const { host } = this.parts;
    return `drain:${host.id}:${host.incarnation}:${++this.asked}`;
  }
}
