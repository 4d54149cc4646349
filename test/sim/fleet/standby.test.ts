/** ECUs that keep copies of others' tasks at hand: what a restore gains from them, and that it never depends on them. */
import { describe, expect, test, vi } from 'vitest';
import { counted, ECU1, ECU2, ECU3, someOwner, stage, task, tasksOn } from './stage.ts';

vi.setConfig({ testTimeout: 120_000 });

const THREE = [{ mac: ECU1 }, { mac: ECU2 }, { mac: ECU3 }];

describe('standby copies', () => {
  test('a task is restored from the copy at its target, without a page from any manager', async () => {
    const fleet = await stage();
    const dead = someOwner(fleet);
    const moved = tasksOn(fleet, dead);
    fleet.killEcu(dead);
    await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== dead));
    expect(counted(fleet, 'restore.standby')).toBe(moved.length);
    expect(counted(fleet, 'restore.fromManager')).toBe(0);
    await fleet.settle();
  });

  test('of several ECUs the one with the copy is chosen', async () => {
    const fleet = await stage({ ecus: THREE });
    const dead = someOwner(fleet);
    const moved = tasksOn(fleet, dead);
    fleet.killEcu(dead);
    await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== dead));
    expect(counted(fleet, 'restore.standby')).toBe(moved.length);
    await fleet.settle();
  });

  test('a task that asks for none is restored from the managers', async () => {
    const fleet = await stage({
      tasks: ['a', 'b'].map((name) => task(name, { checkpoint: { intervalUs: 30_000, quorum: 2, standbys: 0 } })),
    });
    const dead = someOwner(fleet);
    const moved = tasksOn(fleet, dead);
    fleet.killEcu(dead);
    await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== dead));
    expect(counted(fleet, 'restore.fromManager')).toBe(moved.length);
    await fleet.settle();
  });

  test('a standby that died is passed over, and another one keeps the copy', async () => {
    const fleet = await stage({ ecus: THREE, tasks: [task('alpha')] });
    const owner = fleet.owner('alpha') as string;
    const asked = (mac: string) => fleet.world.countersOf(`bridge.${mac}`).read();
    const others = THREE.map(({ mac }) => mac).filter((mac) => mac !== owner);
    const keeps = others.find((mac) => fleet.ecus.get(mac)?.bridge?.standbyCopies().find('alpha') !== undefined) as string;
    expect(keeps).toBeDefined();
    fleet.killEcu(keeps);
    const other = others.find((mac) => mac !== keeps) as string;
    await fleet.until(
      'another one keeps the copy',
      () => fleet.ecus.get(other)?.bridge?.standbyCopies().find('alpha') !== undefined,
    );
    fleet.killEcu(owner);
    await fleet.until('it goes on there', () => fleet.runs('alpha') && fleet.owner('alpha') === other);
    expect(asked(other)['restore.standby']).toBe(1);
    await fleet.settle();
  });

  test('a copy of an older checkpoint saves all pages but those that changed since', async () => {
    const fleet = await stage({ tasks: [task('alpha')] });
    const owner = fleet.owner('alpha') as string;
    const target = owner === ECU1 ? ECU2 : ECU1;
    // From here on the standby hears nothing more, while the managers do.
    fleet.ecus.get(target)?.bridge?.standbyCopies().stop();
    await fleet.elapse(400_000);
    fleet.killEcu(owner);
    await fleet.until('it goes on there', () => fleet.runs('alpha') && fleet.owner('alpha') === target);
    const counters = fleet.world.countersOf(`bridge.${target}`).read();
    expect(counters['restore.fromManager']).toBe(1);
    expect(counters['restore.pagesAtHand']).toBeGreaterThan(0);
    await fleet.settle();
  });
});
