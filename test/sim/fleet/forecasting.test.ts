/** Forecasts of a running fleet in the simulated world: who asks is answered, and a task's series go where the task goes. */
import { expect, test } from 'vitest';
import { macOf } from '../../../src/app/simulation/fleet-world.ts';
import type { EcuPlan } from '../../../src/app/simulation/simulated-ecu.ts';
import type { ForecastView } from '../../../src/domain/forecast/forecast-view.ts';
import { SENSOR_PROFILES } from '../../../src/domain/metrics/sensor-profile.ts';
import { build, counted, ECU1, ECU2, ECU3, epochOf, type StageOptions, task } from './stage.ts';

const SECOND = 1_000_000;
const measured = (mac: string): EcuPlan => ({
  mac,
  metrics: { everyUs: SECOND, keptEveryUs: 0, sensors: { ...SENSOR_PROFILES.calm, limit: 90 } },
});
const SLOW = task('alpha', { periodUs: 100_000, wcetUs: 5_000, checkpoint: { intervalUs: 500_000, quorum: 2 } });

type Fleet = ReturnType<typeof build>;

async function started(options: StageOptions): Promise<Fleet> {
  const fleet = build({ predicts: true, ...options });
  fleet.start();
  await fleet.elapse(SECOND);
  return fleet;
}

async function asked(
  fleet: Fleet,
  about: { mac?: string; task?: string; metrics?: string[]; horizonsS?: number[] },
): Promise<ForecastView> {
  const { mac, task: name, metrics = [], horizonsS = [] } = about;
  const answer = await fleet.done(fleet.client.call({ kind: 'query-forecast', mac, task: name, metrics, horizonsS }));
  if (answer.kind !== 'forecast') throw new Error(JSON.stringify(answer));
  return answer.forecast;
}

const longest = (view: ForecastView): number => Math.max(0, ...view.series.map(({ values }) => values));

test('an ECU is asked about: quantiles at the horizons wanted, its failure, and what is reserved in its load', async () => {
  const fleet = await started({ ecus: [measured(ECU1), { mac: ECU2 }], reserves: true });
  await fleet.elapse(40 * SECOND);
  const view = await asked(fleet, { mac: ECU1, horizonsS: [30, 1] });
  expect(view.failure?.probability).toBeLessThan(0.5);
  const load = view.series.find(({ metric }) => metric === 'load');
  expect(load?.horizons.map(({ horizonS, quantiles }) => [horizonS, quantiles.length])).toEqual([
    [1, 9],
    [30, 9],
  ]);
  const sorted = load?.horizons[1]?.quantiles ?? [];
  expect([...sorted].sort((a, b) => a - b)).toEqual(sorted);
  // Half of two cores, from twenty seconds on: what is asked about a second ahead does not know of it.
  await fleet.done(fleet.reserve({ ecu: ECU1, cores: 1, inUs: 20 * SECOND, forUs: 3600 * SECOND }));
  await fleet.elapse(2 * SECOND);
  const after = await asked(fleet, { mac: ECU1, metrics: ['load'], horizonsS: [1, 30] });
  expect(after.series[0]?.horizons.map(({ booked }) => booked)).toEqual([undefined, 0.5]);
  expect(after.series[0]?.horizons[1]?.quantiles[4]).toBeGreaterThanOrEqual(0.5);
  const refusals = [
    { mac: ECU2, task: undefined, metrics: [], horizonsS: [] },
    { mac: macOf(9), task: undefined, metrics: [], horizonsS: [] },
    { mac: undefined, task: 'nobody', metrics: [], horizonsS: [] },
    { mac: ECU1, task: undefined, metrics: ['smell'], horizonsS: [] },
  ].map(async (query) => fleet.client.call({ kind: 'query-forecast', ...query }));
  expect((await fleet.done(Promise.all(refusals))).map((answer) => answer.kind === 'refused' && answer.code)).toEqual([
    ...['ERR_NO_FORECAST', 'ERR_NO_ECU', 'ERR_NO_TASK', 'ERR_USAGE'],
  ]);
});

test('a thermometer that stands still or is gone: no certainty that nothing comes', async () => {
  const broken = (mac: string, fault: number): EcuPlan => ({
    mac,
    metrics: { everyUs: SECOND, keptEveryUs: 0, sensors: { ...SENSOR_PROFILES.heating, after: 40, fault } },
  });
  const fleet = await started({ ecus: [measured(ECU1), broken(ECU2, 1), broken(ECU3, 3)] });
  await fleet.elapse(110 * SECOND);
  const fine = await asked(fleet, { mac: ECU1 });
  expect(fine.failure?.probability).toBeLessThan(0.5);
  expect(fine.failure?.degraded).toBeUndefined();
  const still = await asked(fleet, { mac: ECU2, metrics: ['load'] });
  expect(still.failure?.degraded).toEqual([{ level: 'temperature', why: 'stuck' }]);
  // Its load is heard as ever; only of its heat is nothing known.
  const gone = await asked(fleet, { mac: ECU3, metrics: ['load'] });
  expect([gone.failure, gone.unmeasured]).toEqual([undefined, 'temperature']);
  expect(gone.silentS).toBeLessThan(3);
  expect(gone.series[0]?.degraded).not.toBe('silent');
});

test('who foresees nothing says so', async () => {
  const fleet = await started({ ecus: [measured(ECU1)], predicts: false });
  const query = { kind: 'query-forecast', mac: ECU1, task: undefined, metrics: [], horizonsS: [] } as const;
  expect(await fleet.done(fleet.client.call(query))).toMatchObject({ kind: 'refused', code: 'ERR_NOT_PREDICTING' });
});

test('a task is moved, and then its ECU dies: its forecasts go on, without a cold start', async () => {
  const fleet = await started({ ecus: [ECU1, ECU2].map(measured) });
  await fleet.done(fleet.declare(SLOW));
  await fleet.until('it runs', () => fleet.runs('alpha'));
  const first = fleet.owner('alpha') as string;
  await fleet.elapse(45 * SECOND);
  const before = await asked(fleet, { task: 'alpha', horizonsS: [1, 5] });
  expect(before).toMatchObject({ ecu: first, task: 'alpha' });
  expect(longest(before)).toBeGreaterThan(30);
  await fleet.done(fleet.migrate('alpha'));
  await fleet.until('it has gone', () => fleet.runs('alpha') && fleet.owner('alpha') !== first);
  await fleet.elapse(4 * SECOND);
  const after = await asked(fleet, { task: 'alpha', horizonsS: [1, 5] });
  expect(after.ecu).not.toBe(first);
  expect(longest(after)).toBeGreaterThan(longest(before));
  expect(after.series.map(({ degraded }) => degraded)).not.toContain('warming');
  fleet.killEcu(fleet.owner('alpha') as string);
  await fleet.until('it is restored', () => fleet.runs('alpha') && epochOf(fleet, 'alpha') === 3);
  await fleet.elapse(4 * SECOND);
  const restored = await asked(fleet, { task: 'alpha' });
  expect(restored.ecu).toBe(first);
  expect(longest(restored)).toBeGreaterThan(longest(after));
});

test('every manager dies and is started again: what was written of the task’s series is gone on from', async () => {
  const fleet = await started({ ecus: [ECU1, ECU2].map(measured) });
  await fleet.done(fleet.declare(SLOW));
  await fleet.until('it runs', () => fleet.runs('alpha'));
  await fleet.until('its series are written', () => counted(fleet, 'series.written') > 0, 60 * SECOND);
  const before = longest(await asked(fleet, { task: 'alpha' }));
  for (const name of fleet.managers.keys()) fleet.killManager(name);
  await fleet.elapse(SECOND);
  for (const name of fleet.managers.keys()) fleet.startManager(name);
  await fleet.until('they are read', () => counted(fleet, 'series.takenOver') > 0, 30 * SECOND);
  await fleet.elapse(3 * SECOND);
  const view = await asked(fleet, { task: 'alpha' });
  expect(longest(view)).toBeGreaterThanOrEqual(before - 5);
  expect(view.series.map(({ degraded }) => degraded)).not.toContain('warming');
});

test('a task goes to an ECU that other managers follow: they are handed its series', async () => {
  const managers = ['m1', 'm2', 'm3', 'm4', 'm5'].map((name) => ({ name }));
  const macs = [1, 2, 3, 4, 5, 6].map(macOf);
  const fleet = await started({ ecus: macs.map(measured), managers });
  await fleet.elapse(2 * SECOND);
  const keepersOf = (mac: string): string[] =>
    [...fleet.managers.values()]
      .filter(({ manager }) => manager?.fleet().ecus.some((ecu) => ecu.mac === mac))
      .map(({ name }) => name);
  await fleet.done(fleet.declare(SLOW));
  await fleet.until('it runs', () => fleet.runs('alpha'));
  const from = fleet.owner('alpha') as string;
  const to = macs.find((mac) => keepersOf(mac).every((name) => !keepersOf(from).includes(name)));
  if (to === undefined) throw new Error('some ECU is kept by others');
  await fleet.elapse(27 * SECOND);
  const before = longest(await asked(fleet, { task: 'alpha' }));
  expect(before).toBeGreaterThan(20);
  await fleet.done(fleet.migrate('alpha', { target: to }));
  await fleet.until('it has gone', () => fleet.runs('alpha') && fleet.owner('alpha') === to);
  await fleet.elapse(6 * SECOND);
  const view = await asked(fleet, { task: 'alpha' });
  expect(keepersOf(to)).toContain(view.manager);
  expect(longest(view)).toBeGreaterThan(before);
});
