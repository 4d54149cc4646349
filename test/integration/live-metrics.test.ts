/** `drover feed --live-metrics`: this machine's own load arrives at a task, row by row, until Ctrl-C. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { header, streams, taskSubject } from '../../src/domain/protocol/subjects.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';
import { type FleetRun, startFleet, text, until } from '../support/fleet-run.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
const COLUMNS_MAX = 8;

let run: FleetRun;
beforeEach(async () => {
  run = await startFleet({ ecus: 1, managers: 1 });
});
afterEach(() => run.end());

test('the Kalman filter gets the loads of the cores, memory and temperature, numbered without a gap', async () => {
  await run.fleet.deploy(await prepareTask(exampleFolder('kalman')));
  const outputs = await run.outputs('kalman');
  const { bus, names } = run.fleet.client.host;
  const inputs: StreamMessage[] = [];
  await bus.consume(streams.inputs(0), { filter: taskSubject.data(names, 'kalman'), from: 1 }, (message) =>
    inputs.push(message),
  );
  const args = [MAIN, 'feed', 'kalman', '--live-metrics', '--rate', '50/s', '--json', '--data', run.folder];
  const feed = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, CI: 'true' } });
  let out = '';
  let error = '';
  feed.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  feed.stderr.on('data', (chunk) => {
    error += String(chunk);
  });
  await until('30 rows, and the task has answered some', () => inputs.length > 30 && outputs.length > 5);
  feed.kill('SIGINT');
  const [exitCode] = await once(feed, 'close');
  expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
  const said: { readonly task: string; readonly inputs: number; readonly lastNumber: number } = JSON.parse(out);
  expect(said).toEqual({ task: 'kalman', inputs: said.lastNumber, lastNumber: said.inputs });
  await until('every row is in the stream', () => inputs.length === said.inputs);
  expect(inputs.map(({ headers }) => Number(headers[header.number]))).toEqual(inputs.map((_, at) => at + 1));

  const rows = inputs.map((input) => text(input).split(',').map(Number));
  const cores = Math.min(6, availableParallelism());
  for (const row of rows) {
    expect(row.length).toBeGreaterThanOrEqual(cores + 1);
    expect(row.length).toBeLessThanOrEqual(COLUMNS_MAX);
    for (const share of row.slice(0, cores + 1)) {
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(100);
    }
  }
  // Live: a machine that runs this test is not at the same load for half a second, and never idle throughout.
  expect(new Set(inputs.map(text)).size).toBeGreaterThan(1);
  expect(rows.some((row) => row.slice(0, cores).some((load) => load > 0))).toBe(true);
  expect(rows.every((row) => (row[cores] ?? 0) > 0)).toBe(true);
});
