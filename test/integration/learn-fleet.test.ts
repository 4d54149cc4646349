/**
 * A real fleet that learns: processes, a server, and training in a manager's thread with TensorFlow.js. What drawn reports say comes from the test, as if
 * there were more ECUs; what the fleet's own ECU says comes from its lanes.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { encodeModel } from '../../infra/learned/model-file.ts';
import { createBusModelBoard } from '../../infra/nats/model-board.ts';
import { queryFleet, queryManagers } from '../../src/app/fleet/fleet-calls.ts';
import { ecuMac } from '../../src/app/fleet/local-fleet.ts';
import { learningStatus } from '../../src/app/learn/fleet-status.ts';
import { trainModel } from '../../src/app/learn/train-model.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import type { OutcomeReport, OutcomeRow } from '../../src/domain/learn/fleet/outcome.ts';
import { decodeOutcomeReport } from '../../src/domain/protocol/codec-learn.ts';
import { bucket, buckets, learnSubject, streams } from '../../src/domain/protocol/subjects.ts';
import { type FleetRun, startFleet, until } from '../support/fleet-run.ts';
import { labelledSets } from '../support/learn-sets.ts';
import { drawnRows, encodedReport, reportOf } from '../support/outcome-rows.ts';
import { plainTrainer } from '../support/plain-trainer.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
const OTHER = '02bb00000001';
const SECOND_US = 1_000_000;

let run: FleetRun | undefined;
let folder: string | undefined;

afterEach(async () => {
  await run?.end();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  run = undefined;
});

async function modelFile(): Promise<string> {
  folder = mkdtempSync(join(tmpdir(), 'drover-learn-'));
  const model = await trainModel(labelledSets(3, 400), {
    ...{ network: 'logistic', cell: 'gru', reads: 'demand', epochs: 1, seed: 1 },
    // Knows nothing, and so says no to everything: whatever is trained from it is better.
    trainer: async () => ({
      ...plainTrainer,
      train: ({ parameters }) => Promise.resolve(new Float32Array(parameters.length)),
    }),
  });
  const path = join(folder, 'small.model');
  writeFileSync(path, encodeModel(model));
  return path;
}

test('rows become a version, managers and bridges go over to it, and a restart finds it again', {
  timeout: 300_000,
}, async () => {
  const ecus = [{ mac: ecuMac(1), name: 'ecu1', cores: 1, learnWindowUs: SECOND_US }];
  run = await startFleet(
    { ecus: 1, managers: 2 },
    { ecus, adviser: await modelFile(), learns: { setsLeast: 12, everyUs: SECOND_US } },
  );
  const { fleet } = run;
  const { client } = fleet;
  const board = createBusModelBoard(client.host);
  const headNow = async () => (await board.read()).head;
  const managersNow = async () => (await queryManagers(client, await queryFleet(client))).map(({ learning }) => learning);
  // One consumer for all of the test: a status a poll would be one each.
  const reports: OutcomeReport[] = [];
  await client.host.bus.consume(streams.learning, { filter: learnSubject.of(ecuMac(1)), from: 1 }, ({ payload }) => {
    const decoded = decodeOutcomeReport(payload);
    if (decoded.ok) reports.push(decoded.value.body);
  });
  // Not in one turn: this process's own connection would not be answered for while it waits.
  const drover = async (...args: string[]): Promise<string> => {
    const env = { ...process.env, CI: 'true' };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [MAIN, ...args, '--data', run?.folder ?? ''], {
      env,
    });
    expect(stderr).toBe('');
    return stdout;
  };
  let sequence = 0;
  const report = async (rows: readonly OutcomeRow[]): Promise<void> => {
    const bytes = encodedReport(client.host, reportOf(OTHER, rows, { sequence: ++sequence }));
    const { kind } = await client.host.bus.append(learnSubject.of(OTHER), bytes, { timeoutUs: 30 * SECOND_US });
    expect(kind).toBe('appended');
  };

  await fleet.deploy(await prepareTask(exampleFolder('counter')));
  await until('the ECU reports what its lane did', () => reports.some(({ rows }) => rows.length > 0));
  expect(await drover('status')).toContain('targets ranked by small.model');
  expect(await drover('explain', 'task/counter')).toMatch(/advice [01]\.\d\d[\s\S]*advice by small\.model [0-9a-f]{8}/);

  await report(drawnRows(1, 60));
  await until('a version is published', async () => (await headNow()).versions.length > 0);
  const first = (await headNow()).versions.at(-1);
  expect(first).toMatchObject({ number: 1, scheduling: 'fp', drawn: 2_000, by: expect.stringMatching(/^m[12]$/) });
  expect(first?.accuracy).toBeGreaterThanOrEqual(first?.parentAccuracy ?? 1);
  const newest = async (): Promise<string> => {
    const [version] = (await headNow()).versions;
    return `v${version?.number} ${version?.digest.slice(0, 8)}`;
  };
  const isTaken = async (): Promise<boolean> => {
    const [managers, name] = [await managersNow(), await newest()];
    return managers.length === 2 && managers.every((learning) => learning?.advisedBy === name);
  };
  await until('both managers rank by it', isTaken);
  await until('the bridge learns on from it', async () => {
    const [version] = (await headNow()).versions;
    return reports.at(-1)?.learner.version === version?.number;
  });
  const status = await learningStatus(client);
  expect(status.bridges.map(({ name, version }) => [name, version])).toEqual([
    ['ecu1', status.versions[0]?.number],
    [OTHER, 0],
  ]);
  expect(await drover('learn', 'status')).toMatch(
    /rows about \d+ sets[\s\S]*VERSION[\s\S]*v1 [0-9a-f]{8}[\s\S]*m1 ranks by v\d[\s\S]*ecu1/,
  );

  await fleet.killManager('m1');
  await fleet.restart('m1');
  await until('it ranks by the newest version again', isTaken);

  // A file that is not what the head says is refused by everybody, and the one before stays.
  const name = await newest();
  const { head, position } = await board.read();
  const [before] = head.versions;
  if (before === undefined) throw new Error('there is a version');
  const key = 'model.forger.0';
  await client.host.bus.append(bucket.entry(buckets.learned, key), new Uint8Array(900), { timeoutUs: 5 * SECOND_US });
  const forged = { ...before, number: before.number + 1, key, parent: before.digest, digest: 'ab'.repeat(32) };
  expect(await board.replace({ ...head, versions: [forged, before] }, position)).toBe('replaced');
  await until('both managers say what is wrong', async () => {
    const managers = await managersNow();
    return managers.length === 2 && managers.every((one) => one?.refused?.includes('has another digest') === true);
  });
  for (const learning of await managersNow()) expect(learning?.advisedBy).toBe(name);
  expect(await drover('learn', 'status')).toContain('has another digest than its entry says');

  // What comes next follows the forged number, and is taken.
  await report(drawnRows(2, 60));
  await until('there is a sound version again, begun as the first was', async () => {
    const [version] = (await headNow()).versions;
    return version?.number === forged.number + 1;
  });
});
