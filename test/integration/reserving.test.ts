/** Reservations and live forecasts from the command line, on a fleet of real processes. */
import { afterEach, expect, test } from 'vitest';
import { queryFleet, queryForecast, queryManagers } from '../../src/app/fleet/fleet-calls.ts';
import { ecuPlans } from '../../src/app/fleet/local-fleet.ts';
import { parsePolicy } from '../../src/app/policy-file.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { SENSOR_PROFILES } from '../../src/domain/metrics/sensor-profile.ts';
import { type FleetRun, startFleet, until } from '../support/fleet-run.ts';
import { runDrover } from '../support/run-drover.ts';

let run: FleetRun | undefined;

afterEach(async () => {
  await run?.end();
  run = undefined;
});

test('capacity is reserved, keeps a task out, is seen, and is given back; forecasts are shown', {
  timeout: 300_000,
}, async () => {
  const policy = parsePolicy('prediction: { horizon-s: 10 }\nlimits: [{ labels: { zone: none }, move: false }]', 'a policy');
  const simulatedSensors = { ...SENSOR_PROFILES.calm, limit: 90 };
  run = await startFleet(
    { ecus: 2, managers: 2 },
    { ecus: ecuPlans(2).map((ecu) => ({ ...ecu, cores: 1, simulatedSensors })), policy },
  );
  const { fleet, folder } = run;
  const drover = (...args: string[]) => runDrover(...args, '--data', folder);
  /** Any manager answers a call: the one that made or ended a reservation knows at once, the other when it hears of it. */
  const allKnow = (ids: readonly string[]): Promise<void> =>
    until(`both managers know of ${ids.join() || 'no'} reservations`, async () => {
      const views = await queryManagers(fleet.client, await queryFleet(fleet.client));
      return views.length === 2 && views.every(({ reservations }) => reservations?.map(({ id }) => id).join() === ids.join());
    });
  const json = async (...args: string[]) => {
    const { out, error } = await drover(...args, '--json');
    expect(error).toBe('');
    return JSON.parse(out);
  };
  const made = await json('reserve', 'ecu1', '--utilisation', '100', '--from', '+1h', '--for', '30min', '--note', 'crash test');
  expect(made).toMatchObject({ id: 'r1', demand: { cpuPpm: 1_000_000 }, note: 'crash test' });
  await allKnow(['r1']);
  expect(await drover('reserve', 'ecu1', '--cores', '0.5', '--from', '+80min', '--for', '1h')).toMatchObject({
    exitCode: 1,
    error: expect.stringMatching(/no room.*beside r1.*ERR_RESERVATION/),
  });
  expect((await drover('reserve', 'ecu1', '--cores', '0.5', '--from', '2001-01-01T00:00', '--for', '1h')).error).toMatch(
    /over already/,
  );
  expect((await drover('status')).out).toMatch(/RESERVED[\s\S]*r1 +ecu1 .*1 cores/);

  // It needs a little of a core, and would still be there in an hour.
  const { spec, artefact } = await prepareTask(exampleFolder('counter'));
  await fleet.deploy({ spec: { ...spec, affinity: { ...spec.affinity, requiredEcus: [made.ecu] } }, artefact });
  await until('it is shed', async () => (await run?.task('counter'))?.state === 'shed');
  expect((await run.task('counter'))?.reason).toMatch(/r1 is reserved there/);
  expect((await drover('explain', 'task/counter')).out).toMatch(/r1 is reserved there/);
  expect(await json('reserve', '--cancel', 'r1')).toEqual({ cancelled: 'r1' });
  await allKnow([]);
  await until('it runs', async () => (await run?.task('counter'))?.checkpoint !== undefined);

  const view = await queryFleet(fleet.client);
  expect(view.reservations).toEqual([]);
  expect(view.policy).toMatchObject({ review: { horizonS: 10 }, limits: [{ labels: { zone: 'none' }, moves: false }] });
  const asked = { metrics: [], horizonsS: [] };
  const values = async (about: { mac?: string; task?: string }): Promise<number> => {
    const query = { ...asked, mac: about.mac, task: about.task };
    const { series } = await queryForecast(fleet.client, view, query).catch(() => ({ series: [] }));
    return series[0]?.values ?? 0;
  };
  await until('it is forecast', async () => (await values({ mac: made.ecu })) > 2 && (await values({ task: 'counter' })) > 1);
  expect((await drover('forecast', 'ecu1')).out).toMatch(/fails within 10 s[\s\S]*MEDIAN[\s\S]*temperature +\d+\.\d °C +1 s/);
  const told = await json('forecast', made.ecu, '--metric', 'load', '--horizons', '2,10');
  expect(told.series[0].horizons.map((point: { horizonS: number }) => point.horizonS)).toEqual([2, 10]);
  expect((await drover('forecast', 'ecu7')).error).toMatch(/ERR_NO_ECU/);
});
