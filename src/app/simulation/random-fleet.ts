/**
 * One random fleet, played from one seed: its size, its tasks, its links, its weather and its crash points are all drawn
 * (swarm testing: whole kinds of fault are left out of a run as well). A phase of faults, then healing, then every promise
 * must hold again.
 */
import { drawLinkOptions } from '../../../infra/sim/network.ts';
import { drawWeather, Weather } from '../../../infra/sim/weather.ts';
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import { streams } from '../../domain/protocol/subjects.ts';
import { FleetWorld, type ManagerPlan, macOf, type TaskDraft } from './fleet-world.ts';
import { bridgeOf, type EcuPlan, supervisorOf } from './simulated-ecu.ts';
import { managerHost } from './simulated-manager.ts';

export interface RandomOutcome {
  readonly seed: number;
  readonly fingerprint: string;
  readonly faults: number;
  readonly restores: number;
  readonly outputs: number;
  readonly steps: number;
  /** From the healing of the world until every promise held. */
  readonly healedUs: number;
}

const MIB = 1024 * 1024;
const HEALING_US = 15_000_000;

export async function playRandomFleet(seed: number): Promise<RandomOutcome> {
  const draw = createRng(seed, 'fleet');
  const fleet = drawFleet(seed, draw);
  const { world } = fleet;
  fleet.start();
  const faultsUs = 1_500_000 + draw.below(3_500_000);
  void live(fleet, draw.stream('life'), faultsUs);
  const hosts = [
    ...[...fleet.ecus.keys()].flatMap((mac) => [bridgeOf(mac), supervisorOf(mac)]),
    ...[...fleet.managers.keys()].map(managerHost),
  ];
  const names = [streams.inputs(0), streams.outputs(0), streams.actors(0), streams.checkpoints];
  const weather = new Weather(world, { ...drawWeather(draw), hosts, streams: names });
  await world.run({ untilUs: faultsUs });
  world.book.logOf('weather').info('calm', {});
  weather.calm();
  await fleet.settle(HEALING_US);
  const restores = world.judges.markers;
  return {
    seed,
    fingerprint: world.fingerprint(),
    faults: weather.log.length + world.plan.done.length,
    restores,
    outputs: world.judges.outputs,
    steps: world.scheduler.steps(),
    healedUs: world.scheduler.nowUs() - faultsUs,
  };
}

function drawFleet(seed: number, draw: Rng): FleetWorld {
  const ecus: EcuPlan[] = Array.from({ length: 2 + draw.below(4) }, (_, at) => ({
    mac: macOf(at + 1),
    memoryBytes: (3 + draw.below(5)) * 16 * MIB,
  }));
  const shared = draw.below(3) === 0;
  const managers: ManagerPlan[] = Array.from({ length: 2 + draw.below(2) }, (_, at) => {
    const ecu = shared ? ecus[at] : undefined;
    return { name: `m${at + 1}`, ...(ecu === undefined ? {} : { onEcu: ecu.mac }) };
  });
  const crashPoints = draw.below(2) === 0 ? 0 : draw.below(4_000);
  return new FleetWorld({
    seed,
    ecus,
    managers,
    replicas: draw.below(2) === 0 ? 1 : 3,
    janitor: { everyUs: 100_000 + draw.below(1_000_000), outputsKept: 1 + draw.below(50), recordsKept: 1 + draw.below(20) },
    world: {
      link: drawLinkOptions(draw),
      broker: { systemAccount: draw.below(4) !== 0, atomicBatches: draw.below(2) === 0 },
      drawn: { perMillion: crashPoints, actions: ['kill', 'freeze'], forUs: { min: 1_000, max: 1_000_000 } },
    },
  });
}

/** What people do meanwhile: declare tasks, feed them, now and then take one away and declare it again. */
async function live(fleet: FleetWorld, rng: Rng, untilUs: number): Promise<void> {
  fleet.lived = false;
  const { scheduler } = fleet.world;
  const sleep = (us: number): Promise<void> => new Promise((resolve) => scheduler.after(us, resolve));
  const drafts: TaskDraft[] = Array.from({ length: 1 + rng.below(5) }, (_, at) => ({
    name: `task-${at + 1}`,
    periodUs: rng.below(3) === 0 ? 0 : 5_000 + rng.below(60_000),
    wcetUs: 500,
    criticality: rng.below(5),
    checkpoint: { intervalUs: 10_000 + rng.below(200_000), chainMax: rng.below(8), quorum: 1 + rng.below(2), standbys: 1 },
    inputs: { catchUpTicks: rng.below(4) === 0, backlogMax: 100 },
  }));
  for (const draft of drafts) {
    await fleet.declare(draft);
    if (rng.below(3) > 0 || draft.periodUs === 0)
      fleet.feed({ task: draft.name, count: 10 + rng.below(100), everyUs: 1_000 + rng.below(30_000) });
    await sleep(rng.below(100_000));
  }
  while (scheduler.nowUs() < untilUs && rng.below(2) === 0) {
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
  fleet.lived = true;
}
