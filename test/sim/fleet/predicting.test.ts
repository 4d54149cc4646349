/** Failures foreseen in the simulated world: an ECU heats up and dies, and its tasks have left before; in a calm hour nothing is moved. */
import { expect, test } from 'vitest';
import type { EcuPlan } from '../../../src/app/simulation/simulated-ecu.ts';
import { SENSOR_PROFILES, type SensorProfile } from '../../../src/domain/metrics/sensor-profile.ts';
import { build, counted, ECU1, ECU2, ECU3, epochOf, stage, task, tasksOn } from './stage.ts';

const with_ = (mac: string, sensors: SensorProfile): EcuPlan => ({
  mac,
  metrics: { everyUs: 200_000, keptEveryUs: 0, sensors },
});
/** A sample a second is all that a predictor needs. */
const sparse = (plan: EcuPlan): EcuPlan =>
  plan.metrics === undefined ? plan : { ...plan, metrics: { ...plan.metrics, everyUs: 1_000_000 } };
const CALM = SENSOR_PROFILES.calm;
const HEATING = { ...SENSOR_PROFILES.heating, after: 10, limit: 85 };
/** Of a long story the simulated world plays every tick. */
const SLOW = { periodUs: 100_000, checkpoint: { intervalUs: 500_000, quorum: 2 } };
const NAMES = ['alpha', 'beta', 'gamma', 'delta'];

test('an ECU heats up and dies at its limit: its tasks run elsewhere by then, and no output is lost', async () => {
  const fleet = await stage({
    ecus: [with_(ECU1, HEATING), with_(ECU2, CALM), with_(ECU3, CALM)],
    predicts: true,
    tasks: NAMES.map((name) => task(name, { ...SLOW, affinity: { preferredEcus: [ECU1] } })),
  });
  expect(tasksOn(fleet, ECU1).length).toBeGreaterThan(0);
  const moved = tasksOn(fleet, ECU1);
  await fleet.until('the ECU is empty', () => tasksOn(fleet, ECU1).length === 0, 60_000_000);
  for (const name of moved) expect(fleet.truth.placements.get(name)?.context.takenBy).toMatch(/^migration/);
  fleet.killEcu(ECU1);
  await fleet.elapse(1_000_000);
  await fleet.settle();
  for (const name of moved) expect(epochOf(fleet, name)).toBe(2);
  expect(counted(fleet, 'predictor.proposed')).toBeGreaterThanOrEqual(moved.length);
});

test('a calm hour of tasks that come and go: nothing is moved', async () => {
  const fleet = build({ ecus: [with_(ECU1, CALM), with_(ECU2, CALM)].map(sparse), predicts: true });
  fleet.start();
  await fleet.elapse(300_000);
  for (const name of ['alpha', 'beta'])
    await fleet.done(fleet.declare(task(name, { periodUs: 20_000_000, checkpoint: { intervalUs: 60_000_000, quorum: 2 } })));
  await fleet.until('every task runs', () => ['alpha', 'beta'].every((name) => fleet.runs(name)));
  await fleet.elapse(3_600_000_000);
  expect(counted(fleet, 'predictor.proposed')).toBe(0);
  // Meanwhile what forecasts the loads was fitted, a virtual while after each request.
  expect(counted(fleet, 'forecast.fitted')).toBeGreaterThan(0);
  expect(['alpha', 'beta'].map((name) => epochOf(fleet, name))).toEqual([1, 1]);
}, 300_000);
