/**
 * One ECU in the simulated world: a machine with two hosts on it, as in production. The supervisor is a small stand-in: it
 * starts its bridge, starts it again when it dies, and answers for it; a bridge whose supervisor has died leaves, because the
 * two are tied. The bridge is drover's own, on simulated ports.
 */
import { Bridge } from '../../../actors/bridge.ts';
import { envelope, type Host } from '../../../actors/host.ts';
import { readEntry } from '../../../actors/mac-claim.ts';
import { MetricsAgent } from '../../../actors/metrics-agent.ts';
import { createSimulatedSensors } from '../../../infra/metrics/simulated-sensors.ts';
import { BusBookingBook } from '../../../infra/nats/booking-book.ts';
import { BusReceivePolicy } from '../../../infra/nats/receive-policy.ts';
import { DiskRecordStore } from '../../../infra/sim/disk-records.ts';
import type { SimProcess } from '../../../infra/sim/host.ts';
import { simHasher } from '../../../infra/sim/page-digests.ts';
import type { SimTaskRuntime } from '../../../infra/sim/runtime.ts';
import type { SimPorts, SimWorld } from '../../../infra/sim/world.ts';
import { limitsOf, type SensorProfile } from '../../domain/metrics/sensor-profile.ts';
import type { SimulatedMachine } from '../../domain/metrics/simulated-ecu.ts';
import type { EcuDescription, EcuPower, EcuScheduling, MetricsPlan } from '../../domain/model/ecu.ts';
import type { ActorKey, HostId, Mac, TaskName } from '../../domain/model/ids.ts';
import type { ResourceKind, RuntimeKind } from '../../domain/model/task.ts';
import type { AdmittingEcu } from '../../domain/placement/admit.ts';
import { ownScheduling } from '../../domain/placement/platform-of.ts';
import { encodeSupervisorAnswer } from '../../domain/protocol/codec-command.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import { type FleetNames, supervisorSubject } from '../../domain/protocol/subjects.ts';
import type { Plants } from '../../ports/plants.ts';
import type { RecordStore } from '../../ports/record-store.ts';

export interface EcuPlan {
  readonly mac: Mac;
  readonly name?: string;
  readonly ecuClass?: string;
  readonly resourceKind?: ResourceKind;
  readonly labels?: Readonly<Record<string, string>>;
  readonly cores?: number;
  readonly memoryBytes?: number;
  readonly capabilities?: readonly string[];
  /** Absent: as drover's own lanes. */
  readonly scheduling?: EcuScheduling;
  /** What it says its runtime offers, instead of all the runtime has. */
  readonly hostFunctions?: readonly string[];
  /** Its bridge knows no other way to have its checkpoints received than to announce them, whatever the fleet has chosen. */
  readonly notifiesOnly?: boolean;
  /** It says how it is, by the sensors of a simulated machine; absent: not at all, which is cheapest. */
  readonly metrics?: MetricsPlan & { readonly sensors: SensorProfile };
  readonly power?: EcuPower;
  readonly heartbeatUs?: number;
}

export const bridgeOf = (mac: Mac): HostId => `bridge.${mac}`;
export const supervisorOf = (mac: Mac): HostId => `supervisor.${mac}`;
export const machineOf = (mac: Mac): string => `ecu-${mac}`;

/** Stand-ins run as either; one that is called a process is not kept up with, as a real one would not be (`following.ts`). */
const RUNTIMES: readonly RuntimeKind[] = ['wasm', 'process'];

/** What an ECU offers, where its plan does not say otherwise. */
export const admittingEcu = (plan: EcuPlan): AdmittingEcu => ({
  cores: plan.cores ?? 2,
  memoryBytes: plan.memoryBytes ?? 1024 * 1024 * 1024,
  capabilities: plan.capabilities ?? [],
  runtimes: RUNTIMES,
  draining: false,
  scheduling: plan.scheduling ?? ownScheduling(),
});

const HEARTBEAT_US = 100_000;
const RESTART_US = { min: 1_000, max: 40_000 };

export interface SimulatedEcuParts {
  readonly world: SimWorld;
  readonly names: FleetNames;
  readonly plan: EcuPlan;
  /** Managers on the same machine. */
  readonly coLocatedManagers: ReadonlySet<string>;
  readonly plants: Plants;
  /** Whether the fleet's receiving strategy can be chosen. */
  readonly chooses: boolean;
  /** Whether capacity can be reserved. */
  readonly reserves: boolean;
}

export class SimulatedEcu {
  readonly mac: Mac;
  readonly plan: EcuPlan;
  /** The bridge that runs now, for looking at; undefined while none does. */
  bridge: Bridge | undefined;
  /** What stands behind its sensors, for looking at; of the bridge that runs. */
  machine: SimulatedMachine | undefined;
  /** What the inventory remembers of its last start. */
  private incarnationKnown = 0;
  private runtime: SimTaskRuntime | undefined;
  private readonly parts: SimulatedEcuParts;

  constructor(parts: SimulatedEcuParts) {
    this.parts = parts;
    this.mac = parts.plan.mac;
    this.plan = parts.plan;
    const { world } = parts;
    const machine = machineOf(this.mac);
    world.add({ id: supervisorOf(this.mac), machine, boot: (process) => void this.superviseOrLeave(process) });
    world.add({ id: bridgeOf(this.mac), machine, startedByOther: true, boot: (process) => void this.bootBridge(process) });
  }

  // ——— the supervisor ———

  private async superviseOrLeave(process: SimProcess): Promise<void> {
    try {
      await this.supervise(process);
    } catch (cause) {
      exit(this.parts.world, process, cause);
      // Whoever starts supervisors (an init system) starts this one again.
      const { host } = process;
      this.parts.world.scheduler.after(RESTART_US.max, () => host.revive());
    }
  }

  private async supervise(process: SimProcess): Promise<void> {
    const { world } = this.parts;
    const bridge = world.host(bridgeOf(this.mac));
    const rng = world.rng.stream(`restart ${process.name}`);
    // The two are tied: a bridge goes with the supervisor that started it.
    process.onEnd(() => world.scheduler.after(500, () => bridge.kill()));
    const ports = await world.portsOf(process);
    // Its own disk may have lost its last starts, or be another one.
    this.incarnationKnown = (await readEntry(ports.inventory, this.mac, ports.clock)).description?.incarnation ?? 0;
    const watch = (): void => {
      if (bridge.state() === 'down') bridge.start();
      bridge.process()?.onEnd((kind) => {
        if (kind === 'power') return;
        process.after(RESTART_US.min + rng.below(RESTART_US.max - RESTART_US.min), watch);
      });
    };
    watch();
    await this.answerForTheBridge(process, ports);
  }

  private async answerForTheBridge(process: SimProcess, ports: SimPorts): Promise<void> {
    const { world, names } = this.parts;
    const host = hostOf({ id: supervisorOf(this.mac), incarnation: process.incarnation, names, ports });
    await ports.bus.serve({ service: 'drover-supervisor', subject: supervisorSubject.command(this.mac) }, async () => {
      const bridge = world.host(bridgeOf(this.mac));
      const alive = bridge.process() !== undefined;
      const incarnation = bridge.process()?.incarnation ?? 0;
      return encodeSupervisorAnswer(
        envelope(host, { kind: 'bridge-state', mac: this.mac, incarnation, alive, restarting: !alive } as const),
      );
    });
  }

  // ——— the bridge ———

  /** Scenarios: what runs the task there ends by itself, also where it only keeps up with it. */
  breakProgram(task: TaskName): void {
    this.runtime?.breakProgram(task, { code: 'ERR_JOB_HANG', sentence: 'its worker died' });
  }

  private async bootBridge(process: SimProcess): Promise<void> {
    const { world, names, plan, coLocatedManagers, plants, chooses, reserves } = this.parts;
    const { mac } = plan;
    const id = bridgeOf(mac);
    process.onEnd(() => {
      this.bridge = undefined;
    });
    try {
      const known = plants.planted('forget-incarnation') ? 0 : this.incarnationKnown;
      const records = new DiskRecordStore(world.disk(machineOf(mac)), process, `${BRIDGE_FOLDER}records`);
      const incarnation = await nextIncarnation(records, `bridge/${mac}`, known);
      const ports = await world.portsOf(process, {
        connection: `${id}#${incarnation}`,
        folder: BRIDGE_FOLDER,
        durability: 'process',
        scheduling: admittingEcu(plan).scheduling,
      });
      const supervisor = world.host(supervisorOf(mac)).process();
      this.runtime = ports.runtime;
      const { hostFunctions = ports.runtime.offer.hostFunctions } = plan;
      const description: EcuDescription = {
        mac,
        incarnation,
        name: plan.name ?? mac,
        ecuClass: plan.ecuClass ?? 'default',
        resourceKind: plan.resourceKind ?? 'cpu',
        ...admittingEcu(plan),
        labels: plan.labels ?? {},
        offers: RUNTIMES.map((runtime) => ({ ...ports.runtime.offer, runtime, hostFunctions })),
        bridge: ports.processes.self(),
        supervisor: supervisor === undefined ? undefined : world.processes.identityOf(supervisor),
        heartbeatIntervalUs: plan.heartbeatUs ?? HEARTBEAT_US,
        version: 'simulated',
        ...(plan.metrics === undefined ? {} : { metrics: metricsPlanOf(plan.metrics) }),
        ...(plan.power === undefined ? {} : { power: plan.power }),
      };
      const host = { ...hostOf({ id, incarnation, names, ports }), plants };
      const bridge = new Bridge({
        host,
        description,
        runtimes: new Map(RUNTIMES.map((kind) => [kind, ports.runtime])),
        artefacts: ports.artefacts,
        inventory: ports.inventory,
        records,
        hasher: simHasher,
        localStore: ports.checkpoints,
        coLocatedManagers,
        ...(chooses && plan.notifiesOnly !== true ? { receive: new BusReceivePolicy(ports) } : {}),
        ...(reserves ? { bookings: new BusBookingBook({ ...ports, id }) } : {}),
      });
      this.bridge = bridge;
      await bridge.start();
      if (plan.metrics !== undefined) this.startMetrics(bridge, host, plan.metrics);
    } catch (cause) {
      exit(world, process, cause);
    }
  }

  /** Its timers end with the process, so nobody has to stop it. */
  private startMetrics(bridge: Bridge, host: Host, plan: MetricsPlan & { readonly sensors: SensorProfile }): void {
    const { resourceKind = 'cpu' } = this.plan;
    const nowUs = host.clock.monotonicUs();
    const sensors = {
      profile: plan.sensors,
      resourceKind,
      rng: host.rng.stream('sensors'),
      nowUs,
      asleep: () => bridge.asleep(),
    };
    const source = createSimulatedSensors(sensors);
    this.machine = source.machine;
    const { cores } = admittingEcu(this.plan);
    new MetricsAgent({
      host,
      mac: this.mac,
      resourceKind,
      cores,
      plan: metricsPlanOf(plan),
      openSources: () => [source],
      tasks: () => bridge.running().all(),
      isAsleep: () => bridge.asleep() !== undefined,
    }).start();
  }
}

const metricsPlanOf = ({ everyUs, keptEveryUs, sensors }: NonNullable<EcuPlan['metrics']>): MetricsPlan => ({
  everyUs,
  keptEveryUs,
  ...limitsOf(sensors),
});

const BRIDGE_FOLDER = 'bridge/';

export function hostOf(parts: {
  readonly id: HostId;
  readonly incarnation: number;
  readonly names: FleetNames;
  readonly ports: SimPorts;
}): Host {
  const { id, incarnation, names, ports } = parts;
  const { bus, clock, rng, log, counters, faultPoints } = ports;
  return { id, incarnation, names, bus, clock, rng, log, counters, faults: faultPoints };
}

/** A process whose `main` fails leaves; its supervisor, or the weather, starts it again. */
export function exit(world: SimWorld, process: SimProcess, cause: unknown): void {
  world.book
    .logOf(process.name)
    .error('the process could not start', { cause: cause instanceof Error ? cause.stack : String(cause) });
  if (process.host.process() === process) process.host.kill();
}

/** One more than the last start that the local record knows, or that others know of. */
export async function nextIncarnation(records: RecordStore, actor: ActorKey, known = 0): Promise<number> {
  const last = await records.load(actor);
  if (last === undefined) return known + 1;
  const record = decodeRecord(last.bytes);
  if (!record.ok) throw new Error(record.error.sentence);
  const snapshot = JSON.parse(record.value.snapshot) as { readonly context: { readonly incarnation: number } };
  return Math.max(snapshot.context.incarnation, known) + 1;
}
