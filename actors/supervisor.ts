/**
 * The supervisor of one ECU: keeps its bridge running, beats, and answers for it when it is dead. It is small, so that it
 * still stands when the bridge has taken the machine's memory with it.
 *
 * S1. One bridge lives at a time. The chart's open `spawnBridge` entry is performed again after a restart of the supervisor;
 *     a bridge of the former supervisor has left by then, because it is tied to it.
 * S2. What it answers is what the process table says at that moment, not what it remembers.
 * S3. Whose bridge can never be answers for none: another supervisor may have this MAC, and its bridge may live.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import {
  decodeSupervisorCommand,
  encodeSupervisorAnswer,
  encodeSupervisorCommand,
} from '../src/domain/protocol/codec-command.ts';
import { encodeHeartbeat } from '../src/domain/protocol/codec-heartbeat.ts';
import type { SupervisorAnswer } from '../src/domain/protocol/messages.ts';
import { supervisorSubject } from '../src/domain/protocol/subjects.ts';
import type { BridgeExit, BridgeProcess, BridgeProcesses } from '../src/ports/bridge-process.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { ProcessTable } from '../src/ports/process-table.ts';
import type { RecordStore } from '../src/ports/record-store.ts';
import { supervisorMachine } from '../statecharts/supervisor.machine.ts';
import { type Chart, stateName } from './chart.ts';
import { envelope, type Host } from './host.ts';
import type { EffectOutcome } from './outbox.ts';
import { Shell } from './shell.ts';

export const supervisorChart: Chart = { kind: 'supervisor', version: 1, machine: supervisorMachine };

export interface SupervisorParts {
  readonly host: Host;
  readonly mac: Mac;
  readonly heartbeatIntervalUs: number;
  readonly records: RecordStore;
  readonly processes: BridgeProcesses;
  readonly processTable: ProcessTable;
  /** For whoever started this supervisor. */
  readonly onBridge: (fact: BridgeFact) => void;
}

export type BridgeFact =
  | { readonly kind: 'spawned'; readonly pid: number }
  | { readonly kind: 'ready'; readonly pid: number; readonly incarnation: number }
  | { readonly kind: 'ended'; readonly pid: number; readonly reason: string }
  /** It will not be started again by itself. */
  | {
      readonly kind: 'given-up';
      readonly reason: string;
      /** Starting it again would fail in the same way. */
      readonly forGood: boolean;
    };

const MAC_PROBE_TIMEOUT_US = 300_000;

export class Supervisor {
  private readonly parts: SupervisorParts;
  private readonly host: Host;
  private readonly mac: Mac;
  private readonly shell: Shell;
  private readonly cancels: Cancel[] = [];
  private beating: Cancel | undefined;
  private bridge: BridgeProcess | undefined;
  private bridgeIncarnation = 0;
  private starts = 0;
  private sequence = 0;
  private leaving = false;
  private readonly startedUs: number;

  constructor(parts: SupervisorParts) {
    this.parts = parts;
    this.host = parts.host;
    this.mac = parts.mac;
    this.startedUs = parts.host.clock.monotonicUs();
    this.shell = new Shell({
      ...this.host,
      host: this.host.id,
      charts: [supervisorChart],
      store: parts.records,
      perform: () => this.spawnBridge(),
    });
  }

  /** Fails with ERR_MAC_TAKEN when another supervisor answers for this MAC. */
  async start(): Promise<void> {
    await this.refuseTakenMac();
    await this.shell.start();
    await this.tell({ type: 'SUPERVISOR.STARTED', id: `started:${this.host.incarnation}`, incarnation: this.host.incarnation });
    const { host, mac } = this;
    const endpoint = { service: 'drover-supervisor', subject: supervisorSubject.command(mac) };
    this.cancels.push(await host.bus.serve(endpoint, (message) => this.answer(message)));
    this.beat();
  }

  async stop(): Promise<void> {
    this.leaving = true;
    this.fallSilent();
    await this.tell({ type: 'SUPERVISOR.LEFT', id: `left:${this.host.incarnation}` });
    await this.bridge?.stop();
    this.shell.stop();
  }

  private fallSilent(): void {
    this.beating?.();
    for (const cancel of this.cancels.splice(0)) cancel();
  }

  private async refuseTakenMac(): Promise<void> {
    const query = encodeSupervisorCommand(envelope(this.host, { kind: 'query-bridge' } as const));
    try {
      await this.host.bus.request(supervisorSubject.command(this.mac), query, { timeoutUs: MAC_PROBE_TIMEOUT_US });
    } catch {
      return; // nobody answers for this MAC, or nobody who could do anything for it
    }
    throw new DroverError(
      'ERR_MAC_TAKEN',
      `another supervisor answers for MAC ${this.mac}: give this ECU another one with --mac`,
    );
  }

  // ——— the bridge ———

  /** The chart's only effect. An entry that is performed twice finds the bridge that the first time started. */
  private async spawnBridge(): Promise<EffectOutcome> {
    if (this.leaving) return { kind: 'done' };
    if (this.bridge === undefined) {
      const start = ++this.starts;
      const bridge = this.parts.processes.spawn({
        onReady: (incarnation) => {
          this.bridgeIncarnation = incarnation;
          this.parts.onBridge({ kind: 'ready', pid: bridge.pid, incarnation });
        },
        onExit: (exit) => void this.bridgeExited(bridge, start, exit),
      });
      this.bridge = bridge;
      this.parts.onBridge({ kind: 'spawned', pid: bridge.pid });
    }
    return { kind: 'event', event: { type: 'BRIDGE.SPAWNED', pid: this.bridge.pid } };
  }

  private async bridgeExited(bridge: BridgeProcess, start: number, exit: BridgeExit): Promise<void> {
    this.bridge = undefined;
    this.parts.onBridge({ kind: 'ended', pid: bridge.pid, reason: exit.reason });
    if (this.leaving) return;
    this.host.counters.add('supervisor.bridgeExits');
    this.host.log.warn('the bridge ended', { pid: bridge.pid, clean: exit.clean, reason: exit.reason });
    const id = `exited:${this.host.incarnation}.${start}`;
    await this.tell({ type: 'BRIDGE.EXITED', id, reason: exit.reason, clean: exit.clean, forGood: exit.forGood });
    const state = this.state();
    // S3.
    if (exit.forGood) this.fallSilent();
    if (state === 'givenUp' || state === 'left')
      this.parts.onBridge({ kind: 'given-up', reason: exit.reason, forGood: exit.forGood });
  }

  // ——— the bus ———

  private beat(): void {
    const { host, mac } = this;
    const uptimeUs = host.clock.monotonicUs() - this.startedUs;
    const heartbeat = { kind: 'heartbeat', mac, incarnation: host.incarnation, sequence: ++this.sequence, uptimeUs } as const;
    host.bus.publish(supervisorSubject.heartbeat(mac), encodeHeartbeat(envelope(host, heartbeat)));
    this.beating = host.clock.after(this.parts.heartbeatIntervalUs, () => this.beat());
  }

  private async answer(message: BusMessage): Promise<Uint8Array> {
    const decoded = decodeSupervisorCommand(message.payload);
    if (!decoded.ok) this.host.counters.add(`wire.${decoded.error.kind}`);
    // There is one question; what cannot be read gets its answer as well, which is the truth in any case.
    return encodeSupervisorAnswer(envelope(this.host, this.bridgeState(), decoded.ok ? decoded.value.trace : ''));
  }

  private bridgeState(): SupervisorAnswer {
    const { bridge, mac } = this;
    const looked = bridge?.identity === undefined ? undefined : this.parts.processTable.look(bridge.identity);
    const alive = bridge !== undefined && looked !== 'dead';
    const state = this.state();
    const restarting = !this.leaving && !alive && state !== 'givenUp' && state !== 'left';
    return { kind: 'bridge-state', mac, incarnation: this.bridgeIncarnation, alive, restarting };
  }

  private state(): string {
    const view = this.shell.view(`supervisor/${this.mac}`);
    return view === undefined ? 'idle' : stateName(view.snapshot.value);
  }

  private tell(event: { readonly type: string; readonly id: string; readonly [field: string]: unknown }): Promise<unknown> {
    return this.shell.deliver(`supervisor/${this.mac}`, event);
  }
}
