/** Fleet files: what a line stands for, and what is said of a wrong one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseFleetFile, parseSize } from '../../../src/app/fleet-file.ts';
import { loadFleetTasks } from '../../../src/app/fleet-tasks.ts';
import { projectRoot } from '../../../src/app/project-root.ts';

test('the smallest file: ECUs with MACs and names in a row, two managers', () => {
  const plan = parseFleetFile('ecus: [{ count: 3 }]', 'fleet.yaml');
  expect(plan.ecus).toEqual([
    { mac: '02aa00000001', name: 'ecu1' },
    { mac: '02aa00000002', name: 'ecu2' },
    { mac: '02aa00000003', name: 'ecu3' },
  ]);
  expect(plan).toMatchObject({ managers: ['m1', 'm2'], shardCount: undefined });
});

test('tasks: paths from the file on, with names, counts and whether they must survive', () => {
  const text = 'ecus: [{}]\ntasks: [../pid, { task: kalman, name: k, count: 2, must-survive: true }]';
  expect(parseFleetFile(text, '/fleets/own/fleet.yaml').tasks).toEqual([
    { path: '/fleets/pid', name: undefined, count: 1, mustSurvive: false },
    { path: '/fleets/own/kalman', name: 'k', count: 2, mustSurvive: true },
  ]);
});

test('each task of a line has a name of its own; two of one name are refused', async () => {
  const path = join(projectRoot(), 'examples', 'tasks', 'pid');
  const line = { path, name: undefined, count: 2, mustSurvive: true };
  expect((await loadFleetTasks([line])).map(({ name, mustSurvive }) => [name, mustSurvive])).toEqual([
    ['pid-1', true],
    ['pid-2', true],
  ]);
  await expect(loadFleetTasks([line, { ...line, count: 1, name: 'pid-2' }])).rejects.toMatchObject({ code: 'ERR_FLEET_FILE' });
});

test('the example of the documentation', () => {
  const path = join(projectRoot(), 'examples', 'fleets', 'small.yaml');
  const { ecus } = parseFleetFile(readFileSync(path, 'utf8'), path);
  expect(ecus.map(({ name }) => name)).toEqual(['body-1', 'body-2', 'body-3', 'gateway']);
  expect(ecus[3]).toMatchObject({
    mac: '02aa00000004',
    ecuClass: 'safety',
    memoryBytes: 1024 ** 3,
    capabilities: ['can0', 'fpu'],
  });
});

test.each([
  ['', undefined],
  ['prove: on', 2],
  ['prove: off', 0],
  ['prove: 30', 30],
])('%s: so many checkpoints are tried a minute', (line, provesPerMinute) => {
  expect(parseFleetFile(`ecus: [{}]\n${line}`, 'fleet.yaml').provesPerMinute).toBe(provesPerMinute);
});

test.each([
  ['ecus: []', /ecus/],
  ['ecus: [{ count: 2, colour: red }]', /colour/],
  ['ecus: [{ memory: lots }]', /"lots" is no size; write e.g. 512 MiB/],
  ['ecus: [{ mac: "02:aa:00:00:00:09" }, { mac: "02-aa-00-00-00-09" }]', /two MACs are 02aa00000009/],
  ['ecus: [{}]\nmanagers: [a, a]', /two managers are a/],
  ['ecus: [{}]\nprove: often', /prove/],
  ['ecus: [', /it is no YAML/],
])('%s is refused with what is wrong and the file named', (yaml, sentence) => {
  expect(() => parseFleetFile(yaml, 'my-fleet.yaml')).toThrow(
    expect.objectContaining({ code: 'ERR_FLEET_FILE', message: expect.stringMatching(sentence) }),
  );
  expect(() => parseFleetFile(yaml, 'my-fleet.yaml')).toThrow(/^my-fleet\.yaml:/);
});

test('sizes are whole bytes', () => {
  expect(parseSize('512 MiB')).toBe(512 * 1024 ** 2);
  expect(parseSize('0.5 KiB')).toBe(512);
  for (const text of ['', '1', '0 B', '1.0000001 B', '-1 MiB', '1 MB']) expect(parseSize(text), text).toBeUndefined();
});

test('an ECU says how it schedules, and only what it says', () => {
  const file = (scheduling: string): string => `ecus: [{ scheduling: ${scheduling} }, {}]`;
  const full = '{ scheduler: edf, preemptive: false, placement: global, checkpoint-cost-us: 40, blackout-every-us: 5000 }';
  const [said, silent] = parseFleetFile(file(full), 'fleet.yaml').ecus;
  expect(said?.scheduling).toEqual({
    scheduler: 'edf',
    nonPreemptive: true,
    global: true,
    checkpointCostUs: 40,
    blackoutEveryUs: 5_000,
  });
  expect(silent).not.toHaveProperty('scheduling');
  expect(parseFleetFile(file('{ slice-us: 7 }'), 'fleet.yaml').ecus[0]?.scheduling).toEqual({ scheduler: 'fp', sliceUs: 7 });
  for (const wrong of ['{ scheduler: lottery }', '{ blackout-us: -1 }', '{ slice-us: 0.5 }', '{ quantum: 3 }'])
    expect(() => parseFleetFile(file(wrong), 'fleet.yaml')).toThrow(/scheduling/);
});

test('how an ECU is measured: intervals, sensor files beside the fleet file, a machine that is not there', () => {
  const path = join(projectRoot(), 'examples', 'fleets', 'own.yaml');
  const line =
    '{ count: 2, metrics-every-ms: 20, metrics-kept-every-ms: 0, sensors: [../sensors/board.yaml], simulated-sensors: "heating,after=3", limits: { temperature: 90, memory: 95 } }';
  const { ecus } = parseFleetFile(`ecus: [${line}, {}]`, path);
  for (const ecu of ecus.slice(0, 2)) {
    expect(ecu).toMatchObject({
      metricsEveryUs: 20_000,
      metricsKeptEveryUs: 0,
      simulatedSensors: { after: 3, cooling: 0.04 },
      limits: { temperatureLimit: 90, memoryLimit: 0.95 },
    });
    expect(ecu.sensors?.map(({ name }) => name)).toEqual(['board']);
  }
  expect(ecus[2]).toEqual({ mac: '02aa00000003', name: 'ecu3' });
  expect(() => parseFleetFile('ecus: [{ metrics-every-ms: 5 }]', path)).toThrow(/metrics-every-ms/);
  expect(() => parseFleetFile('ecus: [{ simulated-sensors: lukewarm }]', path)).toThrow(/there are calm, heating/);
  expect(() => parseFleetFile('ecus: [{ sensors: [none.yaml] }]', path)).toThrow(/none\.yaml cannot be read/);
});

test('what an ECU takes and how it sleeps; absurd ones are refused by the field', () => {
  const file = (power: string): string => `ecus: [{ power: ${power} }, {}]`;
  const sleep = '[{ name: suspend, watts: 0.5, wake-ms: 800, wake-j: 6 }]';
  const [said, silent] = parseFleetFile(file(`{ idle-w: 8, busy-w: 20, sleep: ${sleep} }`), 'fleet.yaml').ecus;
  expect(said?.power).toEqual({
    ...{ idleWatts: 8, busyWatts: 20 },
    sleep: [{ name: 'suspend', watts: 0.5, wakeUs: 800_000, wakeJoules: 6 }],
  });
  expect(silent).not.toHaveProperty('power');
  expect(parseFleetFile(file('{ idle-w: 8, busy-w: 20 }'), 'fleet.yaml').ecus[0]?.power?.sleep).toEqual([]);
  for (const wrong of ['{ idle-w: 8 }', '{ idle-w: 8, busy-w: 2 }', '{ idle-w: -1, busy-w: 2 }', '{ idle-w: .nan, busy-w: 2 }'])
    expect(() => parseFleetFile(file(wrong), 'fleet.yaml')).toThrow(/power/);
});
