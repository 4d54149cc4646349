/**
 * The life of one random fleet, played from one seed (`draw-life.ts`): a phase of faults, then healing, then every promise
 * must hold again. What it did and suffered can be asked for at any time, also after it has failed.
 */
import { CALM_DISK } from '../../../infra/sim/disk.ts';
import { drawUs, type RangeUs } from '../../../infra/sim/network.ts';
import { Weather, type WeatherKind } from '../../../infra/sim/weather.ts';
import type { Rng } from '../../domain/kernel/rng.ts';
import type { MigrationMode } from '../../domain/migration/estimate.ts';
import { streams } from '../../domain/protocol/subjects.ts';
import { NO_PLANTS, type Plants } from '../../ports/plants.ts';
import { bookCapacity, type People } from './booking-people.ts';
import { type DeadlineCount, DeadlineWatch } from './deadline-watch.ts';
import { type Downtime, DowntimeWatch } from './downtime-watch.ts';
import { type DrawnLife, drawLife, drawReceiving, type LifeSize } from './draw-life.ts';
import { FleetWorld, type TaskDraft } from './fleet-world.ts';
import { bridgeOf, machineOf, supervisorOf } from './simulated-ecu.ts';
import { managerHost, storeOf } from './simulated-manager.ts';

export interface LifeOptions extends LifeSize {
  readonly plants?: Plants;
  /** The faults end here, before the time that was drawn: the same life up to this moment. */
  readonly calmAtUs?: number;
}

export interface RandomOutcome {
  readonly seed: number;
  readonly fingerprint: string;
  readonly faults: number;
  readonly restores: number;
  readonly outputs: number;
  /** Ticks that were due, done too late, and never released. */
  readonly deadlines: DeadlineCount;
  /** Of a user's own fleet: whenever a task did not run. */
  readonly downtimes: readonly Downtime[];
  readonly steps: number;
  /** From the healing of the world until every promise held. */
  readonly healedUs: number;
  readonly simulatedUs: number;
}

export interface FaultSuffered {
  readonly atUs: number;
  readonly kind: WeatherKind | 'crash-point';
  readonly what: string;
  readonly forUs: number | undefined;
}

const HEALING_US = 15_000_000;
/** And where ECUs sleep: each task that leaves one may wait for 8 s at either end until its checkpoint is durable. */
const NIGHT_HEALING_US = 60_000_000;
const NIGHT_US = 4_000_000;
const MODES: readonly MigrationMode[] = ['live', 'stop-and-copy', 'cold'];

/** Fails where a promise is broken. */
export async function playRandomFleet(seed: number, options: LifeOptions = {}): Promise<RandomOutcome> {
  const life = new RandomLife(seed, options);
  await life.play();
  return life.outcome();
}

export class RandomLife {
  readonly seed: number;
  readonly drawn: DrawnLife;
  readonly fleet: FleetWorld;
  private readonly people: Rng;
  private readonly calmAtUs: number;
  private readonly isOwn: boolean;
  private readonly deadlines = new DeadlineWatch();
  private readonly downtimes: DowntimeWatch | undefined;
  private weather: Weather | undefined;
  private healedUs: number | undefined;

  constructor(seed: number, options: LifeOptions = {}) {
    this.seed = seed;
    const { life, people } = drawLife(seed, options);
    this.drawn = life;
    this.people = people;
    this.isOwn = options.own !== undefined;
    this.calmAtUs = Math.min(life.faultsUs, options.calmAtUs ?? life.faultsUs);
    const {
      ecus,
      managers,
      replicas,
      janitor,
      link,
      broker,
      crashPointsPpm,
      receive,
      provesPerMinute,
      unsyncedUs,
      clocks,
      power,
    } = life;
    this.fleet = new FleetWorld({
      seed,
      plants: options.plants ?? NO_PLANTS,
      ecus,
      managers,
      replicas,
      janitor,
      provesPerMinute,
      ...(receive === undefined ? {} : { receive }),
      ...(power === undefined ? {} : { power }),
      reserves: life.booksEveryUs !== undefined,
      world: {
        diskOf: () => (unsyncedUs === undefined ? undefined : { ...CALM_DISK, syncUs: unsyncedUs }),
        clockOf: (host) => clocks[host],
        runtime: {
          onJob: this.deadlines.onJob,
          // A user's tasks take their own time.
          ...(this.isOwn ? { executionUs: ({ wcetUs }) => ({ min: Math.max(1, wcetUs >> 1), max: Math.max(1, wcetUs) }) } : {}),
        },
        link,
        broker,
        drawn: { perMillion: crashPointsPpm, actions: ['kill', 'freeze'], forUs: { min: 1_000, max: 1_000_000 } },
      },
    });
    this.deadlines.watch(this.fleet.world, (task) => this.fleet.truth.placements.get(task)?.context.spec);
    this.downtimes = this.isOwn ? new DowntimeWatch(this.fleet) : undefined;
  }

  async play(): Promise<void> {
    const { fleet, drawn } = this;
    const { world } = fleet;
    fleet.start();
    const people = { fleet, drafts: drawn.tasks, untilUs: this.calmAtUs };
    void live({ ...people, untilUs: drawn.faultsUs, rng: this.people, removes: !this.isOwn });
    if (drawn.movesEveryUs !== undefined) void askForMoves({ ...people, rng: this.people.stream('moves') }, drawn.movesEveryUs);
    if (drawn.drainsEveryUs !== undefined)
      void emptyEcus({ ...people, rng: this.people.stream('drains') }, drawn.drainsEveryUs);
    if (drawn.booksEveryUs !== undefined)
      void bookCapacity({ ...people, rng: this.people.stream('bookings') }, drawn.booksEveryUs);
    if (drawn.changesReceiving) void changeReceiving({ ...people, rng: this.people.stream('receiving') });
    const hosts = [
      ...[...fleet.ecus.keys()].flatMap((mac) => [bridgeOf(mac), supervisorOf(mac)]),
      ...[...fleet.managers.keys()].map(managerHost),
    ];
    const names = [streams.inputs(0), streams.outputs(0), streams.actors(0), streams.checkpoints];
    const stores = drawn.managers.map(({ name, onEcu }) => storeOf(name, onEcu === undefined ? undefined : machineOf(onEcu)));
    await world.run({ untilUs: Math.min(drawn.quietUs, this.calmAtUs) });
    this.weather = new Weather(world, { ...drawn.weather, hosts, streams: names, stores });
    await world.run({ untilUs: this.calmAtUs });
    world.book.logOf('weather').info('calm', {});
    this.weather.calm();
    await fleet.settle(drawn.power === undefined ? HEALING_US : NIGHT_HEALING_US);
    this.healedUs = world.scheduler.nowUs() - this.calmAtUs;
    if (drawn.power === undefined) return;
    // And falls asleep again.
    await fleet.elapse(NIGHT_US);
    await fleet.settle(NIGHT_HEALING_US);
  }

  outcome(): RandomOutcome {
    const { world } = this.fleet;
    const simulatedUs = world.scheduler.nowUs();
    return {
      seed: this.seed,
      fingerprint: world.fingerprint(),
      faults: this.suffered().length,
      restores: world.judges.markers,
      outputs: world.judges.outputs,
      deadlines: this.deadlines.all(),
      downtimes: this.downtimes?.past ?? [],
      steps: world.scheduler.steps(),
      healedUs: this.healedUs ?? simulatedUs - this.calmAtUs,
      simulatedUs,
    };
  }

  /** Everything that was inflicted so far, in order of time. */
  suffered(): readonly FaultSuffered[] {
    const points = this.fleet.world.plan.done.map(({ atUs, host, point, nth, action, forUs }) => {
      return { atUs, kind: 'crash-point', what: `${action} ${host} at ${point} no. ${nth}`, forUs } as const;
    });
    return [...(this.weather?.log ?? []), ...points].sort((a, b) => a.atUs - b.atUs);
  }
}

/** What people do meanwhile: declare tasks, feed them, now and then take one away and declare it again. */
async function live({ fleet, drafts, rng, untilUs, removes }: People & { readonly removes: boolean }): Promise<void> {
  fleet.peopleAtWork++;
  const { scheduler } = fleet.world;
  const sleep = (us: number): Promise<void> => new Promise((resolve) => scheduler.after(us, resolve));
  for (const [at, draft] of drafts.entries()) {
    await fleet.declare(draft);
    const fed = rng.below(3) > 0 || draft.periodUs === 0;
    // Some that other tasks feed get data by hand in between.
    if (fed && (draft.inputs?.from === undefined || at % 2 === 0))
      fleet.feed({ task: draft.name, count: 10 + rng.below(100), everyUs: 1_000 + rng.below(30_000) });
    await sleep(rng.below(100_000));
  }
  while (removes && scheduler.nowUs() < untilUs && rng.below(2) === 0) {
    const draft = drafts[rng.below(drafts.length)] as TaskDraft;
    await sleep(rng.below(1_000_000));
    await fleet.remove(draft.name);
    await sleep(rng.below(300_000));
    for (;;) {
      const answer = await fleet.declare(draft);
      // Refused as existing: its own declaration, whose answer was lost.
      const state = fleet.truth.placements.get(draft.name)?.state ?? '';
      if (answer.kind === 'accepted' || (state !== 'removing' && state !== 'removed')) break;
      await sleep(20_000);
    }
  }
  fleet.peopleAtWork--;
}

/** An overloaded ECU, or a person, asks for a task to run elsewhere, to no particular place or to one: also when it is no good time. */
async function askForMoves({ fleet, drafts, rng, untilUs }: People, everyUs: RangeUs): Promise<void> {
  const { scheduler } = fleet.world;
  const macs = [...fleet.ecus.keys()];
  // Drawn apart, as whatever was added later: what was drawn before keeps its values.
  const how = rng.stream('how');
  const chains = rng.stream('chains');
  for (;;) {
    await new Promise<void>((resolve) => void scheduler.after(drawUs(rng, everyUs), resolve));
    if (scheduler.nowUs() >= untilUs) return;
    const { name } = drafts[rng.below(drafts.length)] as TaskDraft;
    const target = rng.below(2) === 0 ? undefined : macs[rng.below(macs.length)];
    if (fleet.owner(name) === undefined) continue;
    fleet.truth.note(`somebody asks for ${name} to go to ${target ?? 'any other ECU'}`);
    const mode = MODES[how.below(MODES.length + 1)];
    const isChained =
      drafts.some((draft) => draft.inputs?.from === name) ||
      drafts.some((draft) => draft.name === name && draft.inputs?.from !== undefined);
    if (isChained && chains.below(2) === 0) {
      await fleet.migrateChain(name, target);
      continue;
    }
    await (how.below(2) === 0 ? fleet.move(name, target) : fleet.migrate(name, { target, mode }));
  }
}

/** Somebody has an ECU emptied, and needs it again after a while; at the end nothing is to be empty. */
async function emptyEcus({ fleet, rng, untilUs }: People, everyUs: RangeUs): Promise<void> {
  const { scheduler } = fleet.world;
  const macs = [...fleet.ecus.keys()];
  const sleep = (us: number): Promise<void> => new Promise((resolve) => void scheduler.after(us, resolve));
  for (;;) {
    await sleep(drawUs(rng, everyUs));
    if (scheduler.nowUs() >= untilUs) return;
    const mac = macs[rng.below(macs.length)] as string;
    fleet.truth.note(`somebody has ECU ${mac} emptied`);
    await fleet.drain(mac);
    await sleep(drawUs(rng, everyUs));
    fleet.truth.note(`somebody needs ECU ${mac} again`);
    await fleet.drain(mac, true);
  }
}

/** Another strategy for the whole fleet, in the middle of everything. */
async function changeReceiving({ fleet, rng, untilUs }: People): Promise<void> {
  const { scheduler } = fleet.world;
  for (;;) {
    await new Promise<void>((resolve) => void scheduler.after(100_000 + rng.below(2_000_000), resolve));
    if (scheduler.nowUs() >= untilUs) return;
    const choice = drawReceiving(rng);
    fleet.truth.note(`checkpoints are received by ${choice.strategy}, every ${choice.intervalUs} µs`);
    await fleet.client.chooseReceiving(choice);
  }
}
