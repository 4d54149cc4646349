/** A data set whose sets are run on a real bridge: measured, interrupted, gone on with, read. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ecuPlans } from '../../src/app/fleet/local-fleet.ts';
import { readDataset } from '../../src/app/learn/files.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { joinMeasuringFleet, startMeasuringFleet } from '../../src/app/runs/measuring-fleet.ts';
import { type RunSpec, runDataset } from '../../src/app/runs/run-dataset.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { WORK_KINDS } from '../../src/domain/realtime/draw/grow.ts';
import type { Calibration } from '../../src/domain/realtime/runs/calibration.ts';
import { RUN_GROW } from '../../src/domain/realtime/runs/candidates.ts';
import { startFleet, until } from '../support/fleet-run.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-runs-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Two tasks alone, then sets of both; jobs are short, so that a busy machine runs them too. */
const SPEC: RunSpec = {
  ...{ label: 'run', seed: 4, sets: 3, cores: 1, kind: 'grown' },
  grow: { ...RUN_GROW, sizeMost: 2, perSize: 2, argument: { least: 1, most: 8 }, jobs: { least: 3, most: 4 } },
};

test('sets are run on a bridge, each job with its start and stop, and an interruption loses none', {
  timeout: 240_000,
}, async () => {
  const out = join(folder, 'runs.arrow');
  const run = (stopAfter: number) => {
    const stop = new AbortController();
    return runDataset({
      ...{ spec: SPEC, out, attemptsMost: 2, signal: stop.signal, say: () => {} },
      onProgress: (done) => {
        if (done >= stopAfter) stop.abort();
      },
      openFleet: () => startMeasuringFleet({ ecus: 1, cores: 1, say: () => {} }),
    });
  };
  expect(await run(1)).toMatchObject({ sets: 1, setsResumed: 0, finished: false });
  const [first] = [...tableFromIPC(readFileSync(out))].map((row) => JSON.stringify(row));
  expect(await run(3)).toMatchObject({ sets: 3, setsResumed: 1, finished: true });
  expect(existsSync(`${out}.parts`)).toBe(false);

  const { sets } = await readDataset(out);
  expect(sets.count).toBe(3);
  const table = tableFromIPC(readFileSync(out));
  expect([...table].map((row) => JSON.stringify(row))[0]).toBe(first);
  const [{ calibration }] = JSON.parse(table.schema.metadata.get('drover.calibration') ?? '[]') as [
    { calibration: Calibration },
  ];
  for (const work of WORK_KINDS) expect(calibration[work].costUs).toBeGreaterThan(0);
  for (const row of table) {
    const list = (name: string): number[] => [...(row[name] as Iterable<number>)];
    expect(row['ecu']).toBe('02aa00000001');
    const [jobs, missed, response, execution] = ['jobs', 'missed', 'responseUs', 'executionUs'].map(list) as [
      number[],
      number[],
      number[],
      number[],
    ];
    const [jobTask, release, start, stop, onTime] = ['jobTask', 'jobReleaseUs', 'jobStartUs', 'jobStopUs', 'jobOnTime'].map(
      list,
    ) as [number[], number[], number[], number[], number[]];
    for (const [task, wanted] of jobs.entries()) {
      const own = [...jobTask.keys()].filter((job) => jobTask[job] === task);
      expect(own.length).toBe(wanted);
      expect(own.filter((job) => onTime[job] === 1).length).toBe(wanted - (missed[task] ?? 0));
      expect(missed[task] === 0).toBe((response[task] ?? 0) > 0);
      expect(execution[task]).toBeGreaterThan(0);
      for (const job of own) {
        expect(start[job]).toBeGreaterThanOrEqual(release[job] ?? 0);
        expect(stop[job]).toBeGreaterThan(start[job] ?? 0);
      }
    }
  }
});

test("an ECU that measures takes none of the fleet's other tasks, and is found by whoever wants to measure", async () => {
  const [measures, works] = ecuPlans(2);
  if (measures === undefined || works === undefined) throw new Error('two were asked for');
  const run = await startFleet(
    { ecus: 2, managers: 1 },
    { ecus: [{ ...measures, capabilities: ['measuring'], recordJobs: true }, works] },
  );
  try {
    const counter = (name: string) => prepareTask(exampleFolder('counter'), { name });
    for (const name of ['counter-1', 'counter-2', 'counter-3']) await run.fleet.deploy(await counter(name));
    for (const name of ['counter-1', 'counter-2', 'counter-3']) {
      await until(`${name} runs`, async () => (await run.task(name))?.state === 'owned');
      expect((await run.task(name))?.owner).toBe(works.mac);
    }
    const joined = await joinMeasuringFleet(run.fleet.broker);
    expect(joined.macs).toEqual([measures.mac]);
    await joined.close();
  } finally {
    await run.end();
  }
});
