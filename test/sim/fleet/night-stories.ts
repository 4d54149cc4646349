/** What could go wrong where ECUs sleep and capacity is reserved, in the form of `bug-stories.ts`. */
import { expect } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import { macOf } from '../../../src/app/simulation/fleet-world.ts';
import { plantsNamed } from '../../../src/ports/plants.ts';
import type { BUG_STORIES } from './bug-stories.ts';
import { ECU1, ECU2, epochOf, stage, task, tasksOn } from './stage.ts';

type Story = (typeof BUG_STORIES)[keyof typeof BUG_STORIES];

const SECOND = 1_000_000;
const MACS = [1, 2, 3, 4].map(macOf);
const POWER = { idleWatts: 8, busyWatts: 20, sleep: [{ name: 'suspend', watts: 0.5, wakeUs: 300_000, wakeJoules: 6 }] };
const FOUR = MACS.map((mac) => ({ mac, power: POWER }));
const CHOICE = { afterUs: 500_000, restUs: 3 * SECOND, planUs: 500_000 };
/** Deadlines that a move's silence does not break. */
const SLOW = { periodUs: 200_000, checkpoint: { intervalUs: 500_000, quorum: 2 } };
const NAMES = ['alpha', 'beta', 'gamma'];
const spread = NAMES.map((name, at) => task(name, { ...SLOW, affinity: { preferredEcus: [MACS[at] as string] } }));

const asleep = (fleet: FleetWorld): string[] => MACS.filter((mac) => fleet.powerOf(mac) === 'asleep');
const twoSleep = async (fleet: FleetWorld): Promise<string[]> => {
  await fleet.until('two sleep', () => asleep(fleet).length === 2, 120 * SECOND);
  return asleep(fleet);
};

export const NIGHT_STORIES = {
  'all ECUs that are awake die, and the others sleep': async (plants) => {
    const fleet = await stage({ ecus: FOUR, tasks: spread, power: CHOICE, plants: plantsNamed(plants) });
    const sleepers = await twoSleep(fleet);
    for (const mac of MACS) if (!sleepers.includes(mac)) fleet.killEcu(mac);
    await fleet.until(
      'all run where it slept',
      () => NAMES.every((name) => sleepers.includes(fleet.owner(name) ?? '')),
      60 * SECOND,
    );
    await fleet.settle();
  },

  'one of the tasks of an ECU that could sleep cannot leave it': async (plants) => {
    // Four hundred late jobs a second, were it moved.
    const busy = task('busy', { periodUs: 2_500, affinity: { preferredEcus: [MACS[3] as string] }, hardDeadline: true });
    const calm = task('calm', { ...SLOW, affinity: { preferredEcus: [MACS[3] as string] } });
    const ecus = FOUR.map((plan) => (plan.mac === MACS[3] ? plan : { mac: plan.mac }));
    const fleet = await stage({ ecus, tasks: [...spread, calm, busy], power: CHOICE, plants: plantsNamed(plants) });
    expect(tasksOn(fleet, MACS[3] as string)).toEqual(['calm', 'busy']);
    await fleet.elapse(10 * SECOND);
    expect(['calm', 'busy'].map((name) => epochOf(fleet, name))).toEqual([1, 1]);
    await fleet.settle();
  },

  'a reservation begins on an ECU that sleeps': async (plants) => {
    const fleet = await stage({ ecus: FOUR, tasks: spread, power: CHOICE, reserves: true, plants: plantsNamed(plants) });
    const [booked] = await twoSleep(fleet);
    await fleet.done(fleet.reserve({ ecu: booked as string, cores: 0.2, inUs: 10 * SECOND, forUs: 300 * SECOND }));
    await fleet.elapse(14 * SECOND);
    await fleet.settle();
  },

  'the answer to a reservation is lost, and it is asked for again': async (plants) => {
    const fleet = await stage({ reserves: true, plants: plantsNamed(plants) });
    const link = fleet.world.broker.link('client');
    const asked = fleet.reserve({ ecu: ECU1, cores: 0.1, forUs: 60 * SECOND });
    await fleet.elapse(1);
    link.partition({ down: true });
    await fleet.until('it stands in the book', () => fleet.truth.bookings.length > 0);
    // Longer than anybody waits for an answer.
    await fleet.elapse(2 * SECOND);
    link.heal();
    expect(await fleet.done(asked)).toMatchObject({ kind: 'reserved', booking: { ecu: ECU1 } });
    await fleet.elapse(3 * SECOND);
    expect(fleet.truth.bookings).toHaveLength(1);
    await fleet.settle();
  },

  'more is reserved on an ECU than it has': async (plants) => {
    const fleet = await stage({ ecus: [{ mac: ECU1, cores: 1 }, { mac: ECU2 }], reserves: true, plants: plantsNamed(plants) });
    const [first, second] = [await reserveMuch(fleet), await reserveMuch(fleet)];
    expect([first.kind, second.kind]).toEqual(['reserved', 'refused']);
    await fleet.settle();
  },
} satisfies Readonly<Record<string, Story>>;

const reserveMuch = (fleet: FleetWorld) =>
  fleet.done(fleet.reserve({ ecu: ECU1, cores: 0.6, inUs: 5 * SECOND, forUs: 60 * SECOND }));
