/**
 * An ECU as the loop's scenarios need it: it answers commands by (task, epoch), remembers its answers over restarts with
 * its incarnation, sends heartbeats, and reports an instance that has caught up until a manager has taken the report.
 */
import { connectSim, type SimBus } from '../../infra/sim/bus.ts';
import type { SimProcess } from '../../infra/sim/host.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Mac, TaskName } from '../../src/domain/model/ids.ts';
import { ecuSubject, managerSubject } from '../../src/domain/protocol/subjects.ts';
import type { Plants } from '../../src/ports/plants.ts';
import type { DeployCommand, LoopStage } from './loop-stage.ts';

export type CommandAnswer =
  | { readonly kind: 'ran'; readonly nonce: string; readonly incarnation: number }
  | { readonly kind: 'refused'; readonly reason: string };

export interface CaughtUpReport {
  readonly task: TaskName;
  readonly epoch: number;
}

interface Accepted {
  readonly epoch: number;
  readonly incarnation: number;
  readonly nonce: string;
}

/** What an ECU's disk keeps. */
export type EcuDisk = Map<TaskName, Accepted>;

export const HEARTBEAT_US = 50_000;
const REPORT_RETRY_US = 60_000;

export const encodeJson = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
export const decodeJson = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T;

/** The last part of a host's id: an ECU's MAC, a manager's name. */
export const nameOf = (hostId: string): string => hostId.slice(hostId.indexOf('.') + 1);

/** What runs on the ECU now; gone with its process. */
export class LoopEcu {
  readonly incarnation: number;
  readonly running = new Map<TaskName, number>();
  private readonly mac: Mac;
  private readonly process: SimProcess;
  private readonly disk: EcuDisk;
  private readonly plants: Plants;
  private readonly world: LoopStage;
  private bus: SimBus | undefined;

  constructor(world: LoopStage, process: SimProcess, disk: EcuDisk) {
    this.world = world;
    this.process = process;
    this.disk = disk;
    this.plants = world.plants;
    this.mac = nameOf(process.host.id);
    this.incarnation = process.incarnation;
  }

  async boot(): Promise<void> {
    const bus = await connectSim(this.world.broker, this.process);
    this.bus = bus;
    await bus.serve({ service: 'ecu', subject: ecuSubject.command(this.mac) }, async (message) =>
      encodeJson(this.answer(decodeJson(message.payload))),
    );
    const beat = (): void => {
      bus.publish(ecuSubject.heartbeat(this.mac), encodeJson({ mac: this.mac, incarnation: this.incarnation }));
      this.process.clock.after(HEARTBEAT_US, beat);
    };
    beat();
  }

  private answer(command: DeployCommand): CommandAnswer {
    const { task, epoch } = command;
    this.world.commanded(command, this.mac);
    const before = this.disk.get(task);
    if (command.kind === 'stop') {
      if (epoch < (before?.epoch ?? 0)) return { kind: 'refused', reason: 'a later epoch was accepted' };
      this.disk.set(task, { epoch, incarnation: this.incarnation, nonce: '' });
      this.running.delete(task);
      return { kind: 'ran', nonce: '', incarnation: this.incarnation };
    }
    if (command.target.incarnation !== this.incarnation && !this.plants.planted('trust-earlier-incarnation')) {
      return { kind: 'refused', reason: `this is incarnation ${this.incarnation}` };
    }
    if (before !== undefined && epoch < before.epoch) return { kind: 'refused', reason: 'a later epoch was accepted' };
    if (before?.epoch === epoch) {
      if (before.incarnation === this.incarnation || this.plants.planted('trust-earlier-incarnation')) {
        return { kind: 'ran', nonce: before.nonce, incarnation: this.incarnation };
      }
      return { kind: 'refused', reason: 'died: it was accepted by an earlier incarnation' };
    }
    const nonce = `${this.mac}.${this.incarnation}.${task}.${epoch}`;
    this.disk.set(task, { epoch, incarnation: this.incarnation, nonce });
    this.running.set(task, epoch);
    this.process.clock.after(20_000, () => void this.reportCaughtUp({ task, epoch }));
    return { kind: 'ran', nonce, incarnation: this.incarnation };
  }

  private async reportCaughtUp(report: CaughtUpReport): Promise<void> {
    if (this.running.get(report.task) !== report.epoch) return;
    try {
      const answer = await this.bus?.request(managerSubject.call, encodeJson(report), { timeoutUs: 500_000 });
      if (answer !== undefined && decodeJson<{ taken: boolean }>(answer).taken) return;
    } catch (error) {
      if (!(error instanceof DroverError)) throw error;
    }
    this.process.clock.after(REPORT_RETRY_US, () => void this.reportCaughtUp(report));
  }
}
