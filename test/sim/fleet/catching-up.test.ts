/** A manager that was away, or comes late, takes what it missed from the one that stayed. */
import { describe, expect, test, vi } from 'vitest';
import { counted, stage, task } from './stage.ts';

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 120_000 });

describe('a manager that was not there', () => {
  test('gets the states of running tasks from the other one; the ECUs give it what has changed since', async () => {
    const fleet = await stage();
    fleet.killManager('m2');
    await fleet.elapse(2_000_000);
    // Alone for so long, the one that stayed kept a handful of what nobody could confirm.
    expect(counted(fleet, 'store.intermediatesDropped')).toBeGreaterThan(0);
    for (const name of fleet.wanted)
      expect(
        fleet.managers
          .get('m1')
          ?.manager?.fleet()
          .tasks.some((one) => one.task === name),
      ).toBe(true);
    fleet.startManager('m2');
    const caughtUp = () => fleet.world.countersOf('manager.m2').read()['store.caughtUp'] ?? 0;
    await fleet.until('it has caught up with every task', () => caughtUp() >= fleet.wanted.size);
    await fleet.settle();
  });

  test('gets what stands still from the other one', async () => {
    const tasks = [task('alpha', { checkpoint: { intervalUs: 30_000, quorum: 1 } })];
    const fleet = await stage({ tasks, later: ['m2'] });
    const mac = fleet.owner('alpha');
    if (mac === undefined) throw new Error('alpha is owned');
    // Nobody takes checkpoints any more, and no ECU is there to be asked.
    for (const one of fleet.ecus.keys()) fleet.killEcu(one);
    await fleet.elapse(1_000_000);
    fleet.startManager('m2');
    await fleet.until('it has caught up', () => counted(fleet, 'store.caughtUp') > 0);
    const shownBy = (name: string) => fleet.managers.get(name)?.manager?.fleet().tasks[0]?.checkpoint;
    await fleet.until('the other one has heard of it', () => shownBy('m1')?.holders.length === 2);
    const shown = ['m1', 'm2'].map(shownBy);
    expect(shown[0]).toMatchObject({ holders: ['m1', 'm2'] });
    expect(shown[1]).toMatchObject({ sequence: shown[0]?.sequence, holders: ['m1', 'm2'] });
    for (const one of fleet.ecus.keys()) fleet.startEcu(one);
    await fleet.settle();
  });
});
