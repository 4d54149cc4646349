/** Real bridges that measure: what is on the wire, what is kept, and what the commands show of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ecuPlans } from '../../src/app/fleet/local-fleet.ts';
import { newestSamples } from '../../src/app/metrics/read-samples.ts';
import { type SampleObject, sampleObject } from '../../src/app/metrics/sample-object.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import { loadSensorFile } from '../../src/app/sensor-file.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { SENSOR_PROFILES } from '../../src/domain/metrics/sensor-profile.ts';
import { decodeHeartbeat } from '../../src/domain/protocol/codec-heartbeat.ts';
import { decodeEcuSample } from '../../src/domain/protocol/codec-metrics.ts';
import { ecuSubject } from '../../src/domain/protocol/subjects.ts';
import { type FleetRun, startFleet, until } from '../support/fleet-run.ts';
import { type Ran, runDrover } from '../support/run-drover.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
const BOARD = join(projectRoot(), 'examples', 'sensors', 'board.yaml');
const [REAL, BOARDED, SILENT] = ecuPlans(3) as [{ mac: string }, { mac: string }, { mac: string }];

let run: FleetRun;
const samples: SampleObject[] = [];
let heartbeats = 0;
const of = (mac: string): SampleObject[] => samples.filter((sample) => sample.mac === mac);
const last = (mac: string): SampleObject | undefined => of(mac).at(-1);

beforeAll(async () => {
  run = await startFleet(
    { ecus: 3, managers: 1 },
    {
      ecus: [
        { ...REAL, name: 'real', metricsEveryUs: 50_000, metricsKeptEveryUs: 200_000 },
        {
          ...BOARDED,
          name: 'board',
          resourceKind: 'fpga',
          sensors: [loadSensorFile(BOARD)],
          simulatedSensors: { ...SENSOR_PROFILES.heating, after: 0, cooling: 0.05, tau: 2 },
        },
        // Too small for any task.
        { ...SILENT, name: 'silent', metricsEveryUs: 0, memoryBytes: 4096 },
      ],
    },
  );
  const { bus } = run.fleet.client.host;
  bus.subscribe(ecuSubject.allMetrics, ({ payload }) => {
    const decoded = decodeEcuSample(payload);
    if (!decoded.ok) throw new Error(decoded.error.sentence);
    samples.push(sampleObject(decoded.value.body));
  });
  bus.subscribe(ecuSubject.heartbeat(REAL.mac), ({ payload }) => {
    if (decodeHeartbeat(payload).ok) heartbeats++;
  });
  await run.fleet.deploy(await prepareTask(exampleFolder('pid')));
});
afterAll(() => run.end());

const drover = (...args: readonly string[]): Promise<Ran> => runDrover(...args, '--data', run.folder);

describe('a real bridge', () => {
  test('says how its machine is, again and again, and its heartbeats go on', async () => {
    await until('twenty samples and heartbeats', () => of(REAL.mac).length > 20 && heartbeats > 5);
    await until('all that any machine has', () => {
      const { metrics = {} } = last(REAL.mac) ?? {};
      const wanted = ['cpu.load', 'memory.available', 'network.roundTrip', 'tasks.load', 'bridge.load'] as const;
      return wanted.every((metric) => metrics[metric] !== undefined);
    });
    const all = of(REAL.mac);
    for (const [at, sample] of all.entries()) {
      expect(sample).toMatchObject({ incarnation: 1, kind: 'cpu', refused: [] });
      if (at > 0) expect(sample.sequence).toBe((all[at - 1]?.sequence ?? 0) + 1);
      if (at > 0) expect(sample.atUs - (all[at - 1]?.atUs ?? 0)).toBeGreaterThan(40_000);
    }
    expect(last(REAL.mac)?.metrics['network.roundTrip']).toBeGreaterThan(0);
    expect(last(REAL.mac)?.missing).toEqual([]);
  });

  test('tells of the board’s own sensors and of simulated ones that warm up; one that measures nothing is silent', async () => {
    await until('the tool was read', () => last(BOARDED.mac)?.metrics['fpga.logic'] !== undefined);
    const cold = of(BOARDED.mac)[0]?.temperatureCelsius ?? Number.NaN;
    await until('it is five degrees hotter', () => (last(BOARDED.mac)?.temperatureCelsius ?? 0) > cold + 5);
    expect(last(BOARDED.mac)).toMatchObject({ kind: 'fpga', metrics: { 'fpga.logic': expect.closeTo(0.635, 9) } });
    expect(last(BOARDED.mac)?.powerWatts).toBeGreaterThan(4);
    expect(of(SILENT.mac)).toEqual([]);
  });

  test('tells what its task takes', async () => {
    await until('it runs somewhere', async () => (await run.task('pid'))?.state === 'owned');
    const { owner = '' } = (await run.task('pid')) ?? {};
    expect(owner).not.toBe(SILENT.mac);
    const counted = (): SampleObject['tasks'][number] | undefined =>
      last(owner)?.tasks.find(({ task, captures, responses }) => task === 'pid' && captures > 0 && responses > 0);
    await until('its jobs are counted', () => counted() !== undefined);
    const task = counted();
    expect(task?.executionUs).toBeGreaterThan(0);
    expect(task?.responseUs).toBeGreaterThanOrEqual(0);
    expect(task?.fuel).toBeGreaterThan(0);
    expect(task?.dirtyPages).toBeLessThanOrEqual(task?.pages ?? 0);
    expect(task?.jobs).toBeGreaterThanOrEqual(task?.responses ?? 0);
  });
});

describe('the commands', () => {
  test('drover metrics: all ECUs now, as a table and for programs', async () => {
    await until('both have something kept', async () => (await newestSamples(run.fleet.client)).size === 2);
    const { exitCode, out, error } = await drover('metrics', '--json');
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
    const { ecus } = JSON.parse(out) as { readonly ecus: readonly (SampleObject & { readonly ecu: string })[] };
    expect(ecus.map(({ ecu }) => ecu).sort()).toEqual(['board', 'real']);
    const table = (await drover('metrics')).out;
    expect(table).toMatch(/ECU +MAC +KIND +LOAD/);
    expect(table).toMatch(/board +02aa00000002 +fpga +\d+ %/);
    expect((await drover('metrics', '--ecu', 'real', '--json')).out).not.toContain('board');
  });

  test('drover status: load, heat and power where they are known', async () => {
    const { ecus } = JSON.parse((await drover('status', '--json')).out) as {
      readonly ecus: readonly { readonly name: string; readonly metrics?: SampleObject }[];
    };
    const board = ecus.find(({ name }) => name === 'board');
    expect(board?.metrics?.temperatureCelsius).toBeGreaterThan(30);
    expect(ecus.find(({ name }) => name === 'silent')?.metrics).toBeUndefined();
    const table = (await drover('status', '--once')).out;
    expect(table).toMatch(/LOAD +°C +W +OFFERS/);
    expect(table).toContain('METRICS');
  });

  test('drover metrics --history: what was kept, as CSV in the order in which it was', async () => {
    const { exitCode, out } = await drover('metrics', '--history', '--ecu', '02:aa:00:00:00:01');
    expect(exitCode).toBe(0);
    const [head = '', ...rows] = out.trimEnd().split('\n');
    expect(head).toMatch(/^time,ecu,incarnation,cpu\.load,/);
    expect(rows.length).toBeGreaterThan(5);
    const times = rows.map((row) => Date.parse(row.split(',')[0] ?? ''));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(new Set(rows.map((row) => row.split(',')[1]))).toEqual(new Set(['real']));
  });

  test('drover metrics --follow: every sample as it comes, until Ctrl-C', async () => {
    const args = [MAIN, 'metrics', '--follow', '--json', '--ecu', 'real', '--data', run.folder];
    const follow = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, CI: 'true' } });
    let out = '';
    follow.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    await until('ten lines', () => out.split('\n').length > 10);
    follow.kill('SIGINT');
    const [exitCode] = await once(follow, 'close');
    expect(exitCode).toBe(0);
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as SampleObject & { readonly ecu: string });
    expect(lines.every(({ ecu }) => ecu === 'real')).toBe(true);
    expect(lines.map(({ sequence }) => sequence)).toEqual(lines.map((_, at) => (lines[0]?.sequence ?? 0) + at));
  });

  test('wrong words are refused, with the way out', async () => {
    expect(await drover('metrics', '--ecu', 'ecu9')).toMatchObject({
      exitCode: 1,
      error: expect.stringContaining('there are board, real, silent'),
    });
    expect((await drover('metrics', '--follow', '--history')).error).toContain('either --follow');
    expect((await drover('ecu', '--metrics-every', '1ms')).error).toContain('10ms to 60s, or off');
    expect((await drover('ecu', '--sensor', '/nowhere.yaml')).error).toContain('examples/sensors/board.yaml');
  });
});

test('a bridge that was killed begins its samples anew, and the old ones say nothing of now', async () => {
  const before = samples.length;
  await run.fleet.kill(REAL.mac, 'bridge');
  await until('its next incarnation samples', () =>
    samples.slice(before).some(({ mac, incarnation }) => mac === REAL.mac && incarnation === 2),
  );
  const first = samples.slice(before).find(({ mac, incarnation }) => mac === REAL.mac && incarnation === 2);
  expect(first?.sequence).toBe(1);
  await until('it is told of by its new samples alone', async () => {
    const { ecus } = JSON.parse((await drover('metrics', '--ecu', 'real', '--json')).out) as {
      readonly ecus: readonly SampleObject[];
    };
    return ecus[0]?.incarnation === 2;
  });
});
