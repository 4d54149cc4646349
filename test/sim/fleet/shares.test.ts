/** A fleet that more than two managers share out: nobody sees everything, and everything is looked after all the same. */
import { describe, expect, test, vi } from 'vitest';
import { type FleetWorld, macOf } from '../../../src/app/simulation/fleet-world.ts';
import { ScaleFleet, scaleMac } from '../../../src/app/simulation/scale-fleet.ts';
import { managerHost } from '../../../src/app/simulation/simulated-manager.ts';
import { Shares } from '../../../src/domain/placement/shares.ts';
import { counted, stage, task, tasksOn } from './stage.ts';

vi.setConfig({ testTimeout: 120_000 });

const MANAGERS = ['m1', 'm2', 'm3', 'm4', 'm5'];
const ECUS = Array.from({ length: 8 }, (_, at) => ({ mac: macOf(at + 1), memoryBytes: 64 * 1024 * 1024 }));
const SLOWLY = { periodUs: 50_000, checkpoint: { intervalUs: 150_000, quorum: 2 } };
const TASKS = Array.from({ length: 12 }, (_, at) => task(`task-${at}`, SLOWLY));

const shared = (seed = 1): Promise<FleetWorld> =>
  stage({ seed, ecus: ECUS, managers: MANAGERS.map((name) => ({ name })), tasks: TASKS });

const keepersOf = (mac: string): readonly string[] => {
  const shares = new Shares('m1');
  shares.setLiving(MANAGERS);
  return shares.keepersOf(mac);
};

const viewOf = (fleet: FleetWorld, name: string) => {
  const view = fleet.managers.get(name)?.manager?.fleet();
  if (view === undefined) throw new Error(`${name} lives`);
  return view;
};

/** An ECU with tasks on it whose keepers are not the one given. */
function ownerNotKeptBy(fleet: FleetWorld, manager: string): string {
  const found = ECUS.find(({ mac }) => tasksOn(fleet, mac).length > 0 && !keepersOf(mac).includes(manager));
  if (found === undefined) throw new Error('there is such an ECU');
  return found.mac;
}

describe('five managers share a fleet of eight ECUs', () => {
  test('each knows the ECUs that are its own, and each ECU is known by two', async () => {
    const fleet = await shared();
    await fleet.elapse(8_000_000); // what others took over is forgotten by then
    for (const { mac } of ECUS) {
      const knowing = MANAGERS.filter((name) => viewOf(fleet, name).ecus.some((ecu) => ecu.mac === mac));
      expect(knowing).toEqual([...keepersOf(mac)].sort());
      for (const owned of tasksOn(fleet, mac)) {
        const ones = MANAGERS.filter((name) => viewOf(fleet, name).tasks.some((one) => one.task === owned));
        expect(ones).toEqual([...keepersOf(mac)].sort());
        // The quorum of two is theirs.
        for (const name of keepersOf(mac))
          expect(viewOf(fleet, name).tasks.find((one) => one.task === owned)?.durability).toBe('durable');
      }
    }
    await fleet.settle();
  });

  test('an ECU dies: its tasks run elsewhere, lose nothing, and those who do not keep it hear nothing of it', async () => {
    const fleet = await shared();
    const [mac] = ECUS.map((ecu) => ecu.mac).filter((one) => tasksOn(fleet, one).length > 0);
    const moved = tasksOn(fleet, mac ?? '');
    fleet.killEcu(mac ?? '');
    await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== mac));
    await fleet.settle();
    for (const name of MANAGERS) {
      const suspicions = fleet.world.countersOf(`manager.${name}`).read()['detector.suspicions'] ?? 0;
      expect(suspicions > 0).toBe(keepersOf(mac ?? '').includes(name));
    }
  });

  test('a manager dies and its share moves: an ECU that it kept dies after it, and is restored', async () => {
    const fleet = await shared();
    const mac = ECUS.map((ecu) => ecu.mac).find((one) => tasksOn(fleet, one).length > 0) ?? '';
    const [first = '', second = ''] = keepersOf(mac);
    fleet.killManager(first);
    await fleet.elapse(3_000_000);
    // The other keeper goes as well: the ECU is now with two who never watched it before.
    fleet.killManager(second);
    await fleet.elapse(3_000_000);
    const moved = tasksOn(fleet, mac);
    expect(moved.length).toBeGreaterThan(0);
    fleet.killEcu(mac);
    await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== mac));
    await fleet.settle();
  });

  test('an ECU dies together with both its keepers: whoever takes the share over finds it dead', async () => {
    const fleet = await shared(2);
    const mac = ECUS.map((ecu) => ecu.mac).find((one) => tasksOn(fleet, one).length > 0) ?? '';
    const moved = tasksOn(fleet, mac);
    for (const name of keepersOf(mac)) fleet.killManager(name);
    fleet.killEcu(mac);
    await fleet.until(
      'its tasks run elsewhere',
      () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== mac),
      60_000_000,
    );
    for (const name of keepersOf(mac)) fleet.startManager(name);
    await fleet.settle(120_000_000);
  });

  test('a task that one ECU alone may run is placed there, whoever plans', async () => {
    const fleet = await shared();
    for (const { mac } of ECUS) {
      const name = `only-${mac.slice(-2)}`;
      await fleet.done(fleet.declare({ ...task(name, SLOWLY), affinity: { requiredEcus: [mac] } }));
      await fleet.until('it runs there', () => fleet.runs(name) && fleet.owner(name) === mac);
    }
    expect(counted(fleet, 'plan.askedBeyond')).toBeGreaterThan(0);
    await fleet.settle();
  });

  test('a task is moved by whichever manager is asked', async () => {
    const fleet = await shared();
    const name = TASKS[0]?.name ?? '';
    await fleet.elapse(2_000_000);
    for (const { mac } of ECUS.slice(0, 4)) {
      if (fleet.owner(name) === mac) continue;
      expect(await fleet.done(fleet.move(name, mac))).toEqual({ kind: 'accepted' });
      await fleet.until('it runs there', () => fleet.runs(name) && fleet.owner(name) === mac);
      await fleet.elapse(1_000_000);
    }
    await fleet.settle();
  });

  test('tasks go on where others know their states, and nobody is asked where nothing is unheard of', async () => {
    const fleet = await shared();
    await fleet.elapse(2_000_000);
    const asked = counted(fleet, 'plan.askedCheckpoints');
    const mac = ECUS.map((ecu) => ecu.mac).find((one) => tasksOn(fleet, one).length > 0) ?? '';
    const moved = tasksOn(fleet, mac);
    fleet.killEcu(mac);
    await fleet.until('they run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== mac));
    expect(counted(fleet, 'plan.askedCheckpoints')).toBe(asked);

    const [name = ''] = moved;
    const [keeper = ''] = keepersOf(fleet.owner(name) ?? '');
    await fleet.elapse(1_000_000);
    await fleet.done(fleet.remove(name));
    await fleet.until('it is removed', () => fleet.truth.placements.get(name)?.state === 'removed');
    // Whoever is asked and says nothing is planned without.
    fleet.world.host(managerHost(keeper)).freeze();
    await fleet.done(fleet.declare(task(name, SLOWLY)));
    await fleet.elapse(400_000);
    fleet.world.host(managerHost(keeper)).thaw();
    await fleet.until('it goes on', () => fleet.runs(name), 5_000_000);
    expect(counted(fleet, 'plan.askedCheckpoints')).toBeGreaterThan(asked);
    await fleet.settle();
  });

  test('a share without room plans beyond it', async () => {
    const fleet = await shared();
    // Four tasks of 16 MiB fill an ECU: 32 in all, of which twelve run.
    const more = Array.from({ length: 19 }, (_, at) => task(`more-${at}`, SLOWLY));
    for (const draft of more) await fleet.done(fleet.declare(draft));
    await fleet.until('all of them run', () => more.every(({ name }) => fleet.runs(name)), 60_000_000);
    const mac = ownerNotKeptBy(fleet, 'm1');
    expect(tasksOn(fleet, mac).length).toBeGreaterThan(0);
    await fleet.settle();
  });
});

describe('a larger fleet', () => {
  test('loses a rack, and a manager, and settles', async () => {
    const fleet = new ScaleFleet({ seed: 3, ecus: 60, tasks: 120, managers: 4 });
    fleet.startManagers();
    await fleet.elapse(500_000);
    fleet.startEcus();
    await fleet.elapse(1_000_000);
    let declared = false;
    void fleet.declareAll().then(() => {
      declared = true;
    });
    expect(await fleet.until(() => declared && fleet.allRun(), 60_000_000)).toBe(true);
    fleet.killManager('m2');
    const rack = [3, 17, 31, 45].map(scaleMac);
    const lost = fleet.tasksOn(new Set(rack));
    expect(lost.length).toBeGreaterThan(0);
    fleet.killRack(rack);
    expect(await fleet.until(() => lost.every((name) => fleet.runs(name)) && fleet.openArbiters.size === 0, 60_000_000)).toBe(
      true,
    );
    expect(fleet.world.judges.violations).toEqual([]);
  });
});
