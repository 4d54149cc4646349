/**
 * Migration: a running task goes elsewhere without a gap. Whatever dies, and whenever, either the source goes on as if nothing had been,
 * or the target owns the task; the judges (atomic-migration, single-writer, no-lost-work) look at every message.
 */
import { describe, expect, test, vi } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import type { MigrationMode } from '../../../src/domain/migration/estimate.ts';
import { counted, ECU1, ECU2, ECU3, epochOf, stage, task, tasksOn } from './stage.ts';

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
    expect(counted(fleet, 'instance.ended.ERR_FENCED')).toBe(0);
    expect(fleet.ecus.get(from)?.bridge?.running().get('alpha')).toBeUndefined();
  });
});
