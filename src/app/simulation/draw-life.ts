/**
 * What one seed draws for the life of a fleet: its size, its machines, its links, its tasks, its weather and where its
 * processes may die. Swarm testing: whole kinds of fault are left out of a life as well, for what they would hide.
 *
 * Without a given size a seed draws what it always drew, in this order, and what was added later from a stream of its own: the
 * seeds that once found something (`test/sim/seeds.json`) still find it.
 */
import type { JanitorPolicy } from '../../../actors/janitor.ts';
import type { ClockFaults } from '../../../infra/sim/clock.ts';
import { drawLinkOptions, type LinkOptions, type RangeUs } from '../../../infra/sim/network.ts';
import { drawWeather, type WeatherOptions } from '../../../infra/sim/weather.ts';
import { RECEIVE_STRATEGIES, type ReceiveChoice, type ReceiveStrategy } from '../../domain/checkpoint/receiving.ts';
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import type { EcuScheduling } from '../../domain/model/ecu.ts';
import type { HostId } from '../../domain/model/ids.ts';
import { type ManagerPlan, macOf, type TaskDraft } from './fleet-world.ts';
import type { OwnFleet } from './own-fleet.ts';
import { bridgeOf, type EcuPlan, supervisorOf } from './simulated-ecu.ts';
import { managerHost } from './simulated-manager.ts';

/** What is not left to the seed. */
export interface LifeSize {
  readonly ecus?: number;
  readonly tasks?: number;
  readonly managers?: number;
  /** How long the faults last, before everything heals. */
  readonly faultsUs?: number;
  /** A user's own: what else there is (links, weather, clocks, deaths) is drawn all the same. */
  readonly own?: OwnFleet;
}

export interface DrawnLife {
  readonly ecus: readonly EcuPlan[];
  readonly managers: readonly ManagerPlan[];
  readonly crashPointsPpm: number;
  readonly replicas: 1 | 3;
  readonly janitor: JanitorPolicy;
  readonly link: LinkOptions;
  readonly broker: { readonly systemAccount: boolean; readonly atomicBatches: boolean };
  readonly faultsUs: number;
  readonly tasks: readonly TaskDraft[];
  readonly weather: Pick<WeatherOptions, 'kinds' | 'everyUs' | 'lastsUs' | 'badLinks' | 'wrongClocks'>;
  /** Undefined: hosts that know no other way than to notify. */
  readonly receive: ReceiveChoice | undefined;
  /** Checkpoints that each manager tries a minute. */
  readonly provesPerMinute: number;
  /** What stores that do not wait for the disk lose with the power: so much of the last moments; undefined: nothing. */
  readonly unsyncedUs: RangeUs | undefined;
  /** Hosts whose clocks are wrong. */
  readonly clocks: Readonly<Record<HostId, ClockFaults>>;
  /** Between two times that somebody asks for a task to run elsewhere; undefined: nobody does. */
  readonly movesEveryUs: RangeUs | undefined;
  /** Between two times that somebody has an ECU emptied; undefined: nobody does. */
  readonly drainsEveryUs: RangeUs | undefined;
  /** Whether people choose another receiving strategy meanwhile. */
  readonly changesReceiving: boolean;
}

export interface DrawnWithPeople {
  readonly life: DrawnLife;
  /** What people do meanwhile is drawn as it comes. */
  readonly people: Rng;
}

const TASK_BYTES = 16 * 1024 * 1024;
/** A core bears so many tasks of the shortest period that is drawn. */
const TASKS_PER_CORE = 8;

export function drawLife(seed: number, size: LifeSize = {}): DrawnWithPeople {
  const draw = createRng(seed, 'fleet');
  const drawnEcus = 2 + draw.below(4);
  const ecuCount = size.ecus ?? drawnEcus;
  // There is room for every task when all ECUs are back, whatever was asked for.
  const leastPlaces = Math.max(3, size.tasks === undefined ? 0 : 1 + Math.ceil(size.tasks / ecuCount));
  const drawnFleet: EcuPlan[] = Array.from({ length: ecuCount }, (_, at) => {
    const places = leastPlaces + draw.below(5);
    return { mac: macOf(at + 1), cores: Math.max(2, Math.ceil(places / TASKS_PER_CORE)), memoryBytes: places * TASK_BYTES };
  });
  const shared = draw.below(3) === 0;
  const drawnManagers = 2 + draw.below(2);
  const managersDrawn: ManagerPlan[] = Array.from({ length: size.managers ?? drawnManagers }, (_, at) => {
    const ecu = shared ? drawnFleet[at] : undefined;
    return { name: `m${at + 1}`, ...(ecu === undefined ? {} : { onEcu: ecu.mac }) };
  });
  const crashPointsPpm = draw.below(2) === 0 ? 0 : draw.below(4_000);
  const replicas = draw.below(2) === 0 ? 1 : 3;
  const janitor = {
    everyUs: 100_000 + draw.below(1_000_000),
    outputsKept: 1 + draw.below(50),
    recordsKept: 1 + draw.below(20),
  };
  const link = drawLinkOptions(draw);
  const broker = { systemAccount: draw.below(4) !== 0, atomicBatches: draw.below(2) === 0 };
  const drawnFaultsUs = 1_500_000 + draw.below(3_500_000);
  const people = draw.stream('life');
  const drawnTasks = 1 + people.below(5);
  const more = draw.stream('more');
  const isPlain = more.below(3) === 0;
  const tasksDrawn = Array.from({ length: size.tasks ?? drawnTasks }, (_, at) => {
    const task = drawTask(people, at);
    if (isPlain) return task;
    const standbys = more.below(3);
    const hardDeadline = (task.periodUs ?? 0) > 0 && more.below(3) === 0;
    return { ...task, hardDeadline, priority: 1 + more.below(20), checkpoint: { ...task.checkpoint, standbys } };
  });
  const chained = isPlain ? tasksDrawn : drawChains(draw.stream('chains'), tasksDrawn);
  const faultsUs = size.faultsUs ?? drawnFaultsUs;
  const schedulers = createRng(seed, 'schedulers');
  const scheduled = drawnFleet.map((ecu) => ({ ...ecu, scheduling: drawScheduling(schedulers) }));
  const { ecus, managers } = size.own ?? { ecus: scheduled, managers: managersDrawn };
  const tasks = size.own?.tasks.map(({ draft }) => draft) ?? chained;
  const hosts = [
    ...ecus.flatMap(({ mac }) => [bridgeOf(mac), supervisorOf(mac)]),
    ...managers.map(({ name }) => managerHost(name)),
  ];
  const common = { ecus, managers, crashPointsPpm, replicas, janitor, link, broker, faultsUs, tasks } as Omit<
    DrawnLife,
    keyof Added
  >;
  return { life: { ...common, weather: drawWeather(draw), ...(isPlain ? PLAIN : drawMore(more, hosts)) }, people };
}

/** In half of the lives that are not plain, some tasks are fed by one that was declared before them, and some cannot be kept up with. */
function drawChains(rng: Rng, tasks: readonly TaskDraft[]): readonly TaskDraft[] {
  if (rng.below(2) !== 0) return tasks;
  const runtimes = rng.stream('runtimes');
  return tasks.map((plain, at) => {
    const task = runtimes.below(5) === 0 ? { ...plain, runtime: 'process' as const } : plain;
    return at === 0 || rng.below(3) === 0 ? task : { ...task, inputs: { ...task.inputs, from: `task-${1 + rng.below(at)}` } };
  });
}

type Added = Pick<
  DrawnLife,
  'receive' | 'provesPerMinute' | 'unsyncedUs' | 'clocks' | 'movesEveryUs' | 'drainsEveryUs' | 'changesReceiving'
> & {
  readonly weather: unknown;
};
type More = Omit<Added, 'weather'>;

const PLAIN: More = {
  receive: undefined,
  provesPerMinute: 0,
  unsyncedUs: undefined,
  clocks: {},
  movesEveryUs: undefined,
  drainsEveryUs: undefined,
  changesReceiving: false,
};

function drawMore(rng: Rng, hosts: readonly HostId[]): More {
  const sometimes = <T>(value: () => T): T | undefined => (rng.below(2) === 0 ? value() : undefined);
  const receive = rng.below(3) === 0 ? undefined : drawReceiving(rng);
  const drains = rng.stream('drains');
  const wrong = hosts.filter(() => rng.below(3) === 0);
  return {
    receive,
    provesPerMinute: sometimes(() => 30 + rng.below(600)) ?? 0,
    unsyncedUs: sometimes(() => ({ min: 1_000, max: 2_000 + rng.below(3_000_000) })),
    clocks: Object.fromEntries(wrong.map((host) => [host, drawClock(rng)])),
    movesEveryUs: sometimes(() => ({ min: 10_000, max: 20_000 + rng.below(2_000_000) })),
    drainsEveryUs: drains.below(3) === 0 ? { min: 200_000, max: 400_000 + drains.below(2_000_000) } : undefined,
    changesReceiving: receive !== undefined && rng.below(3) === 0,
  };
}

/** Every scheduler with a test that one core can have, so that each life has several; drover's own is the most frequent. */
function drawScheduling(rng: Rng): EcuScheduling {
  const scheduler = rng.below(3) === 0 ? 'edf' : 'fp';
  const nonPreemptive = rng.below(3) !== 0;
  return { scheduler, bound: true, ...(nonPreemptive ? { nonPreemptive } : {}) };
}

export function drawReceiving(rng: Rng): ReceiveChoice {
  const strategy = RECEIVE_STRATEGIES[rng.below(RECEIVE_STRATEGIES.length)] as ReceiveStrategy;
  return { strategy, intervalUs: 20_000 + rng.below(1_000_000) };
}

/** A monotonic clock that began at another time and goes a little wrong, and a wall clock that is far from the others'. */
const drawClock = (rng: Rng): ClockFaults => ({
  monotonicOffsetUs: rng.below(1_000_000_000),
  driftPpm: rng.below(200) - 100,
  wallErrorUs: rng.below(200_000_000) - 100_000_000,
});

const drawTask = (rng: Rng, at: number): TaskDraft => ({
  name: `task-${at + 1}`,
  periodUs: rng.below(3) === 0 ? 0 : 5_000 + rng.below(60_000),
  wcetUs: 500,
  criticality: rng.below(5),
  checkpoint: { intervalUs: 10_000 + rng.below(200_000), chainMax: rng.below(8), quorum: 1 + rng.below(2), standbys: 1 },
  inputs: { catchUpTicks: rng.below(4) === 0, backlogMax: 100 },
});
