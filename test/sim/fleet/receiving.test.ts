/**
 * The three receiving strategies: each makes checkpoints durable and loses nothing, and none lets a manager that is slow or
 * absent slow a task, fill an ECU's memory, or cost the newest durable state.
 */
import { describe, expect, test, vi } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import { RECEIVE_STRATEGIES, type ReceiveStrategy } from '../../../src/domain/checkpoint/receiving.ts';
import { PAGE_BYTES } from '../../../src/domain/model/checkpoint.ts';
import { counted, ECU1, ECU2, someOwner, stage, task, tasksOn } from './stage.ts';

vi.setConfig({ testTimeout: 120_000 });

const choice = (strategy: ReceiveStrategy) => ({ strategy, intervalUs: 200_000 });
/** No copies at other ECUs: what is restored comes from the managers. */
const tasks = ['alpha', 'beta', 'gamma'].map((name) =>
  task(name, { checkpoint: { intervalUs: 30_000, quorum: 2, standbys: 0 } }),
);
/** The stand-in task's memory. */
const STATE_BYTES = 16 * PAGE_BYTES;
const SECOND_US = 1_000_000;

const sourceOf = (fleet: FleetWorld, name: string) =>
  fleet.ecus
    .get(fleet.owner(name) ?? '')
    ?.bridge?.running()
    .get(name)?.source.state;
const jobsOf = (fleet: FleetWorld, name: string): number =>
  fleet.ecus
    .get(fleet.owner(name) ?? '')
    ?.bridge?.running()
    .get(name)?.instance.totals.jobs ?? 0;
const newestAt = (fleet: FleetWorld, manager: string, name: string) =>
  fleet.managers
    .get(manager)
    ?.manager?.fleet()
    .tasks.find((one) => one.task === name)?.checkpoint;

for (const strategy of RECEIVE_STRATEGIES) {
  describe(strategy, () => {
    test('checkpoints become durable, and a restore from them loses nothing', async () => {
      const fleet = await stage({ receive: choice(strategy), tasks });
      await fleet.elapse(SECOND_US);
      const before = tasks.map(({ name }) => sourceOf(fleet, name)?.durableSequence ?? 0);
      for (const durable of before) expect(durable).toBeGreaterThan(5);
      await fleet.elapse(SECOND_US);
      for (const [at, { name }] of tasks.entries())
        expect(sourceOf(fleet, name)?.durableSequence).toBeGreaterThan((before[at] ?? 0) + 5);
      const dead = someOwner(fleet);
      const moved = tasksOn(fleet, dead);
      fleet.killEcu(dead);
      await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== dead));
      expect(counted(fleet, 'restore.fromManager')).toBe(moved.length);
      await fleet.settle();
    });

    for (const absence of ['frozen', 'dead'] as const) {
      test(`a manager that is ${absence} slows no task, costs no more than the bound, and the newest durable state stays`, async () => {
        const fleet = await stage({ receive: choice(strategy), tasks });
        await fleet.elapse(SECOND_US);
        const durableBefore = new Map(tasks.map(({ name }) => [name, sourceOf(fleet, name)?.durableSequence ?? 0]));
        const jobsBefore = new Map(tasks.map(({ name }) => [name, jobsOf(fleet, name)]));
        if (absence === 'frozen') fleet.world.host('manager.m2').freeze();
        else fleet.killManager('m2');
        const seconds = 5;
        for (let look = 0; look < seconds * 20; look++) {
          await fleet.elapse(SECOND_US / 20);
          for (const { name } of tasks) expect(sourceOf(fleet, name)?.heldBytes).toBeLessThanOrEqual(2 * STATE_BYTES);
        }
        for (const { name } of tasks) {
          // One tick each 10 ms, and what is fed besides.
          expect(jobsOf(fleet, name) - (jobsBefore.get(name) ?? 0)).toBeGreaterThanOrEqual(seconds * 100 - 2);
          // The other manager goes on receiving, and what the quorum had is not lost with it.
          const newest = newestAt(fleet, 'm1', name);
          expect(newest?.holders).toContain('m1');
          expect(newest?.sequence).toBeGreaterThan((durableBefore.get(name) ?? 0) + 5);
          expect(sourceOf(fleet, name)?.durableSequence).toBeLessThan((durableBefore.get(name) ?? 0) + 10);
        }
        expect(counted(fleet, 'checkpoint.incrementsDropped')).toBeGreaterThan(0);
        const asOfNow = new Map(tasks.map(({ name }) => [name, sourceOf(fleet, name)?.newestSequence ?? 0]));
        if (absence === 'frozen') fleet.world.host('manager.m2').thaw();
        else fleet.startManager('m2');
        await fleet.until('the quorum has what is newer than its absence', () =>
          tasks.every(({ name }) => (sourceOf(fleet, name)?.durableSequence ?? 0) >= (asOfNow.get(name) ?? 0)),
        );
        const dead = someOwner(fleet);
        const moved = tasksOn(fleet, dead);
        fleet.killEcu(dead);
        await fleet.until('its tasks run elsewhere', () =>
          moved.every((name) => fleet.runs(name) && fleet.owner(name) !== dead),
        );
        await fleet.settle();
      });
    }

    test('no manager at all: the tasks run on, within the bound', async () => {
      const fleet = await stage({ receive: choice(strategy), tasks });
      const jobsBefore = new Map(tasks.map(({ name }) => [name, jobsOf(fleet, name)]));
      fleet.killManager('m1');
      fleet.killManager('m2');
      for (let look = 0; look < 40; look++) {
        await fleet.elapse(SECOND_US / 20);
        for (const { name } of tasks) expect(sourceOf(fleet, name)?.heldBytes).toBeLessThanOrEqual(2 * STATE_BYTES);
      }
      for (const { name } of tasks) expect(jobsOf(fleet, name) - (jobsBefore.get(name) ?? 0)).toBeGreaterThanOrEqual(198);
      fleet.startManager('m1');
      fleet.startManager('m2');
      await fleet.settle();
    });

    test('a bridge that knows notify alone is received all the same', async () => {
      const ecus = [{ mac: ECU1, notifiesOnly: true }, { mac: ECU2 }];
      const fleet = await stage({ receive: choice(strategy), tasks, ecus });
      await fleet.elapse(SECOND_US);
      expect(tasksOn(fleet, ECU1).length).toBeGreaterThan(0);
      for (const { name } of tasks) expect(sourceOf(fleet, name)?.durableSequence).toBeGreaterThan(5);
      fleet.killEcu(ECU1);
      await fleet.until('all run at the other one', () => tasksOn(fleet, ECU2).length === tasks.length);
      await fleet.settle();
    });
  });
}

describe('what tells the strategies apart', () => {
  test('push brings pages that nobody has to ask for', async () => {
    const fleet = await stage({ receive: choice('push'), tasks });
    expect(counted(fleet, 'checkpoint.pushed')).toBeGreaterThan(20);
    expect(counted(fleet, 'checkpoint.pagesAtHand')).toBeGreaterThan(20);
    await fleet.settle();
  });

  test('where managers ask, next to nothing is announced', async () => {
    const announcedIn = async (strategy: ReceiveStrategy): Promise<number> => {
      const fleet = await stage({ receive: choice(strategy), tasks });
      let announced = 0;
      fleet.world.broker.onCommit(({ subject }) => {
        if (/^ckpt\.[0-9a-f]{12}\.\d+$/.test(subject)) announced++;
      });
      await fleet.elapse(3 * SECOND_US);
      await fleet.settle();
      return announced;
    };
    expect(await announcedIn('notify')).toBeGreaterThan(200);
    expect(await announcedIn('interval')).toBeLessThan(20);
  });

  test('the choice may change while the fleet runs', async () => {
    const fleet = await stage({ receive: choice('notify'), tasks });
    for (const strategy of ['push', 'interval', 'notify'] as const) {
      await fleet.done(fleet.client.chooseReceiving(choice(strategy)));
      await fleet.elapse(SECOND_US);
      const before = new Map(tasks.map(({ name }) => [name, sourceOf(fleet, name)?.durableSequence ?? 0]));
      await fleet.elapse(SECOND_US);
      for (const { name } of tasks) expect(sourceOf(fleet, name)?.durableSequence).toBeGreaterThan(before.get(name) ?? 0);
    }
    expect(counted(fleet, 'checkpoint.pushed')).toBeGreaterThan(20);
    expect(counted(fleet, 'checkpoint.rounds')).toBeGreaterThan(5);
    await fleet.settle();
  });
});
