/**
 * A simulated world put together: one clock, one broker, machines with disks, hosts on them, judges over all. What runs on
 * a host is given as its `boot`, which builds the ports it needs from `portsOf` and starts ordinary drover code on them.
 *
 * Everything random comes from named streams of one seed: `run` with the same seed and the same boots is the same run,
 * event for event; `fingerprint` says so cheaply.
 */
import { assert } from '../../src/domain/kernel/assert.ts';
import { createRng, hash32, type Rng } from '../../src/domain/kernel/rng.ts';
import type { EcuScheduling } from '../../src/domain/model/ecu.ts';
import type { HostId, TaskName } from '../../src/domain/model/ids.ts';
import { rememberDecoded } from '../../src/domain/protocol/decoded-once.ts';
import type { Artefacts } from '../../src/ports/artefacts.ts';
import type { CheckpointStore } from '../../src/ports/checkpoint-store.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type FaultPoints, NO_FAULT_POINTS } from '../../src/ports/fault-points.ts';
import type { Inventory } from '../../src/ports/inventory.ts';
import type { Log } from '../../src/ports/log.ts';
import type { ProcessTable } from '../../src/ports/process-table.ts';
import type { RecordStore } from '../../src/ports/record-store.ts';
import type { StoreUpkeep } from '../../src/ports/store-upkeep.ts';
import { type ArtefactShelf, SimArtefacts } from './artefacts.ts';
import { type BrokerOptions, SimBroker } from './broker.ts';
import { connectSim, type SimBus, type SimBusOptions } from './bus.ts';
import { type ClockFaults, type RunEnd, type RunOptions, SimScheduler, TRUE_CLOCK } from './clock.ts';
import { type DiskOptions, SimDisk, type SimDurability } from './disk.ts';
import { DiskCheckpointStore } from './disk-checkpoints.ts';
import { DiskRecordStore } from './disk-records.ts';
import { type DrawnFaults, FaultPlan, type ScriptedFault } from './faults.ts';
import { SimHost, type SimProcess } from './host.ts';
import { inventoryStream, learnedStream, proofsStream, SimInventory } from './inventory.ts';
import { Judges } from './judges.ts';
import { SimCounters, SimLogBook } from './log.ts';
import type { LinkOptions } from './network.ts';
import { SimProcesses } from './process-table.ts';
import { type SimRuntimeOptions, SimTaskRuntime } from './runtime.ts';
import type { SimStreamOptions } from './stream.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly streams: readonly SimStreamOptions[];
  readonly broker?: Partial<BrokerOptions>;
  readonly link?: LinkOptions;
  /** Of a machine; absent: `CALM_DISK`. */
  readonly diskOf?: (machine: string) => DiskOptions | undefined;
  /** How wrong a host's clocks are; absent: not at all. */
  readonly clockOf?: (host: HostId) => ClockFaults | undefined;
  readonly bus?: SimBusOptions;
  readonly runtime?: Partial<SimRuntimeOptions>;
  readonly scripted?: readonly ScriptedFault[];
  readonly drawn?: Omit<DrawnFaults, 'rng'>;
  /** Nothing will happen at fault points, in this world or by a later script: hosts need not stop at them. */
  readonly withoutFaultPoints?: boolean;
  /** The stand-in program of a task; by default its name. */
  readonly artefactOf?: (task: TaskName) => Uint8Array;
}

const FNV_PRIME = 0x01000193;
const foldWord = (print: number, word: number): number => Math.imul(print ^ word, FNV_PRIME);

export interface HostPlan {
  readonly id: HostId;
  readonly machine?: string;
  readonly clock?: ClockFaults;
  readonly startedByOther?: boolean;
  readonly boot: (process: SimProcess, world: SimWorld) => void;
}

export interface PortsOptions {
  /** The connection's name, where the process counts its incarnations itself; by default that of the process. */
  readonly connection?: string;
  /** The folder of its stores on the machine's disk: two hosts of one machine keep theirs apart. */
  readonly folder?: string;
  /** Of its checkpoint store; by default an answered write survives a power cut. */
  readonly durability?: SimDurability;
  /** How its machine's cores are shared; absent: as drover's own lanes. */
  readonly scheduling?: EcuScheduling | undefined;
}

/** What a process may use; the bus comes once it is connected. */
export interface SimPorts {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly bus: SimBus;
  readonly records: RecordStore;
  readonly checkpoints: CheckpointStore & StoreUpkeep;
  readonly runtime: SimTaskRuntime;
  readonly artefacts: Artefacts;
  readonly inventory: Inventory;
  readonly processes: ProcessTable;
  readonly log: Log;
  readonly counters: SimCounters;
  readonly faultPoints: FaultPoints;
}

export class SimWorld {
  readonly seed: number;
  readonly scheduler = new SimScheduler();
  readonly rng: Rng;
  readonly broker: SimBroker;
  readonly judges: Judges;
  readonly plan: FaultPlan;
  readonly book: SimLogBook;
  readonly hosts = new Map<HostId, SimHost>();
  readonly disks = new Map<string, SimDisk>();
  readonly shelf: ArtefactShelf = new Map();
  readonly processes = new SimProcesses();
  private readonly options: WorldOptions;
  private readonly counters = new Map<HostId, SimCounters>();
  private print = 0;

  constructor(options: WorldOptions) {
    rememberDecoded();
    this.options = options;
    this.seed = options.seed;
    this.rng = createRng(options.seed, 'world');
    this.book = new SimLogBook(this.scheduler);
    this.broker = new SimBroker({
      scheduler: this.scheduler,
      rng: this.rng,
      streams: [...options.streams, inventoryStream, proofsStream, learnedStream],
      ...options.broker,
    });
    const artefactOf = options.artefactOf ?? ((task) => new TextEncoder().encode(task));
    this.judges = new Judges({ broker: this.broker, artefactOf });
    this.plan = new FaultPlan({
      scripted: options.scripted ?? [],
      ...(options.drawn === undefined ? {} : { drawn: { ...options.drawn, rng: this.rng.stream('fault points') } }),
    });
    this.broker.onCommit(({ sequence, subject, atUs, payload }) => {
      // The subject says the stream. Times are above 2^32; their low bits tell them apart.
      let print = foldWord(hash32(subject, this.print), sequence);
      print = foldWord(print, atUs % 0x1_0000_0000);
      for (let at = 0; at < payload.length; at++) print = Math.imul(print ^ (payload[at] as number), FNV_PRIME);
      this.print = print >>> 0;
    });
    this.scheduler.afterStep = () => this.judges.check(() => this.story());
  }

  add(host: HostPlan): SimHost {
    assert(!this.hosts.has(host.id), `${host.id} is added once`);
    const clock = host.clock ?? this.options.clockOf?.(host.id) ?? TRUE_CLOCK;
    const added = new SimHost({ ...host, clock, scheduler: this.scheduler, boot: (process) => host.boot(process, this) });
    this.hosts.set(host.id, added);
    this.broker.link(host.id, this.options.link);
    return added;
  }

  host(id: HostId): SimHost {
    const host = this.hosts.get(id);
    assert(host !== undefined, `there is a host ${id}`);
    return host;
  }

  /** Builds every port for one process, and connects it. */
  async portsOf(process: SimProcess, options: PortsOptions = {}): Promise<SimPorts> {
    const { id, machine } = process.host;
    const { connection = process.name, folder = '', durability = 'sync', scheduling } = options;
    const log = this.book.logOf(connection);
    const counters = this.countersOf(id);
    const bus = await connectSim(this.broker, process, { ...this.options.bus, name: connection, log, counters });
    return {
      clock: process.clock,
      rng: this.rng.stream(`process ${process.name}`),
      bus,
      records: new DiskRecordStore(this.disk(machine), process, `${folder}records`),
      checkpoints: new DiskCheckpointStore(this.disk(machine), process, { name: `${folder}checkpoints`, durability }),
      runtime: new SimTaskRuntime({
        process,
        rng: this.rng.stream(`runtime ${process.name}`),
        scheduling,
        ...this.options.runtime,
      }),
      artefacts: new SimArtefacts({ shelf: this.shelf, bus, process, link: this.broker.link(id) }),
      inventory: new SimInventory(bus, process.clock),
      processes: this.processes.tableOf(process),
      log,
      counters,
      faultPoints: this.options.withoutFaultPoints === true ? NO_FAULT_POINTS : this.plan.pointsOf(process),
    };
  }

  disk(machine: string): SimDisk {
    let disk = this.disks.get(machine);
    if (disk === undefined) {
      disk = new SimDisk(this.scheduler, this.rng.stream(`disk ${machine}`), this.options.diskOf?.(machine));
      this.disks.set(machine, disk);
    }
    return disk;
  }

  /** Counters outlive the process, so that a report has them all. */
  countersOf(id: HostId): SimCounters {
    let counters = this.counters.get(id);
    if (counters === undefined) {
      counters = new SimCounters();
      this.counters.set(id, counters);
    }
    return counters;
  }

  /** Every host of the machine dies without a word, and the disk forgets what it had not synced. */
  powerCut(machine: string): void {
    for (const host of this.hosts.values()) if (host.machine === machine) host.kill('power');
    this.disk(machine).powerLoss();
    this.processes.boot(machine);
  }

  run(options: RunOptions): Promise<RunEnd> {
    return this.scheduler.run(options);
  }

  /** Runs until every recorded input's outputs are accepted and `rest` holds, or fails after `withinUs`. */
  async settle(options: { readonly withinUs: number; readonly rest?: () => boolean }): Promise<void> {
    const untilUs = this.scheduler.nowUs() + options.withinUs;
    await this.scheduler.run({ untilUs, until: () => this.judges.settled() && (options.rest?.() ?? true) });
    this.judges.checkAtRest(() => this.story());
    assert(options.rest?.() ?? true, `the world came to rest within ${options.withinUs} µs\n${this.story()}`);
  }

  /** Over everything that was committed, in order, with times: equal for equal runs. */
  fingerprint(): string {
    return `${this.print.toString(16).padStart(8, '0')}.${this.scheduler.steps()}`;
  }

  /** The seed, what was inflicted, and the last lines of the log. */
  story(lines = 60): string {
    const faults = this.plan.done.map((fault) => JSON.stringify(fault)).join('\n');
    return `seed ${this.seed}, ${this.scheduler.nowUs()} µs, step ${this.scheduler.steps()}\nfaults at points:\n${faults}\n${this.book.print(lines)}`;
  }
}
