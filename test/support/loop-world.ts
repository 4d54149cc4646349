/**
 * The simulated world for the one loop: managers with a shell each over one ACTORS stream, ECUs, facts from outside, and a
 * judge over all. After every event of the simulation the judge is asked; after healing everything must settle.
 */
import { SimBroker } from '../../infra/sim/broker.ts';
import { type ClockFaults, SimScheduler, TRUE_CLOCK } from '../../infra/sim/clock.ts';
import { type DrawnFaults, FaultPlan, type ScriptedFault } from '../../infra/sim/faults.ts';
import { SimHost } from '../../infra/sim/host.ts';
import { SimLogBook } from '../../infra/sim/log.ts';
import { CALM_LINK, type LinkOptions } from '../../infra/sim/network.ts';
import { createRng, type Rng } from '../../src/domain/kernel/rng.ts';
import type { ActorEvent } from '../../src/domain/model/events.ts';
import type { ActorKey, HostId, Mac, TaskName } from '../../src/domain/model/ids.ts';
import { fleetStreams } from '../../src/domain/protocol/streams.ts';
import type { Plant, Plants } from '../../src/ports/plants.ts';
import type { PlacementContext } from '../../statecharts/placement.machine.ts';
import { arbiterChart, placementChart } from './loop-charts.ts';
import { type EcuDisk, LoopEcu } from './loop-ecu.ts';
import { LoopJudge } from './loop-judge.ts';
import { LoopManager } from './loop-manager.ts';
import type { DeployCommand, Fact, LoopStage } from './loop-stage.ts';

export interface LoopWorldOptions {
  readonly seed?: number;
  readonly managers?: number;
  readonly ecus?: number;
  readonly tasks?: readonly TaskName[];
  readonly replicas?: 1 | 3;
  readonly plants?: readonly Plant[];
  readonly scripted?: readonly ScriptedFault[];
  readonly drawn?: Omit<DrawnFaults, 'rng'>;
  readonly link?: LinkOptions;
  readonly clock?: (host: HostId) => ClockFaults;
  /** Rates of clocks may differ by so much over a timer's delay. */
  readonly clockToleranceUs?: number;
}

export const ACTORS = 'ACTORS_0';
const SETTLE_US_MAX = 150_000_000;

export class LoopWorld implements LoopStage {
  readonly scheduler = new SimScheduler();
  readonly rng: Rng;
  readonly broker: SimBroker;
  readonly judge: LoopJudge;
  readonly plan: FaultPlan;
  readonly book: SimLogBook;
  readonly plants: Plants;
  readonly hosts = new Map<HostId, SimHost>();
  readonly managers = new Map<HostId, LoopManager>();
  readonly ecus = new Map<HostId, LoopEcu>();
  readonly facts: Fact[] = [];
  readonly commands: (DeployCommand & { readonly mac: Mac; readonly atUs: number })[] = [];
  private readonly disks = new Map<HostId, EcuDisk>();
  private readonly options: LoopWorldOptions;

  constructor(options: LoopWorldOptions = {}) {
    this.options = options;
    const { seed = 1, managers = 2, ecus = 3, tasks = ['a'], replicas = 1, plants = [] } = options;
    this.rng = createRng(seed, 'loop world');
    this.plants = { planted: (name) => plants.includes(name) };
    this.book = new SimLogBook(this.scheduler);
    const streams = fleetStreams({ shardCount: 1 }).filter(({ name }) => name === ACTORS);
    this.broker = new SimBroker({
      scheduler: this.scheduler,
      rng: this.rng,
      streams: streams.map((stream) => ({ ...stream, replicas })),
    });
    this.judge = new LoopJudge(this.broker, [placementChart, arbiterChart], options.clockToleranceUs);
    this.plan = new FaultPlan({
      scripted: options.scripted ?? [],
      ...(options.drawn === undefined ? {} : { drawn: { ...options.drawn, rng: this.rng.stream('fault points') } }),
    });
    this.scheduler.afterStep = () => this.check();
    const add = (id: HostId, boot: (host: SimHost) => void): void => {
      const clock = options.clock?.(id) ?? TRUE_CLOCK;
      const host: SimHost = new SimHost({ id, scheduler: this.scheduler, clock, boot: () => boot(host) });
      this.hosts.set(id, host);
      this.broker.link(id, options.link);
    };
    for (let m = 1; m <= managers; m++) {
      const id = `manager.m${m}`;
      add(id, (host) => {
        const process = host.process();
        if (process === undefined) return;
        const manager = new LoopManager(this, process);
        this.managers.set(id, manager);
        process.onEnd(() => this.managers.delete(id));
        void manager.boot();
      });
    }
    for (let e = 1; e <= ecus; e++) {
      const id = `bridge.02aa0000000${e}`;
      this.disks.set(id, new Map());
      add(id, (host) => {
        const process = host.process();
        if (process === undefined) return;
        const ecu = new LoopEcu(this, process, this.disks.get(id) as EcuDisk);
        this.ecus.set(id, ecu);
        process.onEnd(() => this.ecus.delete(id));
        void ecu.boot();
      });
    }
    for (const task of tasks) this.fact(`placement/${task}`, { type: 'TASK.DECLARED', id: `declare:${task}`, spec: {} });
    for (const host of this.hosts.values()) host.start();
  }

  fact(actor: ActorKey, event: ActorEvent): void {
    this.facts.push({ actor, event, acknowledged: new Set() });
  }

  host(id: HostId): SimHost {
    const host = this.hosts.get(id);
    if (host === undefined) throw new Error(`there is no host ${id}`);
    return host;
  }

  /** The ECU that a task's placement names. */
  ownerOf(task: TaskName): HostId {
    return `bridge.${this.placement(task)?.context.owner?.mac ?? ''}`;
  }

  placement(task: TaskName): { readonly value: unknown; readonly context: PlacementContext } | undefined {
    const record = this.judge.last(`placement/${task}`);
    return record === undefined ? undefined : (JSON.parse(record.snapshot) as { value: unknown; context: PlacementContext });
  }

  /** Every deployment is of an epoch and to an ECU that the placement's journal names. */
  commanded(command: DeployCommand, mac: Mac): void {
    this.commands.push({ ...command, mac, atUs: this.scheduler.nowUs() });
    if (command.kind !== 'deploy') return;
    const { task, epoch } = command;
    const granted = this.judge.journals.get(`placement/${task}`)?.records.some((record) => {
      const { context } = JSON.parse(record.snapshot) as { context: PlacementContext };
      return context.epoch === epoch && context.owner?.mac === mac;
    });
    if (granted !== true)
      this.judge.convict('J6', command.by, `deployed epoch ${epoch} of ${task} to ${mac}, which its placement does not say`);
  }

  async run(forUs: number): Promise<void> {
    await this.scheduler.run({ untilUs: this.scheduler.nowUs() + forUs });
    this.check();
  }

  async runUntil(ready: () => boolean, limitUs: number, what: string | (() => string)): Promise<void> {
    const end = await this.scheduler.run({ untilUs: this.scheduler.nowUs() + limitUs, until: ready });
    this.check();
    if (end.reason !== 'condition')
      throw new Error(`not within ${limitUs / 1e6} s: ${typeof what === 'string' ? what : what()}\n${this.story()}`);
  }

  /** All faults end, everyone comes back, and everything must come to its end. */
  async heal(): Promise<void> {
    this.plan.calm();
    for (const [id, host] of this.hosts) {
      this.broker.link(id, CALM_LINK).heal();
      host.thaw();
      if (host.state() === 'down') host.start();
    }
    await this.settle();
  }

  /** Liveness: everything declared is owned and runs, nothing is open, every host knows. */
  async settle(): Promise<void> {
    await this.runUntil(
      () => this.unsettled() === undefined,
      SETTLE_US_MAX,
      () => `everything settles: ${this.unsettled()}`,
    );
    for (const { actor, event, acknowledged } of this.facts) {
      if (acknowledged.size > 0 && !this.judge.taken(actor).has(event.id))
        this.judge.convict('J3', actor, `${event.id} was acknowledged and never taken`);
    }
    this.check();
  }

  unsettled(): string | undefined {
    for (const { event, acknowledged } of this.facts) {
      for (const id of this.managers.keys()) if (!acknowledged.has(id)) return `${id} has not acknowledged ${event.id}`;
    }
    for (const [actor, { records }] of this.judge.journals) {
      const last = records.at(-1);
      if (last === undefined) continue;
      if (last.outbox.length > 0)
        return `${actor} has open: ${last.outbox.map((entry) => entry.key).join(', ')} (writer ${last.writer})`;
      if (last.timers.length > 0) return `${actor} waits: ${last.timers.map((timer) => timer.id).join(', ')}`;
      for (const [id, manager] of this.managers) {
        if (manager.shell?.view(actor)?.record.attempt !== last.attempt)
          return `${id} does not know the last record of ${actor}`;
      }
    }
    for (const task of this.options.tasks ?? ['a']) {
      const placement = this.placement(task);
      const { owner, epoch } = placement?.context ?? {};
      if (placement?.value === 'removed') continue;
      if (placement?.value !== 'owned') return `${task} is ${JSON.stringify(placement?.value)}`;
      const ecu = this.ecus.get(`bridge.${owner?.mac}`);
      if (ecu === undefined) return `the owner of ${task} is down`;
      if (ecu.incarnation !== owner?.incarnation) return `the owner of ${task} has been restarted`;
      if (ecu.running.get(task) !== epoch) return `${task} does not run at epoch ${epoch}`;
    }
    return undefined;
  }

  private check(): void {
    if (this.judge.violations.length > 0) throw new Error(`${this.judge.violations.join('\n')}\n${this.story()}`);
  }

  story(): string {
    const lines: string[] = [
      `seed ${this.options.seed ?? 1}, at ${this.scheduler.nowUs() / 1000} ms; faults: ${JSON.stringify(this.plan.done)}`,
    ];
    for (const [actor, { records, writtenUs }] of this.judge.journals) {
      records.slice(-12).forEach((record, index) => {
        const at = writtenUs[writtenUs.length - Math.min(12, records.length) + index] ?? 0;
        const { value } = JSON.parse(record.snapshot) as { value: unknown };
        lines.push(
          `${(at / 1000).toFixed(1).padStart(9)} ${actor} #${record.revision} ${record.writer} ${record.event.type} → ${JSON.stringify(value)} [${record.outbox.map((entry) => entry.key).join(' ')}] {${record.timers.map((timer) => timer.id).join(' ')}}`,
        );
      });
    }
    return `${lines.sort().join('\n')}\n${this.book.print(12)}`;
  }
}
