/**
 * Failures foreseen in the simulated world: an ECU heats up, fills up or wears out and dies, and its tasks have left before; one that only its tasks heat
 * calms down when they have left; in a calm hour nothing is moved.
 */
import { expect, test } from 'vitest';
import type { EcuPlan } from '../../../src/app/simulation/simulated-ecu.ts';
import { SENSOR_PROFILES, type SensorProfile } from '../../../src/domain/metrics/sensor-profile.ts';
import { type EcuLimit, PREDICTION_POLICY, type PredictionPolicy } from '../../../src/domain/proposal/prediction-policy.ts';
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

const DYING: readonly (readonly [what: string, sensors: SensorProfile])[] = [
  ['heats up', HEATING],
  ['runs out of memory and cores', { ...SENSOR_PROFILES.overload, after: 10, filling: 0.015 }],
  ['wears out', { ...SENSOR_PROFILES.ageing, hours: 900 }],
];

test.each(DYING)('an ECU %s and dies of it: its tasks run elsewhere by then, and no output is lost', async (_, sensors) => {
  const fleet = await stage({
    ecus: [with_(ECU1, sensors), with_(ECU2, CALM), with_(ECU3, CALM)],
    predicts: true,
    tasks: NAMES.map((name) => task(name, { ...SLOW, affinity: { preferredEcus: [ECU1] } })),
  });
  const moved = tasksOn(fleet, ECU1);
  expect(moved.length).toBeGreaterThan(0);
  await fleet.elapse(5_000_000);
  const said = await fleet.done(fleet.migrate('alpha', { dryRun: true }));
  if (said.kind !== 'estimate') throw new Error(said.kind);
  expect(said.estimate.performanceHere).toMatchObject({ basis: 'measured' });
  expect(said.estimate.candidates.map(({ performance }) => performance?.basis)).toEqual(['kind', 'kind']);
  await fleet.until('the ECU is empty', () => tasksOn(fleet, ECU1).length === 0, 70_000_000);
  for (const name of moved) {
    const { takenBy = '' } = fleet.truth.placements.get(name)?.context ?? {};
    expect(takenBy).toMatch(/^migration/);
    const proposal = fleet.truth.migrations.get(takenBy)?.context.cause?.proposal;
    expect(proposal).toMatchObject({ horizonS: 30, id: expect.stringContaining(`.${name}.1.`) });
    expect(proposal?.probability).toBeGreaterThan(0.5);
  }
  fleet.killEcu(ECU1);
  await fleet.elapse(1_000_000);
  await fleet.settle();
  for (const name of moved) expect(epochOf(fleet, name)).toBe(2);
  expect(counted(fleet, 'predictor.proposed')).toBeGreaterThanOrEqual(moved.length);
});

test('an ECU that only its tasks heat calms down when they have left: that was no false alarm', async () => {
  // Its balance with these tasks is above 60 °C, without them at 38 °C.
  const heated = { ...CALM, gain: 60, limit: 55 };
  const fleet = await stage({
    ecus: [with_(ECU1, heated), with_(ECU2, CALM)],
    predicts: true,
    world: { runtime: { executionUs: { min: 900, max: 1_000 } } },
    tasks: NAMES.map((name) => task(name, { ...SLOW, wcetUs: 1_000, affinity: { preferredEcus: [ECU1] } })),
  });
  const moved = tasksOn(fleet, ECU1);
  expect(moved.length).toBe(NAMES.length);
  await fleet.until('the ECU is empty', () => tasksOn(fleet, ECU1).length === 0, 70_000_000);
  const scored = (): number => counted(fleet, 'predictor.paid') + counted(fleet, 'predictor.inVain');
  await fleet.until('all proposals are scored', () => scored() >= counted(fleet, 'predictor.proposed'), 70_000_000);
  expect(counted(fleet, 'predictor.paid')).toBe(scored());
  await fleet.settle();
});

test('a calm hour of tasks that come and go: nothing is moved', async () => {
  // They take a third of a core for a while: enough for their own series to count.
  const runtime = { executionUs: { min: 250_000, max: 300_000 } };
  const ecus = [with_(ECU1, CALM), with_(ECU2, CALM)].map(sparse);
  const fleet = build({ ecus, predicts: true, world: { runtime } });
  fleet.start();
  await fleet.elapse(300_000);
  for (const name of ['alpha', 'beta'])
    await fleet.done(
      fleet.declare(task(name, { periodUs: 20_000_000, wcetUs: 300_000, checkpoint: { intervalUs: 60_000_000, quorum: 2 } })),
    );
  await fleet.until('every task runs', () => ['alpha', 'beta'].every((name) => fleet.runs(name)));
  await fleet.elapse(3_600_000_000);
  expect(counted(fleet, 'predictor.proposed')).toBe(0);
  // Meanwhile what forecasts the loads was fitted, a virtual while after each request.
  expect(counted(fleet, 'forecast.fitted')).toBeGreaterThan(0);
  expect(['alpha', 'beta'].map((name) => epochOf(fleet, name))).toEqual([1, 1]);
  const said = await fleet.done(fleet.migrate('alpha', { dryRun: true }));
  expect(said.kind === 'estimate' && said.estimate.ahead).toMatchObject({ horizonS: 30 });
}, 600_000);

test('by a policy that leaves it where it is, an ECU heats up and nothing is moved; by one with another limit, earlier', async () => {
  const of = (limit: Partial<EcuLimit>) => ({ ...PREDICTION_POLICY, limits: [{ labels: { zone: 'engine' }, ...limit }] });
  const proposed = async (policy: PredictionPolicy): Promise<number> => {
    const ecus = [{ ...with_(ECU1, HEATING), labels: { zone: 'engine' } }, with_(ECU2, CALM)];
    const tasks = [task('alpha', { ...SLOW, affinity: { preferredEcus: [ECU1] } })];
    const fleet = await stage({ ecus, predicts: true, policy, tasks });
    expect(fleet.owner('alpha')).toBe(ECU1);
    await fleet.elapse(8_000_000);
    const early = counted(fleet, 'predictor.proposed');
    await fleet.elapse(60_000_000);
    expect(counted(fleet, 'predictor.proposed') > 0).toBe(policy.limits[0]?.moves !== false);
    return early;
  };
  expect(await proposed(of({ moves: false }))).toBe(0);
  // Its own limit is 85 °C; at half of that it is too warm from the beginning.
  expect(await proposed(of({ temperatureC: 40 }))).toBeGreaterThan(0);
});
