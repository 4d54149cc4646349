/** What could go wrong around sleep, in the form of `bug-stories.ts`: orders that come when they should not. */
import { expect } from 'vitest';
import { plantsNamed } from '../../../src/ports/plants.ts';
import type { BUG_STORIES } from './bug-stories.ts';
import { ECU1, ECU2, stage, task, tasksOn } from './stage.ts';

type Story = (typeof BUG_STORIES)[keyof typeof BUG_STORIES];

const SUSPEND = { name: 'suspend', watts: 0.5, wakeUs: 100_000, wakeJoules: 1 };

export const POWER_STORIES = {
  'an ECU is told to sleep while it runs a task': async (plants) => {
    const fleet = await stage({ tasks: [task('alpha', { affinity: { preferredEcus: [ECU1] } })], plants: plantsNamed(plants) });
    const told = await fleet.done(fleet.orderSleep(ECU1, SUSPEND));
    await fleet.elapse(3_000_000);
    expect([told, fleet.owner('alpha')]).toMatchObject([{ state: 'awake', reason: 'it has alpha' }, ECU1]);
    await fleet.settle();
  },

  'a task is sent to an ECU that has just fallen asleep': async (plants) => {
    const fleet = await stage({ tasks: [task('alpha', { affinity: { preferredEcus: [ECU1] } })], plants: plantsNamed(plants) });
    expect(await fleet.done(fleet.orderSleep(ECU2, SUSPEND))).toMatchObject({ state: 'asleep' });
    // No manager knows of it yet.
    await fleet.done(fleet.declare(task('beta', { affinity: { preferredEcus: [ECU2] } })));
    await fleet.until('it runs on the other one', () => fleet.runs('beta') && tasksOn(fleet, ECU1).includes('beta'));
    await fleet.done(fleet.orderSleep(ECU2, undefined));
    await fleet.until('it is awake', () => fleet.ecus.get(ECU2)?.bridge?.asleep() === undefined);
    await fleet.settle();
  },
} satisfies Readonly<Record<string, Story>>;
