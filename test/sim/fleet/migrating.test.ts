/**
 * Migration: a running task goes elsewhere without a gap. Whatever dies, and whenever, either the source goes on as if nothing had been,
 * or the target owns the task; the judges (atomic-migration, single-writer, no-lost-work) look at every message.
 */
import { describe, expect, test, vi } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import type { MigrationMode } from '../../../src/domain/migration/estimate.ts';
import { counted, ECU1, ECU2, ECU3, stage, task, tasksOn } from './stage.ts';

vi.setConfig({ testTimeout: 120_000 });

const THREE = [{ mac: ECU1 }, { mac: ECU2 }, { mac: ECU3 }];
const MODES: readonly MigrationMode[] = ['live', 'stop-and-copy', 'cold'];

const migrationOf = (fleet: FleetWorld, name = 'alpha') =>
  [...fleet.truth.migrations.values()].find(({ context }) => context.cause?.task === name);

describe('a migration', () => {
  test.each(MODES)('%s: it goes on where it was sent, from the very state, and the source is stopped', async (mode) => {
    const fleet = await stage({ ecus: THREE, tasks: [task('alpha')] });
    const from = fleet.owner('alpha') as string;
    const to = THREE.map(({ mac }) => mac).find((mac) => mac !== from) as string;
    expect(await fleet.done(fleet.migrate('alpha', { target: to, mode }))).toEqual({ kind: 'accepted' });
    await fleet.until('it runs there', () => fleet.owner('alpha') === to && fleet.runs('alpha'));
    await fleet.settle();
    expect(migrationOf(fleet)).toMatchObject({ state: 'done', context: { mode, epoch: 2 } });
    // A cold one takes the outputs over from a source that still runs.
    expect(counted(fleet, 'instance.ended.ERR_FENCED')).toBe(mode === 'cold' ? 1 : 0);
    expect(fleet.ecus.get(from)?.bridge?.running().get('alpha')).toBeUndefined();
  });
});

const elsewhere = (mac: string): string => THREE.map((ecu) => ecu.mac).find((other) => other !== mac) as string;

/** A migration of alpha under way; what befalls whom is left to the caller. */
async function underWay(mode: MigrationMode, more: Parameters<typeof stage>[0] = {}) {
  const fleet = await stage({ ecus: THREE, tasks: [task('alpha'), task('beta')], ...more });
  const from = fleet.owner('alpha') as string;
  const to = elsewhere(from);
  void fleet.migrate('alpha', { target: to, mode }).catch(() => undefined);
  return { fleet, from, to };
}

/** Its record has come this far, or it is over. */
const atRevision = (fleet: FleetWorld, revision: number): boolean =>
  (migrationOf(fleet)?.record.revision ?? 0) >= revision || (fleet.truth.openMigrations().length === 0 && migrationOf(fleet) !== undefined);

const REVISIONS = Array.from({ length: 14 }, (_, at) => at + 1);

describe('killed at every numbered step of a migration', () => {
  for (const mode of ['live', 'stop-and-copy'] as const) {
    test.each(REVISIONS)(`${mode}: the source, at revision %i`, async (revision) => {
      const { fleet, from } = await underWay(mode);
      await fleet.until('it is there', () => atRevision(fleet, revision));
      fleet.killEcu(from);
      await fleet.until('both run elsewhere', () => tasksOn(fleet, from).length === 0 && fleet.runs('alpha') && fleet.runs('beta'));
      await fleet.settle();
    });

    test.each(REVISIONS)(`${mode}: the target, at revision %i`, async (revision) => {
      const { fleet, to } = await underWay(mode);
      await fleet.until('it is there', () => atRevision(fleet, revision));
      fleet.killEcu(to);
      await fleet.until('both run elsewhere', () => tasksOn(fleet, to).length === 0 && fleet.runs('alpha') && fleet.runs('beta'));
      await fleet.settle();
    });

    test.each(REVISIONS)(`${mode}: either manager, at revision %i`, async (revision) => {
      for (const manager of ['m1', 'm2']) {
        const { fleet } = await underWay(mode);
        await fleet.until('it is there', () => atRevision(fleet, revision));
        fleet.killManager(manager);
        await fleet.until('it runs', () => fleet.runs('alpha') && fleet.truth.openMigrations().length === 0);
        fleet.startManager(manager);
        await fleet.settle();
      }
    });
  }
});
