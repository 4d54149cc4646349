/** Reservations and live forecasts from the command line, on a fleet of real processes. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { ecuPlans } from '../../src/app/fleet/local-fleet.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { SENSOR_PROFILES } from '../../src/domain/metrics/sensor-profile.ts';
import { type FleetRun, startFleet, until } from '../support/fleet-run.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');

let run: FleetRun | undefined;

afterEach(async () => {
  await run?.end();
  run = undefined;
});

test('capacity is reserved, keeps a task out, is seen, and is given back; forecasts are shown', {
  timeout: 300_000,
}, async () => {
  const simulatedSensors = { ...SENSOR_PROFILES.calm, limit: 90 };
  run = await startFleet(
    { ecus: 2, managers: 2 },
    { ecus: ecuPlans(2).map((ecu) => ({ ...ecu, cores: 1, simulatedSensors })) },
  );
  const { fleet, folder } = run;
  // Not `spawnSync`: this process has a connection of its own to keep alive.
  const drover = (...args: string[]): Promise<{ exitCode: number; out: string; error: string }> =>
    new Promise((resolve) => {
      const env = { ...process.env, CI: 'true' };
      execFile(process.execPath, [MAIN, ...args, '--data', folder], { encoding: 'utf8', env }, (failure, out, error) =>
        resolve({ exitCode: failure === null ? 0 : Number(failure.code ?? 1), out, error }),
      );
    });
  const json = async (...args: string[]) => {
    const { out, error } = await drover(...args, '--json');
    expect(error).toBe('');
    return JSON.parse(out);
  };
  expect((await drover('reserve')).out).toBe('nothing is reserved\n');
  const made = await json('reserve', 'ecu1', '--utilisation', '100', '--from', '+1h', '--for', '30min', '--note', 'crash test');
  expect(made).toMatchObject({ id: 'r1', demand: { cpuPpm: 1_000_000 }, note: 'crash test' });
  expect(await drover('reserve', 'ecu1', '--cores', '0.5', '--from', '+80min', '--for', '1h')).toMatchObject({
    exitCode: 1,
    error: expect.stringMatching(/no room.*beside r1.*ERR_RESERVATION/),
  });
  expect((await drover('reserve', 'ecu1', '--cores', '0.5', '--from', '2001-01-01T00:00', '--for', '1h')).error).toMatch(
    /over already/,
  );
  expect((await drover('reserve', 'ecu1', '--for', '1h')).error).toMatch(/books nothing/);
  expect((await drover('reserve', '--cores', '1', '--for', '1h')).error).toMatch(/say where.*ERR_USAGE/);
  expect((await drover('reserve', '--cancel', 'r77')).error).toMatch(/ERR_NO_RESERVATION/);
  expect((await drover('status')).out).toMatch(/RESERVED[\s\S]*r1 +ecu1 .*1 cores/);

  // It needs a little of a core, and would still be there in an hour.
  const { spec, artefact } = await prepareTask(exampleFolder('counter'));
  await fleet.deploy({ spec: { ...spec, affinity: { ...spec.affinity, requiredEcus: [made.ecu] } }, artefact });
  await until('it is shed', async () => (await run?.task('counter'))?.state === 'shed');
  expect((await run.task('counter'))?.reason).toMatch(/r1 is reserved there/);
  expect((await drover('explain', 'task/counter')).out).toMatch(/r1 is reserved there/);
  expect(await json('reserve', '--cancel', 'r1')).toEqual({ cancelled: 'r1' });
  await until('it runs', async () => (await run?.task('counter'))?.checkpoint !== undefined);
  expect((await json('reserve')).reservations).toEqual([]);

  await until('it is forecast', async () => (await drover('forecast', 'ecu1')).out.includes('of history'));
  expect((await drover('forecast', 'ecu1')).out).toMatch(
    /overheats within 30 s[\s\S]*MEDIAN[\s\S]*temperature +\d+\.\d °C +1 s/,
  );
  const view = await json('forecast', made.ecu, '--metric', 'load', '--horizons', '2,10');
  expect(view.series[0].horizons.map((point: { horizonS: number }) => point.horizonS)).toEqual([2, 10]);
  await until('the task is forecast', async () => (await drover('forecast', 'task/counter')).out.includes('load'));
  expect((await drover('forecast')).error).toMatch(/say of what.*ERR_USAGE/);
  expect((await drover('forecast', 'ecu7')).error).toMatch(/ERR_NO_ECU/);
  expect((await drover('forecast', 'ecu1', '--horizons', '90')).error).toMatch(/1 to 60 seconds/);
});
