/** Managers die, join late, lose their stores or their link: the fleet goes on, and one of them does the work. */
import { describe, expect, test, vi } from 'vitest';
import { StoredPages } from '../../../infra/sim/disk-checkpoints.ts';
import { FAULT_POINT_NAMES, type FaultPointName } from '../../../src/ports/fault-points.ts';
import { build, counted, ECU1, ECU2, epochOf, someOwner, stage, tasksOn } from './stage.ts';

const SHELL_POINTS = FAULT_POINT_NAMES.slice(0, FAULT_POINT_NAMES.indexOf('beforeTimer'));

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 120_000 });

describe('the manager that claims a restore', () => {
  for (const point of SHELL_POINTS) {
    test(`killed ${point}, once at each step of the restore: the other one finishes it`, async () => {
      for (const after of await passings(point)) {
        const { claimer, nth } = after;
        const fleet = await stage({ world: { scripted: [{ host: claimer, point, nth, action: 'kill', forUs: 3_000_000 }] } });
        fleet.killEcu(someOwner(fleet));
        await fleet.settle();
        expect(fleet.world.plan.done.length).toBe(1);
      }
    });
  }

  test('killed for good with the ECU: the other one does it all', async () => {
    const fleet = await stage();
    const dead = someOwner(fleet);
    const moved = tasksOn(fleet, dead);
    fleet.killManager('m1');
    fleet.killEcu(dead);
    await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== dead));
    await fleet.settle();
  });
});

/** When the claiming manager passes the point during the restore of a kill: some of those moments, first and last among them. */
async function passings(point: FaultPointName): Promise<readonly { readonly claimer: string; readonly nth: number }[]> {
  const fleet = await stage();
  const dead = someOwner(fleet);
  const before = new Map(['manager.m1', 'manager.m2'].map((id) => [id, fleet.world.plan.count(id, point)]));
  fleet.killEcu(dead);
  await fleet.settle();
  const claimer = fleet.truth.arbiters.get(`arbiter/failure.${dead}.1`)?.record.writer ?? 'manager.m1';
  const first = (before.get(claimer) ?? 0) + 1;
  const last = fleet.world.plan.count(claimer, point);
  const step = Math.max(1, Math.floor((last - first) / 4));
  const moments: { claimer: string; nth: number }[] = [];
  for (let nth = first; nth <= last; nth += step) moments.push({ claimer, nth });
  return moments;
}

describe('a manager', () => {
  test('that joins after an ECU it never saw has died still restores its tasks', async () => {
    const fleet = await stage({ later: ['m2'], tasks: [{ name: 'alpha', periodUs: 10_000, checkpoint: { quorum: 1 } }] });
    const dead = someOwner(fleet);
    fleet.killManager('m1');
    fleet.killEcu(dead);
    fleet.startManager('m2');
    await fleet.until('the task runs elsewhere', () => fleet.runs('alpha') && fleet.owner('alpha') !== dead);
    fleet.startManager('m1');
    await fleet.settle();
  });

  test('that lost its checkpoint store: the other one has what a restore needs', async () => {
    const fleet = await stage();
    fleet.killManager('m1');
    new StoredPages(fleet.world.disk('manager.m1'), 'manager-m1/checkpoints').lose();
    fleet.startManager('m1');
    await fleet.elapse(50_000);
    const dead = someOwner(fleet);
    const moved = tasksOn(fleet, dead);
    fleet.killEcu(dead);
    await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== dead));
    await fleet.settle();
  });

  for (const direction of ['up', 'down', 'both'] as const) {
    test(`whose link carries nothing ${direction} harms nobody, and is of use again when it heals`, async () => {
      const fleet = await stage();
      const which = direction === 'both' ? undefined : { [direction]: true };
      fleet.world.broker.link('manager.m1').partition(which);
      fleet.killEcu(ECU1);
      await fleet.elapse(5_000_000);
      fleet.world.broker.link('manager.m1').heal();
      await fleet.settle();
      const before = epochOf(fleet, 'alpha');
      fleet.startEcu(ECU1);
      fleet.killManager('m2');
      await fleet.elapse(1_000_000);
      fleet.killEcu(ECU2);
      await fleet.until('m1 alone restores', () => epochOf(fleet, 'alpha') > before && fleet.runs('alpha'));
      fleet.startManager('m2');
      await fleet.settle();
    });
  }

  test('both die while an ECU dies: whoever comes back finds what was left undone', async () => {
    const fleet = await stage();
    fleet.killEcu(someOwner(fleet));
    await fleet.elapse(5_500);
    fleet.killManager('m1');
    fleet.killManager('m2');
    await fleet.elapse(1_000_000);
    fleet.startManager('m2');
    await fleet.until('all run', () => [...fleet.wanted].every((name) => fleet.runs(name)));
    fleet.startManager('m1');
    await fleet.settle();
  });
});

describe('the broker', () => {
  test('restarts: nobody is taken for dead, and everything goes on', async () => {
    const fleet = await stage();
    const epochs = [...fleet.wanted].map((name) => epochOf(fleet, name));
    fleet.world.broker.restart(800_000);
    await fleet.elapse(3_000_000);
    await fleet.settle();
    expect([...fleet.wanted].map((name) => epochOf(fleet, name))).toEqual(epochs);
    expect(counted(fleet, 'duty.requests')).toBe(0);
  });

  test('restarts while an ECU dies: it is found dead all the same', async () => {
    const fleet = await stage();
    const dead = someOwner(fleet);
    fleet.world.broker.restart(800_000);
    fleet.killEcu(dead);
    await fleet.until(
      'its tasks run elsewhere',
      () => tasksOn(fleet, dead).length === 0 && [...fleet.wanted].every((name) => fleet.runs(name)),
    );
    await fleet.settle();
  });

  test('loses the leader of a stream in the middle of a restore, whichever stream it is', async () => {
    for (const stream of ['ACTORS_0', 'OUTPUTS_0', 'INPUTS_0', 'CHECKPOINTS']) {
      const fleet = await stage({ replicas: 3 });
      fleet.killEcu(someOwner(fleet));
      await fleet.elapse(5_000);
      fleet.world.broker.stall(stream, 2_500_000);
      await fleet.settle();
    }
  });

  test('has no system account: silence alone tells of a death', async () => {
    const fleet = build({ world: { broker: { systemAccount: false } } });
    fleet.start();
    await fleet.elapse(300_000);
    await fleet.done(fleet.declare({ name: 'alpha', periodUs: 10_000 }));
    await fleet.until('it runs', () => fleet.runs('alpha'));
    await fleet.elapse(500_000);
    const dead = someOwner(fleet);
    fleet.killEcu(dead);
    await fleet.until('it runs elsewhere', () => fleet.runs('alpha') && fleet.owner('alpha') !== dead);
    await fleet.settle();
  });
});
