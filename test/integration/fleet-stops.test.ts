/** A fleet that stops as a whole and is started again; an ECU that leaves alone; one that comes back with an empty disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { queryFleet } from '../../src/app/fleet/fleet-calls.ts';
import { ecuPlans, type FleetEvent, LocalFleet, managerIds } from '../../src/app/fleet/local-fleet.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import type { CheckpointManifest } from '../../src/domain/model/checkpoint.ts';
import { decodeCheckpointNotice } from '../../src/domain/protocol/codec-checkpoint.ts';
import { decodeRecord } from '../../src/domain/protocol/codec-record.ts';
import {
  actorSubject,
  bucket,
  buckets,
  checkpointSubject,
  header,
  streams,
  taskSubject,
} from '../../src/domain/protocol/subjects.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';
import { text, until } from '../support/fleet-run.ts';

const TASKS = ['counter-a', 'counter-b', 'counter-c'];

let folder: string;
let fleet: LocalFleet;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-stop-'));
});
afterEach(async () => {
  await fleet.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function up(events: FleetEvent[] = []): Promise<void> {
  const onEvent = (event: FleetEvent): void => void events.push(event);
  fleet = new LocalFleet({ dataFolder: folder, ecus: ecuPlans(2), managers: managerIds(2), onEvent });
  await fleet.start();
}

async function deployAll(): Promise<void> {
  for (const name of TASKS) await fleet.deploy(await prepareTask(exampleFolder('counter'), { name }));
}

const placements = async () => (await queryFleet(fleet.client)).tasks.filter(({ state }) => state === 'owned');

/** Everything the task has ever had accepted, from the first output on. */
async function outputsOf(task: string): Promise<string[]> {
  const { bus, names } = fleet.client.host;
  const collected: string[] = [];
  await bus.consume(streams.outputs(0), { filter: taskSubject.outputs(names, task), from: 1 }, (message) => {
    if (message.headers[header.marker] !== '1') collected.push(text(message));
  });
  return collected;
}

/** Every event that the placement of a task has taken, oldest first, as far as its journal is kept. */
async function placementEvents(task: string): Promise<string[]> {
  const { bus, names } = fleet.client.host;
  const subject = actorSubject(names, `placement/${task}`);
  const events: string[] = [];
  for (let sequence = 1; ; ) {
    const message = await bus.readNext(streams.actors(0), subject, sequence);
    if (message === undefined) return events;
    const record = decodeRecord(message.payload);
    if (record.ok) events.push(record.value.event.type);
    sequence = message.sequence + 1;
  }
}

test('a fleet that stops as a whole has nothing to replay when it is started again', async () => {
  await up();
  await deployAll();
  await until('every task runs', async () => (await placements()).length === TASKS.length);
  const outputs = await Promise.all(TASKS.map(outputsOf));
  await until('20 outputs each', () => outputs.every(({ length }) => length > 20));
  await fleet.stop();
  await up();
  await until('every task runs', async () => (await placements()).length === TASKS.length);
  for (const task of TASKS) {
    const { marker, newest } = await newestOfEpoch(task, 1);
    expect(newest).toMatchObject({ task, outputNumber: Number(marker.headers[header.output]) });
  }
});

/** The marker after an epoch, which says what was accepted of it, and the epoch's newest checkpoint. */
async function newestOfEpoch(task: string, epoch: number) {
  const { bus, names } = fleet.client.host;
  let marker: StreamMessage | undefined;
  await bus.consume(streams.outputs(0), { filter: taskSubject.outputs(names, task), from: 1 }, (message) => {
    if (message.headers[header.marker] === '1' && Number(message.headers[header.epoch]) > epoch) marker ??= message;
  });
  let newest: CheckpointManifest | undefined;
  await bus.consume(streams.checkpoints, { filter: checkpointSubject.all, from: 1 }, ({ payload }) => {
    const notice = decodeCheckpointNotice(payload);
    if (!notice.ok || notice.value.body.kind !== 'announced') return;
    const { manifest } = notice.value.body;
    if (manifest.task === task && manifest.epoch === epoch) newest = manifest;
  });
  await until('the next instance of it has begun', () => marker !== undefined);
  await until('its last checkpoint is read', () => newest?.outputNumber === Number(marker?.headers[header.output]));
  return { marker: marker as StreamMessage, newest };
}

test('a fleet that stops as a whole sheds nothing, and started again it goes on where it stopped', async () => {
  await up();
  await deployAll();
  const before = await Promise.all(TASKS.map(outputsOf));
  await until('every task has a durable checkpoint and 50 outputs', async () => {
    const tasks = await placements();
    return (
      tasks.length === TASKS.length &&
      tasks.every(({ durability }) => durability === 'durable') &&
      before.every(({ length }) => length > 50)
    );
  });
  const epochs = (await placements()).map(({ epoch }) => epoch);
  await fleet.stop();
  await up();
  await until('every task runs again', async () => {
    const tasks = await placements();
    return tasks.length === TASKS.length && tasks.every(({ epoch }, at) => epoch > (epochs[at] ?? 0));
  });
  const after = await Promise.all(TASKS.map(outputsOf));
  await until('every task has gone on', () => after.every((outputs, at) => outputs.length > (before[at]?.length ?? 0) + 50));
  // A counter run alone says 1, 2, 3, … whatever its inputs are.
  for (const outputs of after) expect(outputs).toEqual(outputs.map((_, index) => String(index + 1)));
  for (const task of TASKS) expect(await placementEvents(task)).not.toContain('TASK.SHED');
  // One move for the whole stop and start: nobody took an epoch while the fleet was going down.
  expect((await placements()).map(({ epoch }) => epoch)).toEqual(epochs.map((epoch) => epoch + 1));
});

test('the tasks of an ECU that says goodbye alone run elsewhere', async () => {
  await up();
  await fleet.deploy(await prepareTask(exampleFolder('counter')));
  await until('it runs', async () => (await placements()).length === 1);
  const [task] = await placements();
  const outputs = await outputsOf('counter');
  await until('50 outputs', () => outputs.length > 50);
  const supervisor = fleet.processes().find(({ host }) => host === `supervisor.${task?.owner}`);
  process.kill(supervisor?.pid ?? 0, 'SIGTERM');
  await until('another owner', async () =>
    (await placements()).some(({ owner, epoch }) => owner !== task?.owner && epoch > (task?.epoch ?? 0)),
  );
  const then = outputs.length;
  await until('50 more outputs', () => outputs.length > then + 50);
  expect(outputs).toEqual(outputs.map((_, index) => String(index + 1)));
  // The view of placements follows, whichever manager wrote the record.
  const [now] = await placements();
  const shown = async (): Promise<unknown> => {
    const entry = await fleet.client.host.bus.readLast(bucket.entry(buckets.placement, 'counter'));
    return entry === undefined ? undefined : JSON.parse(text(entry));
  };
  const expected = { version: 1, state: 'owned', epoch: now?.epoch, mac: now?.owner };
  await expect.poll(shown, { timeout: 60_000 }).toMatchObject(expected);
});

test('an ECU whose disk was wiped goes on counting its incarnations where the fleet remembers them', async () => {
  const events: FleetEvent[] = [];
  await up(events);
  await fleet.deploy(await prepareTask(exampleFolder('counter')));
  await until('it runs', async () => (await placements()).length === 1);
  const mac = (await placements())[0]?.owner ?? '';
  await fleet.kill(mac, 'ecu');
  rmSync(join(folder, 'ecus', mac), { recursive: true });
  await fleet.restart(mac);
  const starts = events.flatMap((event) =>
    event.kind === 'ready' && event.host === `bridge.${mac}` ? [event.incarnation] : [],
  );
  expect(starts).toEqual([1, 2]);
  await until('the managers take it for alive', async () =>
    (await queryFleet(fleet.client)).ecus.some((ecu) => ecu.mac === mac && ecu.incarnation === 2 && ecu.state === 'alive'),
  );
  const outputs = await outputsOf('counter');
  await until('the task goes on', () => outputs.length > 100);
  expect(outputs).toEqual(outputs.map((_, index) => String(index + 1)));
});
