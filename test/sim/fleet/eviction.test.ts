/**
 * Eviction: running tasks of lower criticality make room for one of higher criticality whose ECU has died. The higher one runs,
 * the lower ones are shed and their placements say why, and they run again when capacity returns; through all of it every
 * invariant holds after every step. First in calm, then while links lose messages and managers die in the middle.
 */
import { describe, expect, test, vi } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import { DYING, FULL, fullFleet, madeRoom, SHED, shedReason, stormyEviction } from './eviction.ts';
import { epochOf, tasksOn } from './stage.ts';

/** In all but one of these a manager dies in the middle; in 41 the bridge that makes room dies as well. */
const STORMS = [1, 2, 3, 5, 8, 13, 41];

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 120_000 });

/** Every epoch: equal as long as nobody is moved. */
const epochs = (fleet: FleetWorld): readonly number[] => [...fleet.wanted].map((name) => epochOf(fleet, name));

/** The room is given for good: nobody takes turns. When there is more of it, whoever was shed runs there. */
async function stayAndReturn(fleet: FleetWorld): Promise<void> {
  await fleet.elapse(2_000_000);
  const before = epochs(fleet);
  await fleet.elapse(3_000_000);
  expect(epochs(fleet)).toEqual(before);
  expect(madeRoom(fleet)).toBe(true);
  fleet.startEcu(DYING);
  await fleet.settle();
  for (const name of SHED) expect(fleet.owner(name)).toBe(DYING);
}

describe('a task that finds no place', () => {
  test('is given that of less critical ones, and of no more than it takes', async () => {
    const fleet = await fullFleet();
    expect(tasksOn(fleet, FULL).sort()).toEqual(['low', 'lowest', 'mid']);
    fleet.killEcu(DYING);
    await fleet.until('they make room for it', () =>
      SHED.every((name) => /made room for high/.test(shedReason(fleet, name) ?? '')),
    );
    await fleet.until('it runs', () => madeRoom(fleet));
    expect([epochOf(fleet, 'mid'), epochOf(fleet, 'high')]).toEqual([1, 2]);
    await stayAndReturn(fleet);
    expect([epochOf(fleet, 'mid'), epochOf(fleet, 'high')]).toEqual([1, 2]);
  });

  test('is not given that of one as critical as itself: it is shed with the reason', async () => {
    const fleet = await fullFleet({ high: 0 });
    fleet.killEcu(DYING);
    await fleet.until('it is shed', () => shedReason(fleet, 'high') !== undefined);
    await fleet.elapse(2_000_000);
    expect(shedReason(fleet, 'high')).toMatch(/memory/);
    expect(tasksOn(fleet, FULL).sort()).toEqual(['low', 'lowest', 'mid']);
    fleet.startEcu(DYING);
    await fleet.settle();
  });

  for (const seed of STORMS) {
    test(`in storm ${seed}, whoever dies in the middle: the room is made once, and given back`, async () => {
      await stayAndReturn(await stormyEviction(seed));
    });
  }
});
