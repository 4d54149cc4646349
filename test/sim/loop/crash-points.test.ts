/**
 * A manager dies at every numbered place of the shell in turn, at every time it gets there, and comes back or does not.
 * The story: a task is declared, its ECU is killed, it is restored.
 */
import { describe, expect, test } from 'vitest';
import type { ScriptedFault } from '../../../infra/sim/faults.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { FAULT_POINT_NAMES, FaultPoint, type FaultPointName } from '../../../src/ports/fault-points.ts';
import { LoopWorld } from '../../support/loop-world.ts';

const SHELL_POINTS = FAULT_POINT_NAMES.filter((name) => FaultPoint[name] <= FaultPoint.beforeTakeover);
const PAIRS = 40;

async function story(scripted: readonly ScriptedFault[]): Promise<LoopWorld> {
  const world = new LoopWorld({ scripted });
  try {
    await world.run(1_000_000);
    const owner = world.hosts.get(world.ownerOf('a'));
    owner?.kill();
    await world.run(2_500_000);
    // Whoever is left finishes what there is to finish, before anybody is brought back.
    if ([...world.hosts].some(([id, host]) => id.startsWith('manager.') && host.state() === 'running')) await world.settle();
    await world.heal();
  } catch (error) {
    throw new Error(`${JSON.stringify(scripted)}\n${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return world;
}

/** How often each host passes each point when nothing goes wrong, or with one fault. */
async function passings(scripted: readonly ScriptedFault[] = []): Promise<ReadonlyMap<string, number>> {
  const world = await story(scripted);
  const counts = new Map<string, number>();
  for (const host of ['manager.m1', 'manager.m2'])
    for (const point of SHELL_POINTS) counts.set(`${host} ${point}`, world.plan.count(host, point));
  return counts;
}

const calm = await passings();
/** Another manager has to take over only once the first has died, and timers come due only where somebody went silent. */
const afterADeath = await passings([{ host: 'manager.m1', point: 'afterAppend', nth: 2, action: 'kill', forUs: 700_000 }]);

describe('a manager dies at each numbered place, each time it passes it', () => {
  for (const point of SHELL_POINTS) {
    test(`fault point ${FaultPoint[point]}, ${point}`, async () => {
      let runs = 0;
      for (const host of ['manager.m1', 'manager.m2']) {
        const passed = calm.get(`${host} ${point}`) ?? 0;
        for (let nth = 1; nth <= passed; nth++) {
          const back = nth % 2 === 0 ? { forUs: 300_000 } : {};
          const world = await story([{ host, point, nth, action: 'kill', ...back }]);
          expect(world.plan.done).toHaveLength(1);
          runs++;
        }
      }
      if (point === 'beforeTakeover') runs += await takeoverDies();
      if (point === 'beforeTimer' || point === 'afterTimer') runs += await timerDies(point);
      expect(runs).toBeGreaterThan(0);
    });
  }
});

async function takeoverDies(): Promise<number> {
  const first: ScriptedFault = { host: 'manager.m1', point: 'afterAppend', nth: 2, action: 'kill', forUs: 700_000 };
  const passed = afterADeath.get('manager.m2 beforeTakeover') ?? 0;
  for (let nth = 1; nth <= passed; nth++) {
    const world = await story([first, { host: 'manager.m2', point: 'beforeTakeover', nth, action: 'kill', forUs: 200_000 }]);
    expect(world.plan.done).toHaveLength(2);
  }
  return passed;
}

/** The only ECU is frozen when the task is deployed to it: the arbiter's timer comes due. */
async function timerDies(point: FaultPointName): Promise<number> {
  const world = new LoopWorld({
    ecus: 2,
    scripted: [
      { host: 'manager.m1', point, nth: 1, action: 'kill', forUs: 300_000 },
      { host: 'manager.m2', point, nth: 1, action: 'kill', forUs: 300_000 },
    ],
  });
  await world.runUntil(() => world.placement('a')?.value === 'assigned', 1_000_000, 'it is assigned');
  world.host(world.ownerOf('a')).freeze();
  await world.run(15_000_000);
  expect(world.plan.done.length).toBeGreaterThan(0);
  await world.heal();
  return 1;
}

describe('two deaths, drawn', () => {
  test(`${PAIRS} pairs of places and times`, async () => {
    const rng = createRng(20_261, 'pairs');
    const draw = (): ScriptedFault => {
      const host = `manager.m${1 + rng.below(2)}`;
      const point = SHELL_POINTS[rng.below(SHELL_POINTS.length)] as FaultPointName;
      const action = (['kill', 'power', 'freeze'] as const)[rng.below(3)] as ScriptedFault['action'];
      return {
        host,
        point,
        nth: 1 + rng.below(Math.max(3, calm.get(`${host} ${point}`) ?? 0)),
        action,
        forUs: 10_000 + rng.below(1_500_000),
      };
    };
    for (let pair = 0; pair < PAIRS; pair++) await story([draw(), draw()]);
  });
});
