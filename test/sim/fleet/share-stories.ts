/** What could go wrong where a fleet is shared out and the way leads out of the share of whoever decides, in the form of `bug-stories.ts`. */
import { expect } from 'vitest';
import { macOf } from '../../../src/app/simulation/fleet-world.ts';
import type { EcuPlan } from '../../../src/app/simulation/simulated-ecu.ts';
import { SENSOR_PROFILES, type SensorProfile } from '../../../src/domain/metrics/sensor-profile.ts';
import { Shares } from '../../../src/domain/placement/shares.ts';
import { plantsNamed } from '../../../src/ports/plants.ts';
import type { BUG_STORIES } from './bug-stories.ts';
import { counted, stage, task, tasksOn } from './stage.ts';

type Story = (typeof BUG_STORIES)[keyof typeof BUG_STORIES];

const MANAGERS = ['m1', 'm2', 'm3', 'm4', 'm5'];
const HOME = macOf(1);
const shares = new Shares('m1');
shares.setLiving(MANAGERS);
/** ECUs that nobody keeps who keeps the first. */
const [FIRST = '', SECOND = ''] = Array.from({ length: 200 }, (_, at) => macOf(at + 2)).filter(
  (mac) => !shares.keepersOf(mac).some((manager) => shares.keepersOf(HOME).includes(manager)),
);
const with_ = (mac: string, sensors: SensorProfile): EcuPlan => ({
  mac,
  metrics: { everyUs: 1_000_000, keptEveryUs: 0, sensors },
});

export const SHARE_STORIES = {
  'an ECU is foreseen to fail, and its managers keep no other': async (plants) => {
    const names = ['alpha', 'beta'];
    const slow = { periodUs: 100_000, checkpoint: { intervalUs: 500_000, quorum: 2 } };
    const fleet = await stage({
      managers: MANAGERS.map((name) => ({ name })),
      ecus: [
        with_(HOME, { ...SENSOR_PROFILES.heating, after: 10, limit: 85 }),
        with_(FIRST, SENSOR_PROFILES.calm),
        with_(SECOND, SENSOR_PROFILES.calm),
      ],
      tasks: names.map((name) => task(name, { ...slow, affinity: { preferredEcus: [HOME] } })),
      predicts: true,
      plants: plantsNamed(plants),
    });
    expect(tasksOn(fleet, HOME)).toEqual(names);
    const isEmpty = () => tasksOn(fleet, HOME).length === 0 && names.every((name) => fleet.runs(name));
    await fleet.until('it is empty', isEmpty, 70_000_000);
    fleet.killEcu(HOME);
    await fleet.elapse(1_000_000);
    await fleet.settle();
    for (const name of names) {
      const { takenBy = '' } = fleet.truth.placements.get(name)?.context ?? {};
      expect(fleet.truth.migrations.get(takenBy)?.context.cause?.proposal).toBeDefined();
    }
    const scored = (): number => counted(fleet, 'predictor.paid') + counted(fleet, 'predictor.inVain');
    const isScored = () => scored() === counted(fleet, 'predictor.proposed');
    await fleet.until('what was proposed is scored', isScored, 70_000_000);
    expect(counted(fleet, 'predictor.inVain')).toBe(0);
  },
} satisfies Readonly<Record<string, Story>>;
