/**
 * A whole fleet in a simulated world: ECUs with their supervisors and bridges, managers, a client, and what can happen to
 * them. Drover's own code runs on all of it; what is true is read from the broker (`fleet-truth.ts`), never from a host.
 *
 * `settled` is the promise of liveness: once the world has healed, every declared task is owned by a living ECU in its
 * present incarnation, everything recorded is consumed, and what was accepted is what the task gives when it is run alone.
 */
import type { JanitorPolicy } from '../../../actors/janitor.ts';
import type { PowerChoice } from '../../../actors/power-manager.ts';
import { artefactDigest } from '../../../infra/sim/artefacts.ts';
import { StoredPages } from '../../../infra/sim/disk-checkpoints.ts';
import { inventoryStream, seriesStream } from '../../../infra/sim/inventory.ts';
import type { SimStreamOptions } from '../../../infra/sim/stream.ts';
import type { StorePlace } from '../../../infra/sim/weather.ts';
import { SimWorld, type WorldOptions } from '../../../infra/sim/world.ts';
import type { ReceiveChoice } from '../../domain/checkpoint/receiving.ts';
import type { SourceDoes } from '../../domain/invariants/atomic-migration.ts';
import { overfilled } from '../../domain/invariants/schedulable.ts';
import type { Violation } from '../../domain/invariants/violation.ts';
import { assert } from '../../domain/kernel/assert.ts';
import type { Incarnation, SleepState } from '../../domain/model/ecu.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import type { TaskSpec } from '../../domain/model/task.ts';
import { validateTaskSpec } from '../../domain/model/task-spec.ts';
import type { PredictionPolicy } from '../../domain/proposal/prediction-policy.ts';
import type { Answer, ManagerAnswer, MigrateCall } from '../../domain/protocol/messages.ts';
import { fleetStreams } from '../../domain/protocol/streams.ts';
import type { Booking } from '../../domain/reservation/booking.ts';
import { NO_PLANTS, type Plants } from '../../ports/plants.ts';
import { type Feed, FleetClient, type ReservationPlan } from './fleet-client.ts';
import { FleetTruth } from './fleet-truth.ts';
import { NightJudge } from './night-judge.ts';
import { RestJudge } from './rest-judge.ts';
import { admittingEcu, bridgeOf, type EcuPlan, machineOf, SimulatedEcu, supervisorOf } from './simulated-ecu.ts';
import { managerHost, SimulatedManager, storeOf } from './simulated-manager.ts';

export interface ManagerPlan {
  readonly name: string;
  /** The ECU whose machine it shares; undefined: a machine of its own. */
  readonly onEcu?: Mac;
}

export interface FleetOptions {
  readonly seed: number;
  readonly ecus: readonly EcuPlan[];
  readonly managers: readonly ManagerPlan[];
  readonly janitor?: JanitorPolicy;
  /** How checkpoints are received; absent: hosts know no other way than to notify. */
  readonly receive?: ReceiveChoice;
  /** Of all streams. */
  readonly replicas?: 1 | 3;
  readonly world?: Partial<Omit<WorldOptions, 'seed' | 'streams'>>;
  /** Bugs put in on purpose. */
  readonly plants?: Plants;
  /** Checkpoints that each manager tries a minute; none where this is not given. */
  readonly provesPerMinute?: number;
  /** For how long streams remember message ids; absent: as the fleet's streams do. */
  readonly duplicateWindowUs?: number;
  /** Whether managers foresee failures; absent: they do not. */
  readonly predicts?: boolean;
  /** Whether managers let ECUs sleep, and when; absent: they do not. */
  readonly power?: PowerChoice;
  readonly policy?: PredictionPolicy;
  /** Whether capacity can be reserved; absent: nobody keeps a book. */
  readonly reserves?: boolean;
}

export type TaskDraft = Partial<Omit<TaskSpec, 'affinity' | 'checkpoint' | 'inputs'>> & {
  readonly name: TaskName;
  readonly affinity?: Partial<TaskSpec['affinity']>;
  readonly checkpoint?: Partial<TaskSpec['checkpoint']>;
  readonly inputs?: Partial<TaskSpec['inputs']>;
};

const NAMES = { shardCount: 1 };
const MEMORY_BYTES = 16 * 1024 * 1024;
const LOOK_EVERY_US = 5_000;

/** The bucket `fleet`, where the choice stands. */
const FLEET_BUCKET: SimStreamOptions = { ...inventoryStream, name: 'KV_fleet', subjects: ['$KV.fleet.>'] };

/** `02…` with the number at the end: what a person calls ECU 1, 2, 3. */
export const macOf = (number: number): Mac => `02aa000000${number.toString(16).padStart(2, '0')}`;

export class FleetWorld {
  readonly world: SimWorld;
  readonly truth: FleetTruth;
  readonly client: FleetClient;
  readonly ecus = new Map<Mac, SimulatedEcu>();
  readonly managers = new Map<string, SimulatedManager>();
  /** Who declares tasks, or reserves capacity, and has not said yet all that they will say. */
  peopleAtWork = 0;
  readonly plannedManagers: readonly ManagerPlan[];
  private readonly firstChoice: ReceiveChoice | undefined;
  private readonly rest: RestJudge;
  private readonly night: NightJudge;
  /** Reservations that somebody was promised and has not given back, by their ids. */
  readonly promised = new Map<string, Booking>();
  private leftoversAtUs = -1;
  private leftovers: readonly Violation[] = [];
  /** Tasks that should run now. */
  readonly wanted = new Set<TaskName>();

  constructor(options: FleetOptions) {
    const {
      seed,
      ecus,
      managers,
      janitor,
      receive,
      replicas = 1,
      plants = NO_PLANTS,
      provesPerMinute = 0,
      predicts = false,
      power,
      reserves = false,
    } = options;
    const specs = [
      ...fleetStreams(NAMES),
      ...(receive === undefined && !reserves ? [] : [FLEET_BUCKET]),
      ...(predicts ? [seriesStream] : []),
    ];
    const window = options.duplicateWindowUs === undefined ? {} : { duplicateWindowUs: options.duplicateWindowUs };
    const streams = specs.map((stream) => ({ ...stream, replicas, ...window }));
    this.world = new SimWorld({ ...options.world, seed, streams });
    const chooses = receive !== undefined;
    this.plannedManagers = managers;
    this.firstChoice = receive;
    const coLocated = (mac: Mac): ReadonlySet<string> =>
      new Set(managers.filter(({ onEcu }) => onEcu === mac).map(({ name }) => name));
    const places = managers.map(({ name, onEcu }) => storeOf(name, onEcu === undefined ? undefined : machineOf(onEcu)));
    const storeNamed = new Map(managers.map(({ name }, at) => [name, places[at] as StorePlace]));
    this.truth = new FleetTruth(this.world, {
      coLocated,
      storeOf: (manager) => {
        const place = storeNamed.get(manager);
        return place === undefined ? undefined : new StoredPages(this.world.disk(place.machine), place.table);
      },
      sourceDoes: (owner, task, epoch) => this.sourceDoes(owner, task, epoch),
      onMarker: () => this.judgeLoads(),
      onPower: () => this.night.judgeSleep(),
      onBook: () => this.night.judgeBook(),
    });
    this.night = new NightJudge({ world: this.world, truth: this.truth, ecus: this.ecus, promised: this.promised, managers });
    this.rest = new RestJudge({ world: this.world, truth: this.truth, ecus: this.ecus, stores: places, night: this.night });
    this.world.judges.periodOf = (task) => this.truth.placements.get(task)?.context.spec?.periodUs;
    this.client = new FleetClient(this.world, NAMES);
    for (const plan of ecus) {
      const coLocatedManagers = coLocated(plan.mac);
      this.ecus.set(
        plan.mac,
        new SimulatedEcu({ world: this.world, names: NAMES, plan, coLocatedManagers, plants, chooses, reserves }),
      );
    }
    for (const { name, onEcu } of managers) {
      const machine = onEcu === undefined ? managerHost(name) : machineOf(onEcu);
      const parts = {
        world: this.world,
        names: NAMES,
        name,
        machine,
        janitor,
        plants,
        provesPerMinute,
        predicts,
        power,
        chooses,
        reserves,
        policy: options.policy,
      };
      this.managers.set(name, new SimulatedManager(parts));
    }
  }

  /** Everything but the hosts named in `later`. */
  start(options: { readonly later?: readonly string[] } = {}): void {
    const later = new Set(options.later ?? []);
    this.client.start();
    if (this.firstChoice !== undefined) void this.client.chooseReceiving(this.firstChoice);
    for (const mac of this.ecus.keys()) if (!later.has(mac)) this.startEcu(mac);
    for (const name of this.managers.keys()) if (!later.has(name)) this.startManager(name);
  }

  // ——— what people do ———

  spec(draft: TaskDraft): TaskSpec {
    const program = new TextEncoder().encode(draft.name);
    const artefact = artefactDigest(program);
    this.world.shelf.set(artefact, program);
    const spec = validateTaskSpec({ memoryBytesMax: MEMORY_BYTES, artefact, artefactBytes: program.length, ...draft });
    if (!spec.ok) throw new Error(JSON.stringify(spec.error));
    return spec.value;
  }

  async declare(draft: TaskDraft): Promise<ManagerAnswer> {
    const spec = this.spec(draft);
    this.wanted.add(spec.name);
    return this.client.call({ kind: 'declare-task', spec });
  }

  async remove(task: TaskName): Promise<ManagerAnswer> {
    this.wanted.delete(task);
    return this.client.call({ kind: 'remove-task', task });
  }

  /** As an overloaded ECU asks: known by where it runs. */
  move(task: TaskName, target?: Mac): Promise<ManagerAnswer> {
    const [mac, programId] = [this.owner(task) ?? '', this.programOf(task)];
    return this.client.call({ kind: 'request-restore', opcode: 'load-balance', mac, programId, target, reason: 'too hot' });
  }

  /** As a person asks: by its name. */
  migrate(task: TaskName, more: Partial<Omit<MigrateCall, 'kind' | 'task'>> = {}): Promise<ManagerAnswer> {
    const plain = { target: undefined, dryRun: false, opcode: 'operator', mode: undefined, costMax: undefined } as const;
    return this.client.call({ kind: 'migrate-task', task, ...plain, reason: 'somebody asked', ...more });
  }

  /** Capacity of an ECU, or of any that has the labels, for a time that begins `inUs` from now. */
  async reserve(booking: ReservationPlan): Promise<ManagerAnswer> {
    const answer = await this.client.reserve(booking);
    if (answer.kind === 'reserved') this.promised.set(answer.booking.id, answer.booking);
    return answer;
  }

  /** Whatever is answered: who has given it back relies on nothing. */
  cancelReservation(id: string): Promise<ManagerAnswer> {
    this.promised.delete(id);
    return this.client.call({ kind: 'cancel-reservation', id });
  }

  /** It and all that it is joined to by feeding. */
  migrateChain(task: TaskName, target?: Mac): Promise<ManagerAnswer> {
    return this.client.call({ kind: 'migrate-chain', task, target, dryRun: false, reason: 'somebody asked' });
  }

  /** Everything away from there, and nothing new; or no more of that. */
  drain(mac: Mac, undo = false): Promise<ManagerAnswer> {
    return this.client.call({ kind: 'drain-ecu', mac, undo, reason: 'somebody asked' });
  }

  /** Straight to its bridge, behind the managers' backs; undefined: wake up. */
  orderSleep(mac: Mac, sleep: SleepState | undefined): Promise<Answer> {
    return this.client.order(mac, { kind: 'power', sleep });
  }

  private programOf(task: TaskName): number {
    for (const { manager } of this.managers.values()) {
      const found = manager?.fleet().tasks.find((one) => one.task === task)?.programId;
      if (found !== undefined) return found;
    }
    return 0;
  }

  feed(feed: Feed): void {
    void this.client.feed(feed);
  }

  // ——— what happens to them ———

  startEcu(mac: Mac): void {
    this.truth.note(`ECU ${mac} starts`);
    const supervisor = this.world.host(supervisorOf(mac));
    if (supervisor.state() === 'down') supervisor.start();
  }

  /** Supervisor and bridge at once. */
  killEcu(mac: Mac): void {
    this.truth.note(`ECU ${mac} killed`);
    this.world.host(supervisorOf(mac)).kill();
    this.world.host(bridgeOf(mac)).kill();
  }

  killBridge(mac: Mac): void {
    this.truth.note(`bridge ${mac} killed`);
    this.world.host(bridgeOf(mac)).kill();
  }

  powerCut(mac: Mac): void {
    this.truth.note(`ECU ${mac} without power`);
    this.world.powerCut(machineOf(mac));
  }

  freezeEcu(mac: Mac): void {
    this.truth.note(`ECU ${mac} frozen`);
    for (const id of [supervisorOf(mac), bridgeOf(mac)]) this.world.host(id).freeze();
  }

  thawEcu(mac: Mac): void {
    this.truth.note(`ECU ${mac} thawed`);
    for (const id of [supervisorOf(mac), bridgeOf(mac)]) this.world.host(id).thaw();
  }

  partitionEcu(mac: Mac, which?: { readonly up?: boolean; readonly down?: boolean }): void {
    this.truth.note(`ECU ${mac} cut off`);
    for (const id of [supervisorOf(mac), bridgeOf(mac)]) this.world.broker.link(id).partition(which);
  }

  healEcu(mac: Mac): void {
    this.truth.note(`ECU ${mac} healed`);
    for (const id of [supervisorOf(mac), bridgeOf(mac)]) this.world.broker.link(id).heal();
  }

  startManager(name: string): void {
    const host = this.world.host(managerHost(name));
    if (host.state() === 'down') host.start();
  }

  killManager(name: string): void {
    this.truth.note(`manager ${name} killed`);
    this.world.host(managerHost(name)).kill();
  }

  // ——— what is true ———

  owner(task: TaskName): Mac | undefined {
    const placement = this.truth.placements.get(task);
    return placement?.state === 'owned' || placement?.state === 'moving' ? placement.context.owner?.mac : undefined;
  }

  /** Owned, and the owner runs that very instance. */
  runs(task: TaskName): boolean {
    const placement = this.truth.placements.get(task);
    if (placement?.state !== 'owned' || placement.context.owner === undefined) return false;
    const { mac, incarnation } = placement.context.owner;
    const bridge = this.ecus.get(mac)?.bridge;
    if (bridge?.load().incarnation !== incarnation) return false;
    const running = bridge.running().get(task);
    return running?.instance.epoch === placement.context.epoch && running.instance.state.phase === 'running';
  }

  /** An instance that runs where its task's placement does not say so. */
  stale(): boolean {
    for (const { mac, bridge } of this.ecus.values()) {
      for (const { instance } of bridge?.running().all() ?? []) {
        const placement = this.truth.placements.get(instance.spec.name);
        if (placement?.context.owner?.mac !== mac || placement.context.epoch !== instance.epoch) return true;
      }
    }
    return false;
  }

  /** Nothing is under way any more. */
  atRest(): boolean {
    if (this.stale()) return false;
    for (const task of this.wanted) {
      if (!this.runs(task)) return false;
      const { context } = this.truth.placements.get(task) as { context: { owner?: { mac: Mac } | undefined } };
      const state = this.ecus
        .get(context.owner?.mac ?? '')
        ?.bridge?.running()
        .get(task)?.instance.state;
      if (state === undefined || state.inputsWaiting > 0) return false;
    }
    const { truth } = this;
    const settled = [truth.openArbiters(), truth.openMigrations(), truth.openChains()].every(({ length }) => length === 0);
    return (
      this.peopleAtWork === 0 && this.client.fed() && settled && this.unrouted() === undefined && this.leftOver().length === 0
    );
  }

  private unrouted(): Violation | undefined {
    const routes: (readonly [TaskName, TaskName])[] = [];
    for (const task of this.wanted) {
      const source = this.truth.placements.get(task)?.context.spec?.inputs.from;
      if (source !== undefined) routes.push([task, source]);
    }
    return this.world.judges.routed.unrouted(routes);
  }

  /** What is left over, looked for now and then: it is asked after every step. */
  private leftOver(): readonly Violation[] {
    const nowUs = this.world.scheduler.nowUs();
    if (nowUs >= this.leftoversAtUs) {
      this.leftoversAtUs = nowUs + LOOK_EVERY_US;
      this.leftovers = this.rest.leftovers();
    }
    return this.leftovers;
  }

  private sourceDoes({ mac, incarnation }: Incarnation, task: TaskName, epoch: number): SourceDoes {
    const bridge = this.ecus.get(mac)?.bridge;
    // One that leaves stands still for its own reasons.
    if (bridge === undefined || bridge.load().incarnation !== incarnation || bridge.load().draining) return 'is-dead';
    const instance = bridge.running().get(task)?.instance;
    if (instance?.epoch !== epoch) return 'has-it-not';
    return instance.state.pauseWanted ? 'stands-still' : 'runs';
  }

  /** Whenever an instance has begun: what every living bridge has accepted. */
  private judgeLoads(): void {
    for (const { mac, bridge, plan } of this.ecus.values()) {
      if (bridge !== undefined) this.world.judges.report(overfilled(mac, bridge.load().tasks, admittingEcu(plan)));
    }
    this.night.judgeSleep();
  }

  /** By its record; undefined: nobody manages its sleep. */
  powerOf(mac: Mac): string | undefined {
    return this.truth.power.get(mac)?.state;
  }

  // ——— time ———

  async elapse(us: number): Promise<void> {
    await this.world.run({ untilUs: this.world.scheduler.nowUs() + us });
  }

  /** Runs until it holds; fails with the story when it does not within the time. */
  async until(what: string, holds: () => boolean, withinUs = 20_000_000): Promise<void> {
    const untilUs = this.world.scheduler.nowUs() + withinUs;
    await this.world.run({ untilUs, until: holds });
    assert(holds(), `${what} within ${withinUs / 1000} ms\n${this.story()}`);
  }

  /** Carries a promise of the simulated world to its end. */
  async done<T>(promise: Promise<T>, withinUs = 20_000_000): Promise<T> {
    let over = false;
    const note = (): void => {
      over = true;
    };
    promise.then(note, note);
    await this.until('a call is answered', () => over, withinUs);
    return promise;
  }

  /** Every invariant of liveness, and of safety once more at rest. */
  async settle(withinUs = 60_000_000): Promise<void> {
    await this.until('the fleet comes to rest', () => this.world.judges.settled() && this.atRest(), withinUs);
    for (const violation of this.rest.journals()) this.world.judges.report(violation);
    this.world.judges.checkAtRest(() => this.story());
  }

  /** The last of what was committed and what befell whom, oldest first. */
  sequence(lines: number): readonly string[] {
    return this.truth.milestones.slice(-lines).map(({ atUs, what }) => `${(atUs / 1000).toFixed(3).padStart(12)} ms  ${what}`);
  }

  story(lines = 80): string {
    const tasks = [...this.truth.placements].map(
      ([task, { state, context }]) =>
        `${task}: ${state}, epoch ${context.epoch} of ${context.owner?.mac}#${context.owner?.incarnation} by ${context.takenBy} (${context.reason ?? ''}) runs ${this.runs(task)}`,
    );
    const routed = this.unrouted()?.sentence ?? 'every route has passed everything';
    const said = `${routed}; people at work ${this.peopleAtWork}, fed ${this.client.fed()}, outputs complete ${this.world.judges.settled()}`;
    const instances = [...this.ecus.values()].flatMap(({ mac, bridge }) =>
      [...(bridge?.running().all() ?? [])].map(
        ({ instance, source }) =>
          `${mac} runs ${instance.spec.name} ${JSON.stringify({ epoch: instance.epoch, ...instance.state, ...source.state })}`,
      ),
    );
    const arbiters = this.truth
      .openArbiters()
      .map(
        (actor) =>
          `${actor} ${this.truth.arbiters.get(actor)?.state} ${JSON.stringify(this.truth.arbiters.get(actor)?.context.tasks)}`,
      );
    const migrations = this.truth
      .openMigrations()
      .map(
        (actor) =>
          `${actor} ${this.truth.migrations.get(actor)?.state} ${JSON.stringify(this.truth.migrations.get(actor)?.context)}`,
      );
    const hosts = [...this.world.hosts.values()].map(
      (host) => `${host.id}#${host.process()?.incarnation ?? '-'} ${host.state()}`,
    );
    const bridges = [...this.ecus.values()].map(({ mac, bridge }) => `${mac}: ${JSON.stringify(bridge?.load())}`);
    return [
      said,
      ...this.rest.leftovers().map(({ sentence }) => sentence),
      ...tasks,
      ...bridges,
      ...instances,
      ...arbiters,
      ...migrations,
      hosts.join(', '),
      ...this.sequence(lines),
      this.world.story(lines),
    ].join('\n');
  }
}
