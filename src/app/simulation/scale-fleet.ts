/**
 * A large fleet in the simulated world: drover's own managers, bridges, charts and loop, many of each; small stand-ins for tasks.
 *
 * What `fleet-world.ts` does for a fleet of a few ECUs — everything remembered, every bridge's load judged after every start — would
 * be quadratic here. So of a placement only its owner and epoch are kept, what was promised is judged as it is committed (single
 * writer, one restore, ticks, no lost work, restore-or-say-why), and of the loads those that an instance has just joined.
 */
import { stateName } from '../../../actors/chart.ts';
import { envelope, type Host, pause } from '../../../actors/host.ts';
import { artefactDigest } from '../../../infra/sim/artefacts.ts';
import { CALM_DISK } from '../../../infra/sim/disk.ts';
import type { SimProcess } from '../../../infra/sim/host.ts';
import { type SimPorts, SimWorld } from '../../../infra/sim/world.ts';
import type { ArbiterContext } from '../../../statecharts/arbiter.machine.ts';
import type { PlacementContext } from '../../../statecharts/placement.machine.ts';
import { unsaid } from '../../domain/invariants/restore-or-say-why.ts';
import { overfilled } from '../../domain/invariants/schedulable.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import type { TaskSpec } from '../../domain/model/task.ts';
import { validateTaskSpec } from '../../domain/model/task-spec.ts';
import { decodeManagerAnswer, encodeManagerCall } from '../../domain/protocol/codec-manager.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import { fleetStreams } from '../../domain/protocol/streams.ts';
import { actorOfSubject, header, managerSubject } from '../../domain/protocol/subjects.ts';
import type { StreamMessage } from '../../ports/bus.ts';
import { NO_PLANTS } from '../../ports/plants.ts';
import { admittingEcu, bridgeOf, hostOf, machineOf, SimulatedEcu, supervisorOf } from './simulated-ecu.ts';
import { managerHost, SimulatedManager } from './simulated-manager.ts';

export interface ScaleOptions {
  readonly seed: number;
  readonly ecus: number;
  readonly tasks: number;
  readonly managers: number;
}

/**
 * One task in ten has work: a job a second and a checkpoint every five. The others wait for inputs that do not come, as most
 * software of a vehicle does; they are placed, watched and restored all the same.
 */
const BUSY_ONE_IN = 10;
const PERIOD_US = 1_000_000;
const CHECKPOINT_US = 5_000_000;

interface Placed {
  readonly state: string;
  readonly epoch: number;
  readonly mac: Mac | undefined;
  readonly incarnation: number;
}

const NAMES = { shardCount: 1 };
const CORES = 4;
const MEMORY_BYTES = 16 * 1024 * 1024;
const PROGRAM = new TextEncoder().encode('small stand-in');
const CLIENT = 'client';
/** Calls under way at a time: a client that declares a whole fleet does not do so in one breath. */
const CALLS_AT_ONCE = 200;
const CALL_TIMEOUT_US = 2_000_000;
const RETRY_US = 20_000;
const BATCH_US = 10_000;
/** A task's stream of records is trimmed to this; the judges have read them by then. */
const RECORDS_KEPT = 1;

const GIB = 1024 ** 3;
/** More than any of these fleets needs: what is measured is drover, not its bounds. */
const LIMITS = { inputsBytesMax: GIB, outputsBytesMax: GIB, actorsBytesMax: 4 * GIB, checkpointsBytesMax: 4 * GIB };

export const scaleMac = (number: number): Mac => `02bb${number.toString(16).padStart(8, '0')}`;

export class ScaleFleet {
  readonly world: SimWorld;
  readonly ecus = new Map<Mac, SimulatedEcu>();
  readonly managers = new Map<string, SimulatedManager>();
  readonly placements = new Map<TaskName, Placed>();
  readonly openArbiters = new Set<string>();
  /** Records that managers committed: each is one decision of a chart. */
  decisions = 0;
  /** Epochs taken: each is a task that was given a place. */
  placed = 0;
  private readonly options: ScaleOptions;
  private readonly ready: Promise<{ readonly ports: SimPorts; readonly host: Host }>;
  private readonly marked = new Set<Mac>();

  constructor(options: ScaleOptions) {
    this.options = options;
    const streams = fleetStreams({ ...NAMES, limits: LIMITS }).map((stream) =>
      stream.name.startsWith('ACTORS') ? { ...stream, messagesPerSubjectMax: RECORDS_KEPT } : stream,
    );
    this.world = new SimWorld({
      seed: options.seed,
      streams,
      withoutFaultPoints: true,
      diskOf: () => ({ ...CALM_DISK, recordsKept: 1 }),
      artefactOf: () => PROGRAM,
    });
    this.world.shelf.set(artefactDigest(PROGRAM), PROGRAM);
    this.world.broker.onCommit((message) => this.hear(message));
    const parts = { world: this.world, names: NAMES, plants: NO_PLANTS, chooses: false, reserves: false };
    const idle = { janitor: undefined, provesPerMinute: 0, predicts: false };
    for (let number = 1; number <= options.ecus; number++) {
      const plan = { mac: scaleMac(number), cores: CORES };
      this.ecus.set(plan.mac, new SimulatedEcu({ ...parts, plan, coLocatedManagers: new Set() }));
    }
    for (let number = 1; number <= options.managers; number++) {
      const name = `m${number}`;
      const machine = managerHost(name);
      this.managers.set(name, new SimulatedManager({ ...parts, ...idle, name, machine }));
    }
    let resolve: (process: SimProcess) => void = () => undefined;
    const booted = new Promise<SimProcess>((given) => {
      resolve = given;
    });
    this.world.add({ id: CLIENT, boot: (process) => resolve(process) });
    this.ready = booted.then(async (process) => {
      const ports = await this.world.portsOf(process);
      return { ports, host: hostOf({ id: CLIENT, incarnation: 1, names: NAMES, ports }) };
    });
  }

  // ——— what happens ———

  startManagers(): void {
    this.world.host(CLIENT).start();
    for (const name of this.managers.keys()) this.world.host(managerHost(name)).start();
  }

  startEcus(): void {
    for (const mac of this.ecus.keys()) this.world.host(supervisorOf(mac)).start();
  }

  /** All of them, so many at a time; resolves when the last one is accepted. */
  async declareAll(): Promise<void> {
    const { ports, host } = await this.ready;
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < this.options.tasks) {
        const call = { kind: 'declare-task', spec: this.spec(next++) } as const;
        const bytes = encodeManagerCall(envelope(host, call));
        for (;;) {
          try {
            const options = { timeoutUs: CALL_TIMEOUT_US };
            const answer = decodeManagerAnswer(await ports.bus.request(managerSubject.call, bytes, options));
            if (answer.ok) break;
          } catch (cause) {
            if (!(cause instanceof DroverError)) throw cause;
          }
          await pause(ports.clock, RETRY_US);
        }
      }
    };
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, worker));
  }

  /** A rack loses its power: supervisors and bridges go at once, and nobody says a word. */
  killRack(macs: readonly Mac[]): void {
    for (const mac of macs) {
      this.world.host(supervisorOf(mac)).kill('power');
      this.world.host(bridgeOf(mac)).kill('power');
      this.world.disk(machineOf(mac)).powerLoss();
    }
  }

  killManager(name: string): void {
    this.world.host(managerHost(name)).kill('power');
  }

  // ——— what is true ———

  tasksOn(macs: ReadonlySet<Mac>): TaskName[] {
    return [...this.placements].filter(([, { mac }]) => mac !== undefined && macs.has(mac)).map(([task]) => task);
  }

  /** Owned by an ECU that runs that very instance. */
  runs(task: TaskName): boolean {
    const placed = this.placements.get(task);
    if (placed?.state !== 'owned' || placed.mac === undefined) return false;
    const running = this.ecus.get(placed.mac)?.bridge?.running().get(task);
    return running?.instance.epoch === placed.epoch && running.instance.state.phase === 'running';
  }

  messages(): number {
    let sum = 0;
    for (const link of this.world.broker.allLinks()) sum += link.sent.up + link.sent.down;
    return sum;
  }

  /** What came to one manager. */
  messagesTo(name: string): number {
    return this.world.broker.link(managerHost(name)).sent.down;
  }

  /** Every declared task runs, and nobody plans any more. */
  allRun(): boolean {
    if (this.placements.size < this.options.tasks || this.openArbiters.size > 0) return false;
    for (const task of this.placements.keys()) if (!this.runs(task)) return false;
    return true;
  }

  someThatDoNotRun(): string[] {
    const idle = [...this.placements].filter(([task]) => !this.runs(task)).slice(0, 5);
    return [...idle.map(([task, { state, mac }]) => `${task} is ${state} at ${mac}`), ...[...this.openArbiters].slice(0, 5)];
  }

  /** Runs until it holds, looked at every 10 ms; false when the time is up. */
  async until(holds: () => boolean, withinUs: number): Promise<boolean> {
    const { scheduler } = this.world;
    const untilUs = scheduler.nowUs() + withinUs;
    while (!holds()) {
      if (scheduler.nowUs() >= untilUs) return false;
      await this.world.run({ untilUs: Math.min(untilUs, scheduler.nowUs() + BATCH_US) });
    }
    return true;
  }

  elapse(us: number): Promise<unknown> {
    return this.world.run({ untilUs: this.world.scheduler.nowUs() + us });
  }

  // ——— inside ———

  private spec(number: number): TaskSpec {
    const spec = validateTaskSpec({
      name: `t${number}`,
      artefact: artefactDigest(PROGRAM),
      artefactBytes: PROGRAM.length,
      periodUs: number % BUSY_ONE_IN === 0 ? PERIOD_US : 0,
      wcetUs: 500,
      memoryBytesMax: MEMORY_BYTES,
      checkpoint: { intervalUs: CHECKPOINT_US, quorum: 2, standbys: 0 },
    });
    if (!spec.ok) throw new Error(JSON.stringify(spec.error));
    return spec.value;
  }

  private hear(message: StreamMessage): void {
    const actor = actorOfSubject(message.subject);
    if (actor !== undefined) this.hearRecord(actor, message);
    else if (message.headers[header.marker] === '1') this.hearMarker(message.subject.split('.')[2] ?? '');
  }

  private hearRecord(actor: string, message: StreamMessage): void {
    const decoded = decodeRecord(message.payload);
    if (!decoded.ok) throw new Error(`a committed record does not decode: ${decoded.error.sentence}`);
    const { snapshot, revision, event } = decoded.value;
    const { value, context, status } = JSON.parse(snapshot) as {
      readonly value: unknown;
      readonly status: string;
      readonly context: ArbiterContext | PlacementContext;
    };
    this.decisions++;
    if ('tasks' in context) {
      if (status === 'active') this.openArbiters.add(actor);
      else this.openArbiters.delete(actor);
      return;
    }
    const state = stateName(value);
    const { task, epoch, owner, takenBy, takeId, reason } = context;
    const before = this.placements.get(task);
    const taken = epoch !== (before?.epoch ?? 0);
    if (taken) this.placed++;
    this.placements.set(task, { state, epoch, mac: owner?.mac, incarnation: owner?.incarnation ?? 0 });
    this.world.judges.report(unsaid({ task, revision, state, reason }));
    this.world.judges.placement({
      task,
      revision,
      epoch,
      takenBy: `${takenBy ?? 'nobody'} ${takeId ?? ''}`,
      expectedEpoch: taken ? (JSON.parse(event.json) as { readonly expectedEpoch?: number }).expectedEpoch : undefined,
      owner: owner === undefined ? undefined : `${owner.mac}#${owner.incarnation}`,
    });
  }

  /** What the ECU that an instance joined has accepted now; judged once for all that come in one event of the world. */
  private hearMarker(task: TaskName): void {
    const mac = this.placements.get(task)?.mac;
    if (mac === undefined || this.marked.has(mac)) return;
    this.marked.add(mac);
    this.world.scheduler.after(0, () => {
      this.marked.delete(mac);
      const ecu = this.ecus.get(mac);
      if (ecu?.bridge !== undefined) this.world.judges.report(overfilled(mac, ecu.bridge.load().tasks, admittingEcu(ecu.plan)));
    });
  }
}
