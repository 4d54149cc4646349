/** Whoever was taken for dead and lives: fenced, stopped, and of use again. */
import { describe, expect, test, vi } from 'vitest';
import { counted, ECU1, ECU2, someOwner, stage, task, tasksOn } from './stage.ts';

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 120_000 });

describe('an ECU that was wrongly taken for dead', () => {
  test('frozen for long: its instances find themselves fenced when it wakes, and stop', async () => {
    const fleet = await stage();
    const mac = someOwner(fleet);
    const moved = tasksOn(fleet, mac);
    fleet.freezeEcu(mac);
    await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== mac));
    await fleet.elapse(2_000_000);
    fleet.thawEcu(mac);
    await fleet.until('it runs nothing stale', () => !fleet.stale());
    expect(counted(fleet, 'instance.ended.ERR_FENCED')).toBe(moved.length);
    await fleet.settle();
  });

  test('cut off for a moment, with a task that has nothing to do: the old instance gives its memory back', async () => {
    const fleet = await stage({ tasks: [task('quiet', { periodUs: 0 })] });
    await fleet.until('it is fed', () => fleet.client.fed());
    const mac = someOwner(fleet);
    fleet.partitionEcu(mac);
    await fleet.until('it runs elsewhere', () => fleet.owner('quiet') !== mac && fleet.runs('quiet'));
    fleet.healEcu(mac);
    await fleet.until('it has given up', () => fleet.ecus.get(mac)?.bridge?.load().tasks.length === 0);
    await fleet.settle();
  });

  for (const direction of ['up', 'down'] as const) {
    test(`a link that carries nothing ${direction}: its tasks go on somewhere, and once`, async () => {
      const fleet = await stage();
      const mac = someOwner(fleet);
      fleet.partitionEcu(mac, { [direction]: true });
      await fleet.elapse(6_000_000);
      fleet.healEcu(mac);
      await fleet.settle();
    });
  }

  test('a task removed while its ECU is frozen is fenced at once, and its instance ends when it wakes', async () => {
    const fleet = await stage();
    const mac = fleet.owner('alpha') as string;
    fleet.freezeEcu(mac);
    await fleet.done(fleet.remove('alpha'));
    await fleet.until('it is removed', () => fleet.truth.placements.get('alpha')?.state === 'removed');
    await fleet.elapse(300_000);
    fleet.thawEcu(mac);
    // Its recorded inputs have no outputs any more, so the world as a whole cannot settle; the rest of the fleet goes on.
    const others = ['beta', 'gamma'];
    await fleet.until('its instance has ended', () => !fleet.stale() && others.every((name) => fleet.runs(name)));
    await fleet.elapse(100_000);
    expect(
      fleet.ecus
        .get(mac)
        ?.bridge?.load()
        .tasks.map((one) => one.task),
    ).not.toContain('alpha');
    expect(fleet.world.judges.violations).toEqual([]);
  });

  test('a removed task that is declared again goes on where its outputs ended', async () => {
    const fleet = await stage();
    await fleet.done(fleet.remove('alpha'));
    await fleet.until('it is removed', () => fleet.truth.placements.get('alpha')?.state === 'removed');
    await fleet.elapse(200_000);
    expect((await fleet.done(fleet.declare(task('alpha')))).kind).toBe('accepted');
    await fleet.settle();
    expect(fleet.runs('alpha')).toBe(true);
  });

  test('outputs whose answers are lost, or that land late, are neither lost nor doubled', async () => {
    const fleet = await stage();
    for (const mac of [ECU1, ECU2]) {
      const link = fleet.world.broker.link(`bridge.${mac}`);
      for (let nth = 2; nth < 40; nth += 9) {
        link.scriptAppend({ filter: 'task.*.*.out', nth, fate: { kind: 'ack-lost' } });
        link.scriptAppend({ filter: 'task.*.*.out', nth: nth + 2, fate: { kind: 'late', lateUs: 2_500_000 } });
      }
    }
    await fleet.elapse(4_000_000);
    fleet.killEcu(someOwner(fleet));
    await fleet.settle();
  });
});
