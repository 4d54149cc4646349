/**
 * Bugs that bridges, instances and managers had, or could have, each as a story that passes as the code is and fails when its
 * mechanism is taken out (`FLEET_PLANTS`). Bugs that random lives find soon enough need no story (`bugs.test.ts` names a seed).
 */
import { expect } from 'vitest';
import { CALM_DISK } from '../../../infra/sim/disk.ts';
import { CALM_LINK } from '../../../infra/sim/network.ts';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import { bridgeOf, machineOf } from '../../../src/app/simulation/simulated-ecu.ts';
import { managerHost } from '../../../src/app/simulation/simulated-manager.ts';
import { Shares } from '../../../src/domain/placement/shares.ts';
import { type FleetPlant, plantsNamed } from '../../../src/ports/plants.ts';
import { build, counted, ECU1, ECU2, ECU3, epochOf, type StageOptions, stage, task, tasksOn } from './stage.ts';

type Story = (plants: readonly FleetPlant[]) => Promise<void>;

const MIB = 1024 * 1024;
const staged = (plants: readonly FleetPlant[], options: StageOptions): Promise<FleetWorld> =>
  stage({ ...options, plants: plantsNamed(plants) });

async function started(plants: readonly FleetPlant[], options: StageOptions): Promise<FleetWorld> {
  const fleet = build({ ...options, plants: plantsNamed(plants) });
  fleet.start({ later: options.later ?? [] });
  await fleet.elapse(300_000);
  return fleet;
}

/** 1,500 inputs take half a minute. */
const SLOW_JOBS = { runtime: { executionUs: { min: 20_000, max: 20_000 } } } as const;

const preferring = (mac: string, name: string) => task(name, { affinity: { preferredEcus: [mac] } });

export const BUG_STORIES = {
  'two managers plan one place for two tasks': async (plants) => {
    const ecus = [ECU1, ECU2].map((mac) => ({ mac, memoryBytes: 16 * MIB }));
    const fleet = await started(plants, { ecus });
    await fleet.done(Promise.all(['a', 'b'].map((name) => fleet.declare(preferring(ECU1, name)))));
    await fleet.until('both run', () => fleet.runs('a') && fleet.runs('b'));
    await fleet.settle();
  },

  'a task traps': async (plants) => {
    const failing = (_: unknown, { number }: { readonly number: number }) =>
      number === 20 ? ({ code: 'ERR_JOB_TRAP', sentence: 'unreachable' } as const) : undefined;
    const fleet = await started(plants, { world: { runtime: { failing } } });
    await fleet.done(fleet.declare(task('bad')));
    await fleet.until('it is crashed', () => fleet.truth.placements.get('bad')?.state === 'crashed');
  },

  'a start takes long, and the task is removed and declared again meanwhile': async (plants) => {
    const fleet = await started(plants, { ecus: [{ mac: ECU1 }] });
    const link = fleet.world.broker.link(bridgeOf(ECU1));
    const { options } = link;
    link.options = { ...options, delayUs: { min: 300_000, max: 300_000 } };
    const declared = fleet.declare(task('alpha'));
    await fleet.until('the deploy is accepted', () => fleet.ecus.get(ECU1)?.bridge?.load().tasks.length === 1);
    // The program is on its way now, and takes its time.
    await fleet.elapse(20_000);
    link.options = options;
    await fleet.done(declared);
    await fleet.done(fleet.remove('alpha'));
    await fleet.until('it is removed', () => fleet.truth.placements.get('alpha')?.state === 'removed');
    await fleet.done(fleet.declare(task('alpha')));
    await fleet.until('it runs', () => fleet.runs('alpha'));
    await fleet.elapse(1_000_000);
    await fleet.settle(5_000_000);
  },

  'answers to the deploys of one restore are lost': async (plants) => {
    const tasks = ['a', 'b', 'c', 'd'].map((name) => preferring(ECU1, name));
    // Which answers are lost is chance; in one of a few fleets it is those that matter.
    for (let seed = 1; seed <= 4; seed++) {
      const fleet = await staged(plants, { tasks, seed });
      expect(tasksOn(fleet, ECU1)).toHaveLength(4);
      fleet.killEcu(ECU1);
      const link = fleet.world.broker.link(bridgeOf(ECU2));
      const { options } = link;
      link.options = { ...options, dropPpm: 500_000 };
      await fleet.elapse(2_000_000);
      link.options = options;
      await fleet.settle();
      expect(counted(fleet, 'command.refused.ERR_COMMAND_STALE')).toBe(0);
    }
  },

  'the manager that was ahead dies with the ECU': async (plants) => {
    const fleet = await staged(plants, { janitor: { everyUs: 100_000, outputsKept: 1, recordsKept: 1 } });
    fleet.world.host(managerHost('m2')).freeze();
    // Long enough for more checkpoints than are remembered, too short to be taken for dead.
    await fleet.elapse(1_200_000);
    fleet.killManager('m1');
    fleet.killEcu(ECU1);
    fleet.killEcu(ECU2);
    fleet.world.host(managerHost('m2')).thaw();
    await fleet.elapse(500_000);
    fleet.startEcu(ECU2);
    await fleet.until('m2 alone restores from what it has', () => [...fleet.wanted].every((name) => fleet.runs(name)));
    fleet.startManager('m1');
    await fleet.settle();
  },

  'a task is shed by one restore and placed by another, where it was': async (plants) => {
    const fleet = await staged(plants, {
      ecus: [ECU1, ECU2].map((mac) => ({ mac, memoryBytes: 16 * MIB })),
      tasks: [preferring(ECU1, 'a'), preferring(ECU2, 'b')],
    });
    fleet.partitionEcu(ECU1);
    await fleet.until('it is shed', () => fleet.truth.placements.get('a')?.state === 'shed');
    await fleet.elapse(3_000_000);
    fleet.healEcu(ECU1);
    await fleet.until('it runs again', () => fleet.runs('a'));
    await fleet.settle(5_000_000);
    expect(epochOf(fleet, 'a')).toBe(2);
  },
  'a task makes room while its own restore still waits for it to catch up': async (plants) => {
    const fleet = await started(plants, {
      ecus: [ECU1, ECU2].map((mac) => ({ mac, memoryBytes: 16 * MIB })),
      world: SLOW_JOBS,
      later: [ECU2],
    });
    await fleet.done(fleet.declare({ ...preferring(ECU1, 'high'), periodUs: 0, criticality: 4 }));
    await fleet.until('high runs', () => fleet.runs('high'));
    await fleet.done(fleet.declare({ ...preferring(ECU2, 'low'), periodUs: 0 }));
    fleet.feed({ task: 'low', count: 1_500, everyUs: 1_000 });
    await fleet.until('low has much to replay', () => fleet.client.fed());
    fleet.startEcu(ECU2);
    await fleet.until('low is there, and far behind', () => fleet.owner('low') === ECU2);
    await fleet.elapse(200_000);
    fleet.killEcu(ECU1);
    await fleet.until('high takes its place', () => fleet.runs('high') && fleet.owner('low') === undefined);
    fleet.startEcu(ECU1);
    await fleet.until('low goes on elsewhere', () => fleet.owner('low') === ECU1, 10_000_000);
    await fleet.settle();
  },

  'an instance has caught up before whoever took its epoch has written that down': async (plants) => {
    // Whoever claims the restore: the fourth of its effects takes the epoch. The instance reports to one or the other by chance.
    const point = 'afterEffect';
    for (const host of [managerHost('m1'), managerHost('m2')]) {
      for (let seed = 1; seed <= 6; seed++) {
        const fleet = await staged(plants, { seed, tasks: [task('alpha')] });
        const { plan } = fleet.world;
        plan.script({ host, point, nth: plan.count(host, point) + 4, action: 'freeze', forUs: 1_500_000 });
        fleet.killEcu(fleet.owner('alpha') ?? '');
        await fleet.until('it runs elsewhere', () => epochOf(fleet, 'alpha') === 2 && fleet.runs('alpha'));
        await fleet.settle(10_000_000);
      }
    }
  },

  'the disk is full while a task starts, and the task is taken elsewhere': async (plants) => {
    // The disk has room again at one moment or another of the start that is tried again.
    for (let fullUs = 300_000; fullUs < 700_000; fullUs += 40_000) {
      const fleet = await started(plants, {});
      const link = fleet.world.broker.link(bridgeOf(ECU1));
      const disk = fleet.world.disk(machineOf(ECU1));
      link.options = { ...link.options, delayUs: { min: 30_000, max: 30_000 } };
      const declared = fleet.declare({ ...preferring(ECU1, 'alpha'), periodUs: 0 });
      await fleet.until('the deploy is accepted', () => fleet.ecus.get(ECU1)?.bridge?.load().tasks.length === 1);
      disk.full = true;
      await fleet.elapse(fullUs);
      disk.full = false;
      await fleet.elapse(30_000);
      fleet.partitionEcu(ECU1);
      await fleet.until('it is taken elsewhere', () => fleet.owner('alpha') === ECU2 && fleet.runs('alpha'));
      fleet.healEcu(ECU1);
      link.options = CALM_LINK;
      await fleet.done(declared);
      await fleet.settle(10_000_000);
    }
  },

  'tasks are removed and declared again, and their states lie with managers of another share': async (plants) => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const fleet = await staged(plants, {
      managers: ['m1', 'm2', 'm3', 'm4', 'm5'].map((name) => ({ name })),
      janitor: { everyUs: 100_000, outputsKept: 5, recordsKept: 5 },
      tasks: names.map((name) => task(name)),
    });
    const trimmed = (name: string): boolean => fleet.truth.placements.get(name)?.context.trim !== undefined;
    await fleet.until('their first inputs are gone', () => names.every(trimmed));
    for (const name of names) {
      await fleet.done(fleet.remove(name));
      await fleet.until('it is removed', () => fleet.truth.placements.get(name)?.state === 'removed');
      await fleet.done(fleet.declare(task(name)));
    }
    await fleet.until('all of them go on', () => names.every((name) => fleet.runs(name)), 5_000_000);
    await fleet.settle();
  },

  'an ECU was found dead by a manager that watches it no more, and lives': async (plants) => {
    const managers = ['m1', 'm2', 'm3'];
    const shares = new Shares('m1');
    shares.setLiving(managers);
    const keepers = shares.keepersOf(ECU1);
    const fleet = await staged(plants, {
      ecus: [ECU1, ECU2, ECU3].map((mac) => ({ mac })),
      managers: managers.map((name) => ({ name })),
      tasks: ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => task(name, { periodUs: 100_000 })),
    });
    const owned = (name: string): boolean => fleet.runs(name) && fleet.owner(name) !== undefined;
    // While a keeper is away the others keep everything, and find the ECU dead.
    fleet.killManager(keepers[0] ?? '');
    await fleet.elapse(2_000_000);
    fleet.partitionEcu(ECU1);
    await fleet.elapse(3_000_000);
    fleet.startManager(keepers[0] ?? '');
    await fleet.elapse(2_000_000);
    fleet.healEcu(ECU1);
    await fleet.until('all run', () => [...fleet.wanted].every(owned));
    await fleet.elapse(1_000_000);
    const moving = [...fleet.wanted].filter((name) => fleet.owner(name) !== ECU1);
    expect(moving.length).toBeGreaterThan(2);
    for (const name of moving) {
      expect(await fleet.done(fleet.move(name, ECU1))).toEqual({ kind: 'accepted' });
      await fleet.until('it runs there', () => fleet.runs(name) && fleet.owner(name) === ECU1);
    }
    const epochs = moving.map((name) => epochOf(fleet, name));
    await fleet.elapse(2_000_000);
    expect(moving.map((name) => epochOf(fleet, name))).toEqual(epochs);
    await fleet.settle();
  },

  'an ECU loses its last starts with its power': async (plants) => {
    const lazy = { ...CALM_DISK, syncUs: { min: 60_000_000, max: 60_000_000 } };
    const fleet = await staged(plants, { ecus: [{ mac: ECU1 }], tasks: [task('alpha')], world: { diskOf: () => lazy } });
    fleet.killBridge(ECU1);
    await fleet.until('it runs in the second incarnation', () => fleet.runs('alpha') && epochOf(fleet, 'alpha') > 1);
    fleet.powerCut(ECU1);
    await fleet.elapse(200_000);
    fleet.startEcu(ECU1);
    await fleet.until('it runs in the third', () => fleet.runs('alpha') && epochOf(fleet, 'alpha') > 2);
    await fleet.settle();
  },

  'a task is shed while the others of its ECU replay for long': async (plants) => {
    const fleet = await started(plants, {
      ecus: [{ mac: ECU1, memoryBytes: 32 * MIB }, { mac: ECU2, memoryBytes: 16 * MIB }, { mac: ECU3 }],
      world: SLOW_JOBS,
      later: [ECU2, ECU3],
    });
    for (const [name, criticality] of [
      ['long', 4],
      ['short', 0],
    ] as const) {
      // No checkpoint before the end: a restore begins with the first input.
      await fleet.done(fleet.declare(task(name, { periodUs: 0, criticality, checkpoint: { intervalUs: 3_600_000_000 } })));
    }
    fleet.feed({ task: 'long', count: 1_500, everyUs: 1_000 });
    await fleet.until('they run', () => fleet.client.fed() && fleet.runs('short') && fleet.owner('long') === ECU1);
    fleet.startEcu(ECU2);
    await fleet.elapse(500_000);
    fleet.killEcu(ECU1);
    await fleet.until(
      'one is shed, one replays',
      () => fleet.owner('long') === ECU2 && fleet.truth.placements.get('short')?.state === 'shed',
    );
    fleet.startEcu(ECU3);
    await fleet.until('the other need not wait', () => fleet.runs('short'), 5_000_000);
    expect(fleet.runs('long')).toBe(false);
    await fleet.settle();
  },
} as const satisfies Readonly<Record<string, Story>>;
