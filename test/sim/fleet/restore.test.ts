/** An ECU or its bridge dies; its tasks go on, and nothing is lost. Every invariant is checked after every step. */
import { describe, expect, test, vi } from 'vitest';
import { counted, ECU1, ECU2, ECU3, epochOf, momentOf, someOwner, stage, task, tasksOn } from './stage.ts';

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 120_000 });

describe('a failed ECU', () => {
  test('every checkpoint becomes durable, and the ECU frees what it held for it', async () => {
    const fleet = await stage();
    for (const mac of [ECU1, ECU2]) {
      for (const { source } of fleet.ecus.get(mac)?.bridge?.running().all() ?? []) {
        expect(source.state.durableSequence).toBeGreaterThan(5);
        expect(source.state.heldCaptures).toBeLessThan(4);
      }
    }
    for (const name of fleet.wanted) {
      const shown = fleet.managers
        .get('m1')
        ?.manager?.fleet()
        .tasks.find((one) => one.task === name);
      expect(shown).toMatchObject({ state: 'owned', durability: 'durable', checkpoint: { holders: ['m1', 'm2'] } });
    }
    await fleet.settle();
  });

  test('its tasks are restored elsewhere from their checkpoints, and their outputs are those of a run alone', async () => {
    const tasks = ['alpha', 'beta', 'gamma'].map((name) =>
      task(name, { checkpoint: { intervalUs: 30_000, quorum: 2, standbys: 0 } }),
    );
    const fleet = await stage({ tasks });
    const dead = someOwner(fleet);
    const moved = tasksOn(fleet, dead);
    fleet.killEcu(dead);
    await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== dead));
    expect(counted(fleet, 'restore.fromManager')).toBe(moved.length);
    await fleet.settle();
  });

  test('the story goes step by step: suspected, claimed, planned, epochs, markers, first outputs', async () => {
    const fleet = await stage();
    const dead = someOwner(fleet);
    const from = fleet.truth.milestones.length;
    fleet.killEcu(dead);
    const [name = ''] = tasksOn(fleet, dead);
    await fleet.until('it goes on', () =>
      fleet.truth.milestones.slice(from).some(({ what }) => what.startsWith(`${name} first output`)),
    );
    const steps = [
      `ECU ${dead} killed`,
      `failure.${dead}.1#1 RESTORE.NEEDED`,
      `failure.${dead}.1#2 PLAN.MADE`,
      `placement/${name}#\\d+ EPOCH.REQUESTED`,
      `${name} marker`,
      `${name} first output`,
    ];
    const moments = steps.map((step) => momentOf(fleet, new RegExp(step), from));
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
    await fleet.settle();
  });

  test('two managers that see one failure restore it once', async () => {
    const fleet = await stage();
    const dead = someOwner(fleet);
    const moved = tasksOn(fleet, dead);
    const markers = fleet.world.judges.markers;
    fleet.killEcu(dead);
    await fleet.settle();
    expect(fleet.world.judges.markers).toBe(markers + moved.length);
    expect([...fleet.truth.arbiters.keys()].filter((actor) => actor.startsWith('arbiter/failure.'))).toEqual([
      `arbiter/failure.${dead}.1`,
    ]);
    for (const id of ['manager.m1', 'manager.m2'])
      expect(fleet.world.countersOf(id).read()['detector.suspicions']).toBeGreaterThan(0);
  });

  test('two ECUs that fail at once: the third takes all their tasks', async () => {
    const fleet = await stage({
      ecus: [{ mac: ECU1 }, { mac: ECU2 }, { mac: ECU3 }],
      tasks: ['a', 'b', 'c', 'd', 'e'].map((name) => task(name)),
    });
    fleet.killEcu(ECU1);
    fleet.killEcu(ECU2);
    await fleet.until('all run on the third', () => tasksOn(fleet, ECU3).length === 5);
    await fleet.settle();
  });

  test('every message said twice changes nothing: one instance per epoch', async () => {
    const fleet = await stage();
    for (const link of fleet.world.broker.allLinks()) link.options = { ...link.options, duplicatePpm: 1_000_000 };
    const dead = someOwner(fleet);
    const moved = tasksOn(fleet, dead);
    const markers = fleet.world.judges.markers;
    fleet.killEcu(dead);
    await fleet.settle();
    expect(fleet.world.judges.markers).toBe(markers + moved.length);
  });

  test('it loses power: nobody says so, and its silence is enough', async () => {
    const fleet = await stage();
    const dead = someOwner(fleet);
    fleet.powerCut(dead);
    await fleet.until(
      'nothing is left on it',
      () => tasksOn(fleet, dead).length === 0 && [...fleet.wanted].every((name) => fleet.runs(name)),
    );
    fleet.startEcu(dead);
    await fleet.settle();
  });

  test('an incarnation that fails twice is restored from twice', async () => {
    const fleet = await stage();
    // Everything goes to the second ECU, then the first one wakes, in the same incarnation, and the second dies.
    fleet.freezeEcu(ECU1);
    await fleet.until('all run on the second', () => tasksOn(fleet, ECU2).length === 3);
    fleet.thawEcu(ECU1);
    await fleet.elapse(500_000);
    fleet.killEcu(ECU2);
    await fleet.until('all run on the first', () => tasksOn(fleet, ECU1).length === 3);
    expect(fleet.truth.placements.get('alpha')?.context.owner?.incarnation).toBe(1);
    fleet.startEcu(ECU2);
    await fleet.elapse(500_000);
    fleet.killEcu(ECU1);
    await fleet.until('all run on the second again', () => tasksOn(fleet, ECU2).length === 3);
    await fleet.settle();
  });
});

describe('a dead bridge', () => {
  test('whose supervisor lives is restored on its own machine, from the store that is there', async () => {
    const fleet = await stage();
    const mac = someOwner(fleet);
    const before = tasksOn(fleet, mac);
    fleet.killBridge(mac);
    await fleet.until('its tasks run there again', () =>
      before.every((name) => fleet.runs(name) && epochOf(fleet, name) === 2),
    );
    expect(tasksOn(fleet, mac)).toEqual(before);
    expect(counted(fleet, 'restore.local')).toBe(before.length);
    await fleet.settle();
  });

  test('that dies again and again still loses nothing', async () => {
    const fleet = await stage();
    for (let death = 0; death < 5; death++) {
      fleet.killBridge(someOwner(fleet));
      await fleet.elapse(40_000 + death * 30_000);
    }
    await fleet.settle();
  });
});
