/**
 * ECUs that sleep: consolidated only where the exact test and the loss of any one ECU allow it, silent and not taken for dead, woken before a task
 * needs them. The judges look at every step: no bridge sleeps with a task, and no task's home sleeps (`invariants/awake-home.ts`).
 */
import { describe, expect, test, vi } from 'vitest';
import { type FleetWorld, macOf } from '../../../src/app/simulation/fleet-world.ts';
import type { EcuPlan } from '../../../src/app/simulation/simulated-ecu.ts';
import { SENSOR_PROFILES } from '../../../src/domain/metrics/sensor-profile.ts';
import { counted, epochOf, stage, task, tasksOn } from './stage.ts';

vi.setConfig({ testTimeout: 300_000 });

const MACS = [1, 2, 3, 4].map(macOf);
const POWER = { idleWatts: 8, busyWatts: 20, sleep: [{ name: 'suspend', watts: 0.5, wakeUs: 800_000, wakeJoules: 6 }] };
const ecu = (mac: string, more: Partial<EcuPlan> = {}): EcuPlan => ({ mac, power: POWER, ...more });
const FOUR = MACS.map((mac) => ecu(mac));
const CHOICE = { afterUs: 2_000_000, restUs: 3_000_000 };
/** Deadlines that a move's silence does not break. */
const SLOW = { periodUs: 200_000, checkpoint: { intervalUs: 500_000, quorum: 2 } };
const NAMES = ['alpha', 'beta', 'gamma'];
/** One on each of the first three. */
const spread = NAMES.map((name, at) => task(name, { ...SLOW, affinity: { preferredEcus: [MACS[at] as string] } }));

const inState = (fleet: FleetWorld, state: string): string[] => MACS.filter((mac) => fleet.powerOf(mac) === state);
const asleep = (fleet: FleetWorld): string[] => inState(fleet, 'asleep');
const allRun = (fleet: FleetWorld): boolean => [...fleet.wanted].every((name) => fleet.runs(name));

/** As small as the tests allow: two stay awake, because either may fail. */
async function consolidated(options: Parameters<typeof stage>[0] = {}): Promise<FleetWorld> {
  const fleet = await stage({ ecus: FOUR, tasks: spread, power: CHOICE, ...options });
  await fleet.until('two sleep', () => asleep(fleet).length === 2 && allRun(fleet), 120_000_000);
  return fleet;
}

describe('a fleet with little to do', () => {
  test('sleeps but for two ECUs, is not taken for dead, and every task runs on', async () => {
    const fleet = await consolidated();
    expect(tasksOn(fleet, asleep(fleet)[0] as string)).toEqual([]);
    const before = NAMES.map((name) => epochOf(fleet, name));
    await fleet.elapse(30_000_000);
    expect(asleep(fleet)).toHaveLength(2);
    expect(NAMES.map((name) => epochOf(fleet, name))).toEqual(before);
    expect([...fleet.truth.arbiters.keys()].filter((actor) => actor.startsWith('arbiter/failure'))).toEqual([]);
    await fleet.settle();
  });

  test('stays awake where nobody asked for sleep, and where a task cannot move', async () => {
    const idle = await stage({ ecus: FOUR, tasks: spread });
    await idle.elapse(20_000_000);
    expect(inState(idle, 'asleep')).toEqual([]);
    const pinned = NAMES.map((name, at) => task(name, { ...SLOW, affinity: { requiredEcus: [MACS[at] as string] } }));
    const fleet = await stage({ ecus: FOUR.slice(0, 3), tasks: pinned, power: CHOICE });
    await fleet.elapse(20_000_000);
    expect(asleep(fleet)).toEqual([]);
    expect(NAMES.map((name) => epochOf(fleet, name))).toEqual([1, 1, 1]);
  });
});

describe('a sleeping fleet', () => {
  test('loses an ECU: its tasks run elsewhere at once, and another wakes to stand in for the next loss', async () => {
    const fleet = await consolidated();
    const home = MACS.find((mac) => tasksOn(fleet, mac).length > 0) as string;
    fleet.killEcu(home);
    await fleet.until('all run elsewhere', () => tasksOn(fleet, home).length === 0 && allRun(fleet));
    await fleet.until('one more is awake', () => asleep(fleet).length === 1, 60_000_000);
    await fleet.settle();
  });

  test('loses all that are awake: the sleepers are woken, and every task has a home again', async () => {
    const fleet = await consolidated();
    const sleepers = asleep(fleet);
    for (const mac of MACS) if (!sleepers.includes(mac)) fleet.killEcu(mac);
    await fleet.until('all run on those that slept', () => allRun(fleet), 60_000_000);
    for (const name of NAMES) expect(sleepers).toContain(fleet.owner(name));
    expect(counted(fleet, 'power.woken')).toBeGreaterThan(0);
    await fleet.settle();
  });

  test('is asked for what only a sleeping ECU can do', async () => {
    const able = FOUR.map((plan) => (plan.mac === MACS[3] ? { ...plan, capabilities: ['can0'] } : plan));
    const fleet = await consolidated({ ecus: able });
    expect(asleep(fleet)).toContain(MACS[3]);
    await fleet.done(fleet.declare(task('able', { ...SLOW, capabilities: ['can0'] })));
    await fleet.until('it runs there', () => fleet.runs('able') && fleet.owner('able') === MACS[3], 60_000_000);
    await fleet.settle();
  });

  test('a sleeper dies, and one more starts anew: neither is missed, and neither is waited for', async () => {
    const fleet = await consolidated();
    const [dead, anew] = asleep(fleet) as [string, string];
    fleet.killEcu(dead);
    fleet.killBridge(anew);
    await fleet.until('the second is awake', () => fleet.powerOf(anew) === 'awake', 60_000_000);
    for (const mac of MACS) if (tasksOn(fleet, mac).length > 0) fleet.killEcu(mac);
    await fleet.until('all run on what is left', () => allRun(fleet), 120_000_000);
    fleet.startEcu(dead);
    await fleet.settle();
  });

  test('and managers that start while it sleeps let it sleep', async () => {
    const fleet = await consolidated();
    const sleepers = asleep(fleet);
    for (const name of ['m1', 'm2']) fleet.killManager(name);
    await fleet.elapse(2_000_000);
    for (const name of ['m1', 'm2']) fleet.startManager(name);
    await fleet.elapse(20_000_000);
    expect(asleep(fleet)).toEqual(sleepers);
    await fleet.settle();
  });
});

describe('an ECU with a reservation', () => {
  const SECOND = 1_000_000;
  const reasonOf = (fleet: FleetWorld, mac: string): string =>
    fleet.managers
      .get('m1')
      ?.manager?.fleet()
      .ecus.find((one) => one.mac === mac)?.power?.reason ?? '';

  test('is woken before it begins, says why, and stays awake until it is over', async () => {
    const fleet = await consolidated({ reserves: true });
    const [booked, other] = asleep(fleet) as [string, string];
    const answer = await fleet.done(fleet.reserve({ ecu: booked, cores: 0.2, inUs: 30 * SECOND, forUs: 40 * SECOND }));
    expect(answer.kind).toBe('reserved');
    // It takes 0.8 s to wake, and 5 s are for the word: not sooner.
    await fleet.elapse(20 * SECOND);
    expect(asleep(fleet).sort()).toEqual([booked, other].sort());
    await fleet.until('it is awake before it begins', () => fleet.powerOf(booked) === 'awake', 9.5 * SECOND);
    expect(reasonOf(fleet, booked)).toMatch(/^reservation r1 begins there in 5\.\d s$/);
    expect(counted(fleet, 'power.wokenForReservation')).toBeGreaterThan(0);
    for (let second = 0; second < 40; second++) {
      await fleet.elapse(SECOND);
      expect(fleet.powerOf(booked)).toBe('awake');
    }
    await fleet.settle();
  });

  test('is not put to sleep where it would have to be woken again at once', async () => {
    const fleet = await stage({ ecus: FOUR, tasks: spread, power: CHOICE, reserves: true });
    // Two seconds of sleep at least, 0.8 to wake, and 5 for the word.
    for (const mac of MACS) {
      const answer = await fleet.done(fleet.reserve({ ecu: mac, cores: 0.1, inUs: 6 * SECOND, forUs: 20 * SECOND }));
      expect(answer.kind).toBe('reserved');
    }
    for (let second = 0; second < 22; second++) {
      await fleet.elapse(SECOND);
      expect(inState(fleet, 'awake')).toEqual([...MACS]);
    }
    await fleet.until('two sleep when they are over', () => asleep(fleet).length === 2 && allRun(fleet), 120 * SECOND);
    await fleet.settle();
  });

  test('that is made while it sleeps, for at once: it wakes', async () => {
    const fleet = await consolidated({ reserves: true });
    const booked = asleep(fleet)[0] as string;
    await fleet.done(fleet.reserve({ ecu: booked, cores: 0.2, forUs: 20 * SECOND }));
    await fleet.until('it is awake', () => fleet.powerOf(booked) === 'awake', 10 * SECOND);
    expect(reasonOf(fleet, booked)).toBe('reservation r1 lasts there');
    await fleet.settle();
  });
});

test('a failure is foreseen: another ECU is awake before the tasks have to leave', async () => {
  const metrics = (after: number | undefined): Pick<EcuPlan, 'metrics'> => {
    const sensors = after === undefined ? SENSOR_PROFILES.calm : { ...SENSOR_PROFILES.heating, after, limit: 85 };
    return { metrics: { everyUs: 500_000, keptEveryUs: 0, sensors } };
  };
  const ecus = MACS.map((mac, at) => ecu(mac, metrics(at === 0 ? 50 : undefined)));
  const tasks = NAMES.map((name) => task(name, { ...SLOW, affinity: { preferredEcus: [MACS[0] as string] } }));
  const fleet = await stage({ ecus, tasks, predicts: true, power: CHOICE });
  await fleet.until('two sleep', () => asleep(fleet).length === 2, 60_000_000);
  expect(tasksOn(fleet, MACS[0] as string).length).toBeGreaterThan(0);
  await fleet.until('one more is woken', () => asleep(fleet).length === 1, 120_000_000);
  expect(tasksOn(fleet, MACS[0] as string).length).toBeGreaterThan(0);
  await fleet.until('the hot one is empty', () => tasksOn(fleet, MACS[0] as string).length === 0, 60_000_000);
  for (const name of NAMES) expect(fleet.truth.placements.get(name)?.context.takenBy ?? '').not.toMatch(/^arbiter\/failure/);
  await fleet.settle();
});
