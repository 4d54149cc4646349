/**
 * What one seed draws for the life of a fleet: its size, its machines, its links, its tasks, its weather and where its
 * processes may die. Swarm testing: whole kinds of fault are left out of a life as well, for what they would hide.
 *
 * Without a given size a seed draws what it always drew, in this order: the seeds that once found something
 * (`test/sim/seeds.json`) still find it.
 */
import type { JanitorPolicy } from '../../../actors/janitor.ts';
import { drawLinkOptions, type LinkOptions } from '../../../infra/sim/network.ts';
import { drawWeather, type WeatherOptions } from '../../../infra/sim/weather.ts';
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import { type ManagerPlan, macOf, type TaskDraft } from './fleet-world.ts';
import type { EcuPlan } from './simulated-ecu.ts';

/** What is not left to the seed. */
export interface LifeSize {
  readonly ecus?: number;
  readonly tasks?: number;
  readonly managers?: number;
  /** How long the faults last, before everything heals. */
  readonly faultsUs?: number;
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
  readonly weather: Pick<WeatherOptions, 'kinds' | 'everyUs' | 'lastsUs' | 'badLinks'>;
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
  const ecus: EcuPlan[] = Array.from({ length: ecuCount }, (_, at) => {
    const places = leastPlaces + draw.below(5);
    return { mac: macOf(at + 1), cores: Math.max(2, Math.ceil(places / TASKS_PER_CORE)), memoryBytes: places * TASK_BYTES };
  });
  const shared = draw.below(3) === 0;
  const drawnManagers = 2 + draw.below(2);
  const managers: ManagerPlan[] = Array.from({ length: size.managers ?? drawnManagers }, (_, at) => {
    const ecu = shared ? ecus[at] : undefined;
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
  const tasks = Array.from({ length: size.tasks ?? drawnTasks }, (_, at) => drawTask(people, at));
  const faultsUs = size.faultsUs ?? drawnFaultsUs;
  const life = { ecus, managers, crashPointsPpm, replicas, janitor, link, broker, faultsUs, tasks, weather: drawWeather(draw) };
  return { life: life as DrawnLife, people };
}

const drawTask = (rng: Rng, at: number): TaskDraft => ({
  name: `task-${at + 1}`,
  periodUs: rng.below(3) === 0 ? 0 : 5_000 + rng.below(60_000),
  wcetUs: 500,
  criticality: rng.below(5),
  checkpoint: { intervalUs: 10_000 + rng.below(200_000), chainMax: rng.below(8), quorum: 1 + rng.below(2), standbys: 1 },
  inputs: { catchUpTicks: rng.below(4) === 0, backlogMax: 100 },
});
