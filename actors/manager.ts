/**
 * A checkpoint manager: watches ECUs, receives checkpoints, restores. At least two run; none is the leader. They meet only in
 * the replicated records (placement, arbiter), where the loop's compare-and-set decides.
 *
 * What happens when an ECU dies, by file: `detector.ts` suspects → `statecharts/ecu.machine.ts` confirms (`ecu.ts`) →
 * `statecharts/arbiter.machine.ts` claims and plans (`arbiter.ts`) → `statecharts/placement.machine.ts` gives the epoch →
 * the target's `bridge.ts` admits and starts (`task.ts`, `restore-image.ts`, `instance.ts`).
 */

import type { ActorEvent } from '../src/domain/model/events.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { PREDICTION_POLICY, type PredictionPolicy } from '../src/domain/proposal/prediction-policy.ts';
import { decodeManagerCall, encodeManagerAnswer } from '../src/domain/protocol/codec-manager.ts';
import type { FleetView, ManagerAnswer, ManagerCall, RestoreRequest } from '../src/domain/protocol/messages.ts';
import { managerSubject } from '../src/domain/protocol/subjects.ts';
import type { Advising } from '../src/ports/advising.ts';
import type { BookingBook } from '../src/ports/booking-book.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { Hasher } from '../src/ports/digest.ts';
import type { Inventory } from '../src/ports/inventory.ts';
import type { ModelFitter } from '../src/ports/model-fitter.ts';
import type { PlacementBoard } from '../src/ports/placement-board.ts';
import type { ProcessTable } from '../src/ports/process-table.ts';
import type { ReceivePolicy } from '../src/ports/receive-policy.ts';
import type { RecordStore } from '../src/ports/record-store.ts';
import type { SeriesShelf } from '../src/ports/series-shelf.ts';
import type { StoreUpkeep } from '../src/ports/store-upkeep.ts';
import { waitsForCapacity } from '../statecharts/arbiter.machine.ts';
import type { DrainEffect } from '../statecharts/drain.machine.ts';
import type { PowerEffect } from '../statecharts/power.machine.ts';
import type { PredictorContext, PredictorEffect } from '../statecharts/predictor.machine.ts';
import { ArbiterEffects } from './arbiter.ts';
import { BackgroundFits } from './background-fits.ts';
import { betterPlaced } from './better-placed.ts';
import { BeyondShare } from './beyond-share.ts';
import { BoardKeeper } from './board.ts';
import { CatchUp } from './catch-up.ts';
import { ChainMoves } from './chain-moves.ts';
import { CheckpointReceiver } from './checkpoint.ts';
import { CheckpointLookup } from './checkpoint-lookup.ts';
import { Detector } from './detector.ts';
import { Draining } from './drain.ts';
import { Duty } from './duty.ts';
import { EcuEffects } from './ecu.ts';
import { FleetKnowledge } from './fleet-knowledge.ts';
import { Foresight } from './foresight.ts';
import { envelope, type Host, planted } from './host.ts';
import { takeInstanceReport } from './instance-reports.ts';
import { JANITOR_DEFAULTS, Janitor, type JanitorPolicy } from './janitor.ts';
import { OWN_CHARTS, REPLICATED_CHARTS } from './manager-charts.ts';
import { ManagerShare, shareKeyOf } from './manager-share.ts';
import { ManagerView } from './manager-view.ts';
import { MigrationEffects } from './migration.ts';
import { MigrationEstimates } from './migration-estimate.ts';
import { MigrationRequests } from './migration-requests.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import { Peers } from './peers.ts';
import { PlacementEffects } from './placement.ts';
import { feederOf, type PlacementView } from './placement-index.ts';
import { type PowerChoice, PowerManager } from './power-manager.ts';
import { Predictor } from './predictor.ts';
import { Prover, type Proving } from './prover.ts';
import { Reservations } from './reservations.ts';
import { Routes } from './routes.ts';
import { type ActorView, Shell } from './shell.ts';
import { StoreRepair, UPKEEP_DEFAULTS, type UpkeepPolicy } from './store-repair.ts';
import { WakeBeyond } from './wake-beyond.ts';

export interface ManagerParts {
  readonly host: Host;
  /** This manager's short name; the host id is `manager.<name>`. */
  readonly manager: string;
  /** ACTORS, shared with the other managers. */
  readonly sharedRecords: RecordStore;
  /** This manager's own. */
  readonly localRecords: RecordStore;
  readonly store: CheckpointStore;
  readonly hasher: Hasher;
  /** Where the store can look after itself; without it damage is found only when it is asked for. */
  readonly upkeep?: StoreUpkeep;
  readonly upkeepPolicy?: UpkeepPolicy;
  /** Trying checkpoints before they are needed; without it nothing is proven here. */
  readonly proving?: Proving;
  readonly inventory: Inventory;
  readonly processTable: ProcessTable;
  readonly janitor?: JanitorPolicy;
  /** KV `placement`, for people and tools. */
  readonly board?: PlacementBoard;
  /** How the fleet receives checkpoints; absent: it is notified. */
  readonly receive?: ReceivePolicy;
  /** Ranks candidates for a task; absent: the other terms alone. */
  readonly advising?: Advising;
  /** Whether it foresees failures and has tasks moved before. Absent: no, and no migration gains anything that is known. */
  readonly predicts?: boolean;
  /** Whether it lets ECUs sleep that nobody needs, and when; absent: no. */
  readonly power?: PowerChoice;
  /** By what it foresees and moves; absent: what drover does by itself. */
  readonly policy?: PredictionPolicy;
  /** Where the series of tasks wait for whoever follows them next. */
  readonly shelf?: SeriesShelf;
  /** The fleet's reservations; absent: there are none, and none can be made. */
  readonly bookings?: BookingBook;
  /** Fits the models of its forecasts; absent: nobody does. */
  readonly fitter?: ModelFitter;
}

const POWER = 'power/';
const PASSED_ON_TIMEOUT_US = 1_000_000;
const NOTHING_RESERVED: ManagerAnswer = {
  kind: 'refused',
  code: 'ERR_RESERVATION',
  sentence: 'this fleet has no place to keep reservations',
};
const NOTHING_FORESEEN: ManagerAnswer = {
  kind: 'refused',
  code: 'ERR_NOT_PREDICTING',
  sentence: 'this fleet foresees nothing, for its managers were started with --predict off: start them with --predict on',
};

export class Manager {
  private readonly parts: ManagerParts;
  private readonly host: Host;
  private readonly replicated: Shell;
  private readonly local: Shell;
  private readonly knowledge: FleetKnowledge;
  private readonly receiver: CheckpointReceiver;
  private readonly detector: Detector;
  private readonly peers: Peers;
  private readonly duty: Duty;
  private readonly janitor: Janitor;
  private readonly board: BoardKeeper | undefined;
  private readonly catchUp: CatchUp;
  private readonly repair: StoreRepair | undefined;
  private readonly prover: Prover | undefined;
  /** What of the fleet is this manager's to look after. */
  private readonly share: ManagerShare;
  private readonly cancels: Cancel[] = [];
  private readonly migrations: MigrationEffects;
  private readonly migrationRequests: MigrationRequests;
  private readonly draining: Draining;
  private readonly predictor: Predictor | undefined;
  private readonly power: PowerManager;
  private readonly wakeBeyond: WakeBeyond;
  private readonly reservations: Reservations | undefined;
  private readonly view: ManagerView;
  private readonly routes: Routes;
  private readonly chainMoves: ChainMoves;

  constructor(parts: ManagerParts) {
    this.parts = parts;
    const { host, manager, store, processTable } = parts;
    this.host = host;
    this.board = parts.board === undefined ? undefined : new BoardKeeper({ host, board: parts.board });
    const common = { ...host, host: host.id };
    this.replicated = new Shell({
      ...common,
      charts: REPLICATED_CHARTS,
      store: parts.sharedRecords,
      perform: (open) => this.perform(open),
      onRecord: (view) => {
        const { writer } = view.record;
        if (writer.startsWith('manager.')) this.peers.expect(writer.slice('manager.'.length));
        this.knowledge.index.changed(view);
        if (view.actor.startsWith(POWER)) this.powerChanged(view);
        this.board?.changed(view);
      },
      sharing: {
        keyOf: shareKeyOf,
        fromOf: feederOf,
        keeps: (key) => this.share.keeps(key),
        onPassing: (actor, { from }) => {
          if (!planted(host, 'know-own-chains')) this.knowledge.index.passing(actor, from);
        },
        onForgotten: (actor) => {
          if (planted(host, 'know-own-chains')) this.knowledge.index.passing(actor, undefined);
          this.knowledge.index.forgotten(actor);
          this.board?.forgotten(actor);
        },
      },
    });
    this.local = new Shell({
      ...common,
      charts: OWN_CHARTS,
      store: parts.localRecords,
      perform: (open) => this.perform(open),
    });
    const replicated = () => this.replicated;
    this.knowledge = new FleetKnowledge({ replicated: this.replicated, local: this.local, plants: host.plants });
    const within = { host, knowledge: this.knowledge, replicated: this.replicated };
    const beyond = new BeyondShare({ ...within, inventory: parts.inventory });
    const { bookings: book } = parts;
    this.reservations = book === undefined ? undefined : new Reservations({ host, book, knowledge: this.knowledge, beyond });
    const effects = {
      host,
      replicated,
      knowledge: this.knowledge,
      processTable,
      beyond,
      advising: parts.advising,
      lookup: new CheckpointLookup({ host, knowledge: this.knowledge, others: () => this.others() }),
    };
    this.arbiterEffects = new ArbiterEffects(effects);
    this.placementEffects = new PlacementEffects(effects);
    this.ecuEffects = new EcuEffects(effects);
    const estimates = new MigrationEstimates({
      host,
      knowledge: this.knowledge,
      beyond,
      store,
      gain: parts.predicts === true ? { gainOf: async (move) => this.predictor?.gainOf(move) } : undefined,
      advising: parts.advising,
    });
    this.migrations = new MigrationEffects({ ...effects, estimates, duty: () => this.duty });
    const known = { replicated: this.replicated, knowledge: this.knowledge };
    const tellPower = async (mac: string, event: ActorEvent) => void (await this.replicated.deliver(`${POWER}${mac}`, event));
    this.wakeBeyond = new WakeBeyond({ host, knowledge: this.knowledge, beyond, tell: tellPower });
    const noPlace = (spec: TaskSpec) => this.wakeBeyond.wanted(spec);
    this.migrationRequests = new MigrationRequests({ ...known, estimates, noPlace });
    const chained = { requests: this.migrationRequests, estimates, beyond, lookup: effects.lookup };
    this.chainMoves = new ChainMoves({ host, ...known, ...chained });
    this.draining = new Draining({
      host,
      knowledge: this.knowledge,
      requests: this.migrationRequests,
      chains: this.chainMoves,
      keeps: (mac) => this.share.keeps(mac),
    });
    this.routes = new Routes({ host, ...known });
    const predictorKey = `predictor/${manager}`;
    this.predictor =
      parts.predicts !== true
        ? undefined
        : new Predictor({
            host,
            manager,
            knowledge: this.knowledge,
            requests: this.migrationRequests,
            chains: this.chainMoves,
            past: estimates.past,
            keeps: (mac) => this.share.keeps(mac),
            foresight: new Foresight({ host, manager, keepersOf: (mac) => this.share.keepersOf(mac) }),
            drawnBeyond: (specs) => beyond.drawnFor(specs),
            writes: (mac) => (this.share.keepersOf(mac) ?? this.peers.living())[0] === manager,
            shelf: parts.shelf,
            policy: parts.policy,
            fits: parts.fitter === undefined ? undefined : new BackgroundFits(host, parts.fitter),
            context: () => this.local.view(predictorKey)?.snapshot.context as PredictorContext | undefined,
            tell: (event) => this.tellLocal(predictorKey, event),
          });
    this.power = new PowerManager({
      host,
      knowledge: this.knowledge,
      requests: this.migrationRequests,
      decides: (mac) => (this.share.keepersOf(mac) ?? this.peers.living().sort())[0] === manager,
      outlook: (mac) => this.predictor?.outlookOf(mac),
      tell: tellPower,
      choice: parts.power,
    });
    const tell = (kind: string) => (id: string, event: Parameters<Shell['deliver']>[1]) =>
      this.tellLocal(`${kind}/${id}`, event);
    this.receiver = new CheckpointReceiver({
      host,
      manager,
      store,
      hasher: parts.hasher,
      knowledge: this.knowledge,
      receive: parts.receive,
      watched: () => (this.knowledge.elsewhere.size === 0 ? undefined : [...this.knowledge.descriptions.keys()]),
      tell: (task, event) => void tell('checkpoint')(task, event),
    });
    const keeping = { host, manager, store, knowledge: this.knowledge, peers: this.receiver.peers };
    this.catchUp = new CatchUp(keeping);
    const { upkeep, upkeepPolicy: policy = UPKEEP_DEFAULTS } = parts;
    const others = () => this.others();
    this.repair = upkeep === undefined ? undefined : new StoreRepair({ ...keeping, upkeep, others, policy });
    this.prover =
      parts.proving === undefined
        ? undefined
        : new Prover({
            ...keeping,
            ...parts.proving,
            living: () => this.peers.living(),
            keepersOf: (placement) => this.keepersOf(placement),
            occupied: () => (this.isRestoring() ? 'restoring' : this.receiver.pulling.size > 0 ? 'pulling' : undefined),
          });
    this.detector = new Detector({
      host,
      knowledge: this.knowledge,
      watches: (mac) => this.share.keeps(mac),
      certainDeath: (owner) => this.ecuEffects.certainDeath(owner),
      tell: (mac, event) => void this.tellEcu(mac, event),
    });
    this.peers = new Peers({
      host,
      manager,
      knowledge: this.knowledge,
      onGone: () => void this.share.taken().then(() => this.duty.takeOverFromTheDead()),
      onChanged: () => this.share.setLiving(this.peers.living()),
    });
    this.share = new ManagerShare({
      host,
      manager,
      inventory: parts.inventory,
      knowledge: this.knowledge,
      replicated: this.replicated,
      detector: this.detector,
      receiver: this.receiver,
    });
    this.duty = new Duty({ host, replicated: this.replicated, knowledge: this.knowledge });
    this.view = new ManagerView({
      ...{ host, manager, knowledge: this.knowledge, receiver: this.receiver, prover: this.prover },
      ...{ receive: parts.receive, upkeep, managers: () => this.peers.all() },
      ...{ advising: parts.advising, routes: () => this.routes, reservations: this.reservations },
      policy: parts.predicts === true ? (parts.policy ?? PREDICTION_POLICY) : undefined,
    });
    this.janitor = new Janitor({
      host,
      replicated: this.replicated,
      knowledge: this.knowledge,
      policy: parts.janitor ?? JANITOR_DEFAULTS,
      // Who wrote a record last may have nothing more to do with it where the fleet is shared out.
      tidies: (placement) => this.tidies(placement),
    });
  }

  private readonly arbiterEffects: ArbiterEffects;
  private readonly placementEffects: PlacementEffects;
  private readonly ecuEffects: EcuEffects;

  async start(): Promise<void> {
    const { host, parts } = this;
    const { incarnation } = host;
    await this.local.start();
    await this.local.deliver(`manager/${parts.manager}`, {
      type: 'MANAGER.STARTED',
      id: `started:${incarnation}`,
      incarnation,
    });
    this.cancels.push(await parts.inventory.follow((mac, description) => this.share.described(mac, description)));
    this.peers.start();
    await this.reservations?.start();
    await this.replicated.start();
    await this.receiver.start();
    this.catchUp.start();
    this.repair?.start();
    await this.prover?.start();
    this.detector.start();
    this.cancels.push(
      await host.bus.serve({ service: 'drover-manager', subject: managerSubject.call, queue: 'managers' }, (message) =>
        this.call(message),
      ),
      await host.bus.serve({ service: 'drover-manager', subject: managerSubject.pages(parts.manager) }, (message) =>
        this.receiver.serving.serve(message),
      ),
      await host.bus.serve({ service: 'drover-manager', subject: managerSubject.callOf(parts.manager) }, (message) =>
        this.call(message, 'here'),
      ),
      host.bus.onConnection((connected) => void this.connectionChanged(connected)),
    );
    this.duty.start();
    this.draining.start();
    this.power.start();
    this.wakeBeyond.start();
    this.janitor.start();
    this.predictor?.start();
    this.routes.start();
    void this.receiver.sayAgain();
  }

  async stop(reason: string): Promise<void> {
    for (const cancel of this.cancels.splice(0)) cancel();
    this.board?.stop();
    this.repair?.stop();
    this.prover?.stop();
    this.predictor?.stop();
    this.reservations?.stop();
    for (const part of [
      this.janitor,
      this.duty,
      this.draining,
      this.power,
      this.wakeBeyond,
      this.routes,
      this.detector,
      this.catchUp,
      this.peers,
      this.receiver,
    ])
      part.stop();
    await this.local.deliver(`manager/${this.parts.manager}`, {
      type: 'MANAGER.LEFT',
      id: `left:${this.host.incarnation}`,
      reason,
    });
    this.replicated.stop();
    this.local.stop();
  }

  /** How many living managers come before this one for what one of them should do. */
  rankOf(key: string): number {
    return this.share.rankOf(key);
  }

  /** The store found damage in what it was asked for. */
  storeDamaged(): void {
    this.repair?.noticed();
  }

  private perform(open: OpenEffect): Promise<EffectOutcome> {
    const kind = open.actor.slice(0, open.actor.indexOf('/'));
    switch (kind) {
      case 'arbiter':
        return this.arbiterEffects.perform(open);
      case 'placement':
        return this.placementEffects.perform(open);
      case 'ecu':
        return this.ecuEffects.perform(open);
      case 'migration':
        return this.migrations.perform(open);
      case 'drain':
        return this.draining.perform(open.effect as DrainEffect);
      case 'power':
        return this.power.perform(open.effect as PowerEffect);
      case 'chain':
        return this.chainMoves.perform(open);
      case 'route':
        return this.routes.perform(open);
      case 'predictor':
        // Who does not predict any more leaves its proposals unjudged until it does again.
        return (
          this.predictor?.perform(open.effect as PredictorEffect) ??
          Promise.resolve({ kind: 'again', afterUs: PASSED_ON_TIMEOUT_US })
        );
      default:
        return this.receiver.perform(open);
    }
  }

  /** The other managers that live. */
  private others(): string[] {
    return this.peers.living().filter((id) => id !== this.parts.manager);
  }

  private tidies(placement: PlacementView): boolean {
    const keepers = this.keepersOf(placement);
    return keepers === undefined ? placement.view.record.writer === this.host.id : keepers[0] === this.parts.manager;
  }

  private keepersOf({ view, context }: PlacementView): readonly string[] | undefined {
    return this.share.keepersOf(shareKeyOf(view) ?? context.task);
  }

  /** Anybody's: all of them read from the stores and share the machine. */
  private isRestoring(): boolean {
    for (const { context } of this.knowledge.openArbiters()) if (!waitsForCapacity(context)) return true;
    return false;
  }

  private async tellLocal(actor: string, event: Parameters<Shell['deliver']>[1]): Promise<void> {
    try {
      await this.local.deliver(actor, event);
    } catch (cause) {
      this.host.counters.add('manager.localRecordFailed');
      this.host.log.error('a local record could not be written', { actor, event: event.type, cause });
    }
  }

  private async tellEcu(mac: string, event: Parameters<Shell['deliver']>[1]): Promise<void> {
    await this.tellLocal(`ecu/${mac}`, event);
    // Only now a plan sees the ECU as it is.
    if (event.type === 'ECU.APPEARED' || event.type === 'ECU.SHOWED_LIFE')
      await this.duty.capacityReturned(`${mac}:${event.id}`);
  }

  /** One that is to be awake is watched again, and may take what waits. */
  private powerChanged({ actor, record }: ActorView): void {
    const mac = actor.slice(POWER.length);
    const description = this.knowledge.descriptions.get(mac);
    if (this.knowledge.index.power.get(mac)?.state !== 'awake' || description === undefined) return;
    this.detector.expect(mac, description.incarnation);
    void this.duty.capacityReturned(`${actor}:${record.revision}`);
  }

  private async connectionChanged(connected: boolean): Promise<void> {
    const type = connected ? 'CONNECTION.RESTORED' : 'CONNECTION.LOST';
    await this.tellLocal(`manager/${this.parts.manager}`, {
      type,
      id: `${type}:${this.host.incarnation}:${this.host.clock.monotonicUs()}`,
    });
    if (connected) await this.receiver.sayAgain();
  }

  // ——— calls ———

  /** `anywhere`: another manager may know better. */
  private async call(message: BusMessage, where: 'here' | 'anywhere' = 'anywhere'): Promise<Uint8Array> {
    const decoded = decodeManagerCall(message.payload);
    if (!decoded.ok) {
      this.host.counters.add(`wire.${decoded.error.kind}`);
      const { code, sentence } = decoded.error;
      return encodeManagerAnswer(envelope(this.host, { kind: 'refused', code, sentence } as const));
    }
    const share = () => this.share;
    const about = { manager: this.parts.manager, knowledge: this.knowledge, replicated: this.replicated, share };
    for (const better of where === 'here' ? [] : await betterPlaced(about, decoded.value.body)) {
      try {
        return await this.host.bus.request(managerSubject.callOf(better), message.payload, { timeoutUs: PASSED_ON_TIMEOUT_US });
      } catch (cause) {
        this.host.log.info('a call could not be passed on; the next one is asked, or it is answered here', {
          manager: better,
          cause,
        });
      }
    }
    const { id, sentAtUs } = decoded.value;
    const answer = await this.answer(decoded.value.body, id, sentAtUs);
    return encodeManagerAnswer(envelope(this.host, answer, decoded.value.trace));
  }

  private async answer(call: ManagerCall, id: string, sentAtUs: number): Promise<ManagerAnswer> {
    switch (call.kind) {
      case 'declare-task': {
        const { name } = call.spec;
        const placement = await this.knowledge.freshPlacement(name);
        if (placement !== undefined && !['undeclared', 'removed', 'crashed'].includes(placement.state)) {
          return {
            kind: 'refused',
            code: 'ERR_TASK_EXISTS',
            sentence: `task ${name} exists and is ${placement.state}; remove it first`,
          };
        }
        const unfit = await this.routes.whyNot(call.spec);
        if (unfit !== undefined) return { kind: 'refused', ...unfit };
        await this.replicated.deliver(`placement/${name}`, { type: 'TASK.DECLARED', id: `declare:${id}`, spec: call.spec });
        if (call.spec.inputs.from !== undefined) await this.routes.look(name);
        return { kind: 'accepted' };
      }
      case 'remove-task': {
        const placement = await this.knowledge.freshPlacement(call.task);
        if (placement === undefined || placement.state === 'removed')
          return { kind: 'refused', code: 'ERR_NO_TASK', sentence: `there is no task ${call.task}` };
        await this.replicated.deliver(`placement/${call.task}`, { type: 'TASK.REMOVED', id: `remove:${id}` });
        if (placement.context.spec?.inputs.from !== undefined) await this.routes.look(call.task);
        return { kind: 'accepted' };
      }
      case 'instance-report':
        return takeInstanceReport({ host: this.host, replicated: this.replicated, knowledge: this.knowledge }, call);
      case 'request-restore':
        return this.requestRestore(call, id);
      case 'migrate-task':
        return this.migrationRequests.ask(call, id);
      case 'migrate-chain':
        return this.chainMoves.ask(call, id);
      case 'drain-ecu':
        return this.drain(call, id);
      case 'reserve':
        return this.reservations?.reserve(call.booking, `${id}@${sentAtUs}`) ?? NOTHING_RESERVED;
      case 'cancel-reservation':
        return this.reservations?.cancel(call.id) ?? NOTHING_RESERVED;
      case 'query-forecast':
        return this.predictor?.forecast(call) ?? NOTHING_FORESEEN;
      case 'query-foresight':
        return { kind: 'foresight', ecus: this.predictor?.foresee(call) ?? [] };
      case 'query-fleet':
        return { kind: 'fleet', fleet: this.fleet() };
      case 'query-checkpoints':
        return { kind: 'checkpoints', references: call.tasks.flatMap((task) => this.knowledge.known(task)) };
    }
  }

  /** The second reason to restore: the task runs, and is to run elsewhere. It is known by where it runs, and moved like all. */
  private async requestRestore(request: RestoreRequest, id: string): Promise<ManagerAnswer> {
    const { mac, programId, target, opcode, reason } = request;
    const task = this.receiver.taskOf(mac, programId);
    const placement = task === undefined ? undefined : await this.knowledge.freshPlacement(task);
    if (task === undefined || placement?.context.owner?.mac !== mac) {
      const sentence = `no task of which a checkpoint is known runs as program ${programId} on ${mac}`;
      return { kind: 'refused', code: 'ERR_NO_TASK', sentence };
    }
    const call = { task, target, dryRun: false, opcode, mode: undefined, costMax: undefined, reason };
    return this.migrationRequests.ask(call, id);
  }

  private async drain({ mac, undo, reason }: Extract<ManagerCall, { kind: 'drain-ecu' }>, id: string): Promise<ManagerAnswer> {
    if (!this.knowledge.descriptions.has(mac) && !this.knowledge.elsewhere.has(mac))
      return { kind: 'refused', code: 'ERR_NO_ECU', sentence: `there is no ECU ${mac}` };
    const event = undo ? { type: 'DRAIN.UNDONE' } : { type: 'DRAIN.ASKED', reason };
    await this.replicated.deliver(`drain/${mac}`, { ...event, id: `drain:${id}` });
    return { kind: 'accepted' };
  }

  fleet(): FleetView {
    return this.view.fleet();
  }
}
