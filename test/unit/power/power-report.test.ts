/** From the records of ECUs to joules; and what must never be seen of a sleeping one. */
import { describe, expect, test } from 'vitest';
import { powerReport } from '../../../src/app/power/power-report.ts';
import { asleepWithTasks, homeAsleep } from '../../../src/domain/invariants/awake-home.ts';
import { awakeWatts, deepestSleep, worthAfterS } from '../../../src/domain/power/power-model.ts';
import type { FleetEcu } from '../../../src/domain/protocol/messages.ts';
import { ecuOf, macOf } from '../../support/placement-builders.ts';

const SUSPEND = { name: 'suspend', watts: 0.5, wakeUs: 800_000, wakeJoules: 6 };
const POWER = { idleWatts: 8, busyWatts: 20, sleep: [{ name: 'nap', watts: 4, wakeUs: 0, wakeJoules: 0 }, SUSPEND] };
const S = 1_000_000;
const ecu = (power: FleetEcu['power']): FleetEcu => ({
  ...{ mac: macOf(1), name: 'ecu1', incarnation: 1, state: 'alive', tasks: [] },
  description: ecuOf(macOf(1), { power: POWER }),
  ...(power === undefined ? {} : { power }),
});
const record = { sinceUs: 40 * S, managedSinceUs: 10 * S, sleeps: 1, asleepUs: 20 * S, sleptJoules: 10, wakeJoules: 6 };

describe('the report', () => {
  test('an ECU that woke has saved its idling, less what its sleep and its waking took', () => {
    const { ecus, savedShare } = powerReport({ ecus: [ecu({ state: 'awake', ...record })] }, 110 * S);
    expect(ecus[0]).toMatchObject({ managedS: 100, asleepS: 20, sleeps: 1, idleJoules: 800, savedJoules: 160 - 16 });
    expect(savedShare).toBeCloseTo(144 / 800, 12);
  });

  test('a sleep that lasts counts, with the joules of its end', () => {
    const { ecus, asleep } = powerReport({ ecus: [ecu({ state: 'asleep', sleep: SUSPEND, ...record })] }, 140 * S);
    expect(asleep).toBe(1);
    expect(ecus[0]).toMatchObject({ asleepS: 120, sleeps: 2 });
    expect(ecus[0]?.savedJoules).toBeCloseTo(8 * 120 - 10 - 6 - (100 * 0.5 + 6), 9);
  });

  test('one that nobody manages has saved nothing', () => {
    expect(powerReport({ ecus: [ecu(undefined)] }, 140 * S)).toMatchObject({ asleep: 0, savedJoules: 0, savedShare: 0 });
  });
});

test('the model: a line while awake, the deepest sleep that wakes in time, and when that is worth it', () => {
  expect([awakeWatts(POWER, 0), awakeWatts(POWER, 0.5), awakeWatts(POWER, 7)]).toEqual([8, 14, 20]);
  expect(deepestSleep(POWER, 1_000_000)).toBe(SUSPEND);
  expect(deepestSleep(POWER, 1_000)?.name).toBe('nap');
  expect(worthAfterS(POWER, SUSPEND)).toBeCloseTo(0.8, 12);
  expect(worthAfterS(POWER, { ...SUSPEND, watts: 9 })).toBe(Number.POSITIVE_INFINITY);
});

test('restore-or-say-why: a bridge that sleeps with a task (A1) and a task whose home sleeps (A2) are found', () => {
  expect(asleepWithTasks(macOf(1), true, ['b', 'a'])).toMatchObject({
    invariant: 'restore-or-say-why',
    details: { tasks: ['a', 'b'] },
  });
  expect([asleepWithTasks(macOf(1), true, []), asleepWithTasks(macOf(1), false, ['a'])]).toEqual([undefined, undefined]);
  expect(homeAsleep('a', macOf(1), 'asleep')).toMatchObject({ details: { task: 'a', owner: macOf(1) } });
  for (const state of ['awake', 'waking', undefined]) expect(homeAsleep('a', macOf(1), state)).toBeUndefined();
  expect(homeAsleep('a', undefined, 'asleep')).toBeUndefined();
});
