/**
 * What migrations could do wrong, each as a story that passes as the code is and fails when its mechanism is taken out (`FLEET_PLANTS`).
 */
import { expect } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import { managerHost } from '../../../src/app/simulation/simulated-manager.ts';
import { type FleetPlant, plantsNamed } from '../../../src/ports/plants.ts';
import { ECU1, ECU2, ECU3, epochOf, stage, task } from './stage.ts';

type Story = (plants: readonly FleetPlant[]) => Promise<void>;

const ECUS = [ECU1, ECU2, ECU3].map((mac) => ({ mac }));

export const migrationOf = (fleet: FleetWorld, name = 'alpha') =>
  [...fleet.truth.migrations.values()].findLast(({ context }) => context.cause?.task === name);

export const MIGRATION_STORIES = {
  'a task is moved, and nobody else wants anything': async (plants) => {
    const fleet = await stage({ ecus: ECUS, tasks: [task('alpha')], plants: plantsNamed(plants) });
    expect(await fleet.done(fleet.migrate('alpha'))).toEqual({ kind: 'accepted' });
    await fleet.until('it has gone', () => epochOf(fleet, 'alpha') === 2 && fleet.runs('alpha'));
    await fleet.settle();
  },

  'the only manager is cut off just when it could commit': async (plants) => {
    const ends = new Set<string | undefined>();
    for (let seed = 1; seed <= 8; seed++) {
      const fleet = await stage({ seed, ecus: ECUS, tasks: [task('alpha')], plants: plantsNamed(plants) });
      fleet.killManager('m2');
      await fleet.elapse(100_000);
      void fleet.migrate('alpha', { mode: 'stop-and-copy' });
      await fleet.until('the state is handed over', () => migrationOf(fleet)?.state === 'switching.committing');
      const link = fleet.world.broker.link(managerHost('m1'));
      link.partition();
      await fleet.elapse(2_050_000 + seed * 40_000);
      link.heal();
      await fleet.until('it is over', () => fleet.truth.openMigrations().length === 0 && fleet.runs('alpha'));
      ends.add(migrationOf(fleet)?.state);
      fleet.startManager('m2');
      await fleet.settle();
    }
    expect(ends).toContain('aborted');
  },

  'the source is heard no more while the target keeps up with its task, and goes on from there': async (plants) => {
    let followed = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const fleet = await stage({ seed, ecus: ECUS, tasks: [task('alpha')], plants: plantsNamed(plants) });
      const from = fleet.owner('alpha') as string;
      void fleet.migrate('alpha', { mode: 'live' }).catch(() => undefined);
      await fleet.until('it is to switch', () => migrationOf(fleet)?.state.startsWith('switching') === true);
      fleet.partitionEcu(from, { up: true });
      await fleet.until('it runs elsewhere', () => epochOf(fleet, 'alpha') > 1 && fleet.runs('alpha'));
      fleet.healEcu(from);
      await fleet.settle();
      if (migrationOf(fleet)?.context.following === true) followed++;
    }
    expect(followed).toBeGreaterThan(0);
  },
} as const satisfies Readonly<Record<string, Story>>;
