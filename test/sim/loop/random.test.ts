/** Hundreds of small fleets, each with its own weather drawn from its seed. A failing seed is printed, and runs alone by LOOP_SEED; LOOP_SEEDS asks for more. */
import { describe, test } from 'vitest';
import { drawLinkOptions } from '../../../infra/sim/network.ts';
import { createRng, type Rng } from '../../../src/domain/kernel/rng.ts';
import { ACTORS, LoopWorld, type LoopWorldOptions } from '../../support/loop-world.ts';

const SEEDS = Number(process.env['LOOP_SEEDS'] ?? 100);
const ONE = process.env['LOOP_SEED'];

/** What is wrong in this world: each kind of fault present or not. */
function drawOptions(seed: number, rng: Rng): LoopWorldOptions {
  const faulty = rng.below(3) > 0;
  return {
    seed,
    managers: 2 + rng.below(2),
    ecus: 2 + rng.below(2),
    tasks: ['a', 'b', 'c'].slice(0, 1 + rng.below(3)),
    replicas: rng.below(2) === 0 ? 1 : 3,
    ...(rng.below(3) > 0 ? { link: drawLinkOptions(rng) } : {}),
    ...(faulty
      ? {
          drawn: {
            perMillion: 1_000 + rng.below(30_000),
            actions: ['kill', 'freeze', 'power'] as const,
            forUs: { min: 10_000, max: 2_000_000 },
          },
        }
      : {}),
    clock: () => ({
      monotonicOffsetUs: rng.below(1_000_000_000),
      driftPpm: rng.below(200) - 100,
      wallErrorUs: rng.below(20_000_000) - 10_000_000,
    }),
    clockToleranceUs: 20_000,
  };
}

/** Four seconds in which something happens every so often. */
async function weather(world: LoopWorld, rng: Rng): Promise<void> {
  const ids = [...world.hosts.keys()];
  const endUs = world.scheduler.nowUs() + 4_000_000;
  while (world.scheduler.nowUs() < endUs) {
    await world.run(10_000 + rng.below(400_000));
    const id = ids[rng.below(ids.length)] as string;
    const host = world.host(id);
    switch (rng.below(8)) {
      case 0:
        if (host.state() === 'down') host.start();
        else host.kill(rng.below(2) === 0 ? 'process' : 'power');
        break;
      case 1:
        if (host.state() === 'frozen') host.thaw();
        else host.freeze();
        break;
      case 2:
        world.broker.link(id).partition({ up: rng.below(2) === 0, down: rng.below(2) === 0 });
        break;
      case 3:
        world.broker.link(id).heal();
        break;
      case 4:
        world.broker.stall(ACTORS, 50_000 + rng.below(1_500_000));
        break;
      case 5:
        world.broker.restart(50_000 + rng.below(500_000));
        break;
      case 6:
        world.broker.link(id).reset();
        break;
      case 7:
        if (host.state() === 'down') host.start();
        break;
    }
  }
}

async function runSeed(seed: number): Promise<LoopWorld> {
  const rng = createRng(seed, 'loop run');
  const world = new LoopWorld(drawOptions(seed, rng.stream('options')));
  try {
    await weather(world, rng.stream('weather'));
    await world.heal();
  } catch (error) {
    throw new Error(`LOOP_SEED=${seed} ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return world;
}

describe('random runs: safe after every step, settled after healing', () => {
  if (ONE !== undefined) test(`seed ${ONE}`, async () => void (await runSeed(Number(ONE))));
  else {
    for (let first = 1; first <= SEEDS; first += 20) {
      test(`seeds ${first} to ${first + 19}`, async () => {
        for (let seed = first; seed < first + 20; seed++) await runSeed(seed);
      });
    }
  }
});
