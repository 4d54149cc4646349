/**
 * A real fleet that sleeps: processes, a server, simulated sensors. An ECU that nobody needs falls silent and is not taken for dead; when another one
 * dies it is woken, and nothing of the task's outputs is missing. How the task would do elsewhere is learned meanwhile, from real counters.
 */
import { afterEach, expect, test } from 'vitest';
import { estimateMigration, queryFleet } from '../../src/app/fleet/fleet-calls.ts';
import { ecuPlans } from '../../src/app/fleet/local-fleet.ts';
import type { PowerReport } from '../../src/app/power/power-report.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { SENSOR_PROFILES } from '../../src/domain/metrics/sensor-profile.ts';
import type { FleetEcu } from '../../src/domain/protocol/messages.ts';
import { type FleetRun, startFleet, text, until } from '../support/fleet-run.ts';
import { runDrover } from '../support/run-drover.ts';

const POWER = { idleWatts: 4, busyWatts: 22, sleep: [{ name: 'suspend', watts: 0.4, wakeUs: 300_000, wakeJoules: 1 }] };

let run: FleetRun | undefined;
afterEach(async () => {
  await run?.end();
  run = undefined;
});

test('what nobody needs sleeps, and wakes when an ECU dies', async () => {
  const ecus = ecuPlans(3, { power: POWER, simulatedSensors: SENSOR_PROFILES.calm });
  run = await startFleet({ ecus: 3, managers: 2 }, { ecus, power: { afterUs: 1_000_000, restUs: 2_000_000 } });
  const { fleet } = run;
  await fleet.deploy(await prepareTask(exampleFolder('counter')));
  const outputs = await run.outputs('counter');
  const ecuList = async (): Promise<readonly FleetEcu[]> => (await queryFleet(fleet.client)).ecus;
  const sleeper = async (): Promise<FleetEcu | undefined> => (await ecuList()).find(({ power }) => power?.state === 'asleep');
  await until('one sleeps', async () => (await sleeper()) !== undefined);
  const { mac, incarnation } = (await sleeper()) as FleetEcu;

  const options = { to: undefined, mode: undefined, costMax: undefined } as const;
  await until('it is known how the task does, and would do elsewhere', async () => {
    const { estimate } = await estimateMigration(fleet.client, 'counter', options);
    return estimate.performanceHere?.basis === 'measured' && estimate.candidates.some((one) => one.performance !== undefined);
  });
  const { estimate } = await estimateMigration(fleet.client, 'counter', options);
  expect(estimate.candidates.map((candidate) => candidate.mac)).not.toContain(mac);
  expect(estimate.decision?.refusedByKind).toMatchObject({ asleep: 1 });

  // Silent for many heartbeats by now.
  expect((await ecuList()).find((ecu) => ecu.mac === mac)).toMatchObject({ state: 'alive', incarnation });
  const home = (await run.task('counter'))?.owner as string;
  const before = outputs.length;
  await fleet.kill(home, 'ecu');
  await until('the task runs elsewhere', async () => {
    const now = await run?.task('counter');
    return now?.state === 'owned' && now.owner !== home && outputs.length > before + 20;
  });
  await until('the sleeper is awake', async () => (await ecuList()).find((ecu) => ecu.mac === mac)?.power?.state === 'awake');
  expect(outputs.map(text)).toEqual(outputs.map((_, index) => String(index + 1)));

  const { exitCode, out, error } = await runDrover('power', 'report', '--json', '--data', run.folder);
  expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
  const report = JSON.parse(out) as PowerReport;
  const slept = report.ecus.find((ecu) => ecu.mac === mac);
  expect(slept).toMatchObject({ state: 'awake', sleeps: 1 });
  expect(slept?.asleepS).toBeGreaterThan(0);
});
