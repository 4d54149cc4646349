/**
 * One bridge in this process, on a real broker with real workers and a real disk, driven by raw commands as a manager sends
 * them: the first place where the bridge, its instances and its tickers meet what they were written for.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNatsArtefacts } from '../../infra/nats/artefacts.ts';
import { findServer } from '../../infra/nats/find-server.ts';
import { type RunningServer, startServer } from '../../infra/nats/start-server.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { type OpenBridge, openBridge } from '../../src/app/compose/open-bridge.ts';
import { type FleetClient, openFleetClient } from '../../src/app/compose/open-fleet-client.ts';
import { type BridgeConfig, HEARTBEAT_INTERVAL_US } from '../../src/app/compose/process-config.ts';
import { type PreparedTask, prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import type { CheckpointManifest } from '../../src/domain/model/checkpoint.ts';
import type { JobRecord } from '../../src/domain/model/job.ts';
import { decodeCheckpointNotice } from '../../src/domain/protocol/codec-checkpoint.ts';
import { decodeAnswer, encodeCommand } from '../../src/domain/protocol/codec-command.ts';
import { decodeJobJournal } from '../../src/domain/protocol/codec-job.ts';
import type { Answer, Command } from '../../src/domain/protocol/messages.ts';
import { checkpointSubject, ecuSubject, header, streams, taskSubject } from '../../src/domain/protocol/subjects.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';
import { text, until } from '../support/fleet-run.ts';

const MAC = '02aa00000001';

let folder: string;
let server: RunningServer;
let client: FleetClient;
const bridges: OpenBridge[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-lone-'));
  const { path } = await findServer();
  server = await startServer({ program: path, dataFolder: join(folder, 'server'), tied: true });
  client = await openFleetClient({ kind: 'folder', folder: join(folder, 'server') }, { prepare: true });
});

afterEach(async () => {
  for (const bridge of bridges.splice(0)) await bridge.stop('the test is over');
  await client.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const config = (mac: string, home = mac): BridgeConfig => ({
  mac,
  name: `ecu ${mac}`,
  ecuClass: 'default',
  resourceKind: 'cpu',
  cores: 2,
  memoryBytes: 512 * 1024 ** 2,
  capabilities: [],
  labels: {},
  heartbeatIntervalUs: HEARTBEAT_INTERVAL_US,
  coLocatedManagers: [],
  broker: { kind: 'folder', folder: join(folder, 'server') },
  dataFolder: join(folder, home),
  log: { level: 'info', file: join(folder, `${home}.log`) },
  supervisor: undefined,
});

async function startBridge(mac: string, home?: string, more: Partial<BridgeConfig> = {}): Promise<OpenBridge> {
  const bridge = await openBridge({ ...config(mac, home), ...more });
  bridges.push(bridge);
  return bridge;
}

let revision = 0;
async function send(mac: string, command: Command): Promise<Answer> {
  const bytes = encodeCommand({ id: randomUUID(), sender: 'test', trace: '', sentAtUs: 0, body: command });
  const answer = decodeAnswer(await client.host.bus.request(ecuSubject.command(mac), bytes, { timeoutUs: 60_000_000 }));
  if (!answer.ok) throw new Error(answer.error.sentence);
  return answer.value.body;
}

const commandHeader = (task: string, epoch: number) =>
  ({ task, epoch, effectId: `test/${++revision}`, actor: 'arbiter/test', actorRevision: revision }) as const;

async function deploy(mac: string, prepared: PreparedTask, epoch: number, incarnation = 1): Promise<Answer> {
  await createNatsArtefacts({ connection: client.link.connection, hasher: systemHasher }).put(prepared.artefact);
  return send(mac, {
    kind: 'deploy',
    ...commandHeader(prepared.spec.name, epoch),
    spec: prepared.spec,
    incarnation,
    checkpoint: undefined,
  });
}

/** Collects a task's outputs, the markers among them. */
async function outputsOf(task: string): Promise<StreamMessage[]> {
  const messages: StreamMessage[] = [];
  await client.host.bus.consume(
    streams.outputs(0),
    { filter: taskSubject.outputs(client.host.names, task), from: 1 },
    (message) => messages.push(message),
  );
  return messages;
}

const isMarker = (message: StreamMessage): boolean => message.headers[header.marker] === '1';

describe('a lone bridge', () => {
  test('runs the counter: ticks in, numbered outputs out, checkpoints announced', async () => {
    await startBridge(MAC);
    const counter = await prepareTask(exampleFolder('counter'));
    const outputs = await outputsOf('counter');
    const manifests: CheckpointManifest[] = [];
    client.host.bus.subscribe(checkpointSubject.allAnnounced, (message) => {
      const notice = decodeCheckpointNotice(message.payload);
      if (notice.ok && notice.value.body.kind === 'announced') manifests.push(notice.value.body.manifest);
    });
    expect(await deploy(MAC, counter, 1)).toMatchObject({ kind: 'running', task: 'counter', epoch: 1, incarnation: 1 });
    await until('40 outputs and 3 checkpoints', () => outputs.length > 40 && manifests.length >= 3);
    expect(isMarker(outputs[0] as StreamMessage)).toBe(true);
    const counted = outputs.filter((message) => !isMarker(message));
    expect(counted.map((message) => Number(message.headers[header.output]))).toEqual(counted.map((_, index) => index + 1));
    expect(counted.map(text)).toEqual(counted.map((_, index) => String(index + 1)));
    expect(manifests[0]).toMatchObject({ task: 'counter', mac: MAC, epoch: 1, sequence: 1, baseSequence: undefined });
    expect(manifests[1]).toMatchObject({ sequence: 2, baseSequence: 1 });
  });

  test('says when every job starts and stops, once it is asked to, and nothing before', async () => {
    const records: JobRecord[] = [];
    client.host.bus.subscribe(ecuSubject.allJobs, (message) => {
      const journal = decodeJobJournal(message.payload);
      if (!journal.ok) throw new Error(journal.error.sentence);
      expect(journal.value.body).toMatchObject({ mac: MAC, incarnation: 2 });
      records.push(...journal.value.body.records);
    });
    const counter = await prepareTask(exampleFolder('counter'));
    const outputs = await outputsOf('counter');
    const silent = await startBridge(MAC);
    await deploy(MAC, counter, 1);
    await until('20 outputs', () => outputs.length > 20);
    await silent.stop('the test starts another');
    bridges.splice(0);
    await startBridge(MAC, MAC, { recordJobs: true });
    await deploy(MAC, counter, 2, 2);
    await until('20 jobs', () => records.length > 40);
    const jobs = new Map<number, JobRecord[]>();
    for (const record of records) jobs.set(record.jobNumber, [...(jobs.get(record.jobNumber) ?? []), record]);
    expect([...jobs.keys()].slice(0, 3)).toEqual([1, 2, 3]);
    for (const [started, stopped] of [...jobs.values()].filter(({ length }) => length === 2)) {
      if (started?.kind !== 'started' || stopped?.kind !== 'stopped') throw new Error('a start comes before its stop');
      expect(started).toMatchObject({ task: 'counter', epoch: 2, inputKind: 'tick' });
      expect(started.releasedAtUs).toBeLessThanOrEqual(started.startedAtUs);
      expect(started.startedAtUs).toBeLessThanOrEqual(stopped.stoppedAtUs);
      expect(stopped).toMatchObject({ failure: undefined, outputs: 1 });
      expect(stopped.fuelUsed).toBeGreaterThan(0);
    }
  });

  test('answers a repeated deploy with the same instance, and refuses an older epoch', async () => {
    await startBridge(MAC);
    const counter = await prepareTask(exampleFolder('counter'));
    const first = await deploy(MAC, counter, 3);
    expect(await deploy(MAC, counter, 3)).toEqual(first);
    expect(await deploy(MAC, counter, 2)).toMatchObject({ kind: 'refused', code: 'ERR_COMMAND_EPOCH' });
  });

  test('an instance on another ECU fences it: its outputs end where the new marker stands', async () => {
    const other = '02aa00000002';
    await Promise.all([startBridge(MAC), startBridge(other)]);
    const counter = await prepareTask(exampleFolder('counter'));
    const outputs = await outputsOf('counter');
    await deploy(MAC, counter, 1);
    await until('20 outputs of the first', () => outputs.length > 20);
    expect(await deploy(other, counter, 2)).toMatchObject({ kind: 'running', epoch: 2 });
    const marker = (): number => outputs.findIndex((message) => isMarker(message) && message.headers[header.epoch] === '2');
    await until('20 outputs of the second', () => marker() >= 0 && outputs.length > marker() + 20);
    expect(outputs.slice(marker()).every((message) => message.headers[header.epoch] === '2')).toBe(true);
    expect(outputs.slice(0, marker()).every((message) => message.headers[header.epoch] === '1')).toBe(true);
    // Deployed without a checkpoint it began at the first input and gave what was already accepted only once.
    const counted = outputs.filter((message) => !isMarker(message));
    expect(counted.map(text)).toEqual(counted.map((_, index) => String(index + 1)));
    // The first one learns that it is fenced from its next append, and ends then.
    const load = () => send(MAC, { kind: 'query-load' });
    await expect.poll(load, { timeout: 60_000 }).toMatchObject({ kind: 'load', load: { tasks: [] } });
  });

  test('two bridges with one MAC: the second says so and does not start', async () => {
    await startBridge(MAC);
    await expect(openBridge(config(MAC, 'elsewhere'))).rejects.toMatchObject({ code: 'ERR_MAC_TAKEN' });
    expect(await send(MAC, { kind: 'query-load' })).toMatchObject({ kind: 'load', load: { mac: MAC, incarnation: 1 } });
  });

  test('two bridges that start on one MAC in the same moment: one serves, the other says so, and a start after a crash succeeds', async () => {
    for (let round = 1; round <= 5; round++) {
      const homes = [`one-${round}`, `two-${round}`];
      const starts = await Promise.allSettled(homes.map((home) => startBridge(MAC, home)));
      const served = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
      expect(served).toHaveLength(1);
      expect(starts.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'ERR_MAC_TAKEN' } });
      expect(await send(MAC, { kind: 'query-load' })).toMatchObject({ kind: 'load', load: { mac: MAC } });
      await served[0]?.stop('the next round');
      bridges.splice(0);
    }
  });

  test('a bridge that starts again has the next incarnation and says that what it ran has died', async () => {
    const counter = await prepareTask(exampleFolder('counter'));
    const first = await startBridge(MAC);
    await deploy(MAC, counter, 1);
    await first.stop('the test restarts it');
    bridges.splice(0);
    const second = await startBridge(MAC);
    expect(second.incarnation).toBe(2);
    expect(await deploy(MAC, counter, 1, 1)).toMatchObject({ kind: 'refused', code: 'ERR_COMMAND_DIED' });
    expect(await deploy(MAC, counter, 2, 2)).toMatchObject({ kind: 'running', epoch: 2, incarnation: 2 });
  });
});
