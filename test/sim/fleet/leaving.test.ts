/** An ECU that leaves cleanly: its tasks go on elsewhere exactly where they stood, and nobody is waited for who is not there. */
import { expect, test, vi } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import { someOwner, stage, tasksOn } from './stage.ts';

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 120_000 });

function leave(fleet: FleetWorld, mac: string, withinUs: number): Promise<void> {
  const bridge = fleet.ecus.get(mac)?.bridge;
  if (bridge === undefined) throw new Error('it runs');
  return fleet.done(bridge.stop('maintenance'), withinUs);
}

test('its last checkpoints are stored before it says goodbye: nothing of it is replayed', async () => {
  const fleet = await stage();
  const mac = someOwner(fleet);
  const moved = tasksOn(fleet, mac);
  const before = [...(fleet.ecus.get(mac)?.bridge?.running().all() ?? [])];
  expect(before.map(({ instance }) => instance.spec.name).sort()).toEqual([...moved].sort());
  await leave(fleet, mac, 2_000_000);
  for (const { source } of before) expect(source.state.durableSequence).toBe(source.state.newestSequence);
  fleet.killEcu(mac);
  await fleet.until('its tasks run elsewhere', () => moved.every((name) => fleet.runs(name) && fleet.owner(name) !== mac));
  const restores = fleet.truth.arbiters.get(`arbiter/failure.${mac}.1`)?.context.tasks;
  for (const { instance } of before) {
    const { cursor, outputNumber } = instance.state;
    expect(restores?.[instance.spec.name]?.checkpoint).toMatchObject({ epoch: 1, input: cursor, outputNumber });
  }
  await fleet.settle();
});

test('no manager lives: it leaves at once', async () => {
  const fleet = await stage();
  const mac = someOwner(fleet);
  for (const name of fleet.managers.keys()) fleet.killManager(name);
  await fleet.elapse(100_000);
  await leave(fleet, mac, 500_000);
  fleet.killEcu(mac);
  for (const name of fleet.managers.keys()) fleet.startManager(name);
  await fleet.settle();
});

test('managers that hang are waited for two seconds, no longer; what they have not heard is replayed', async () => {
  const fleet = await stage();
  const mac = someOwner(fleet);
  for (const name of fleet.managers.keys()) fleet.world.host(`manager.${name}`).freeze();
  await leave(fleet, mac, 2_500_000);
  fleet.killEcu(mac);
  for (const name of fleet.managers.keys()) fleet.world.host(`manager.${name}`).thaw();
  await fleet.settle();
});
