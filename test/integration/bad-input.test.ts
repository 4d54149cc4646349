/** What no part of a healthy fleet says, said to a real one: each is refused by name and counted, and the fleet goes on. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { queryFleet } from '../../src/app/fleet/fleet-calls.ts';
import { ecuPlans, LocalFleet } from '../../src/app/fleet/local-fleet.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { foldManifest } from '../../src/domain/checkpoint/manifest.ts';
import { PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import {
  decodeManifestRequest,
  decodePageRequest,
  encodeCheckpointNotice,
  encodeManifestAnswer,
  encodePageAnswer,
} from '../../src/domain/protocol/codec-checkpoint.ts';
import { decodeManagerAnswer, encodeManagerCall } from '../../src/domain/protocol/codec-manager.ts';
import { actorSubject, checkpointSubject, ecuSubject, managerSubject } from '../../src/domain/protocol/subjects.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';
import { ChangingTask } from '../support/checkpoints.ts';
import { type FleetRun, startFleet, text, until } from '../support/fleet-run.ts';

const TIMEOUT = { timeoutUs: 2_000_000 };
const VERSION_2 = Uint8Array.of(8, 2);
const OVERSIZED_BYTES = 9 * 1024 ** 2;

let run: FleetRun;
let mac: string;
let counted: StreamMessage[];

beforeAll(async () => {
  run = await startFleet({ ecus: 1, managers: 1 });
  mac = run.fleet.macs[0] ?? '';
  await run.fleet.deploy(await prepareTask(exampleFolder('counter')));
  counted = await run.outputs('counter');
  await until('the counter counts', () => counted.length > 10);
});

afterAll(() => run.end());

const bus = () => run.fleet.client.host.bus;
const envelopeOf = <Body>(body: Body) => ({
  id: `test.${Math.random()}`,
  sender: 'client.test',
  trace: '',
  sentAtUs: Date.now() * 1000,
  body,
});
const truncated = (): Uint8Array => encodeManagerCall(envelopeOf({ kind: 'query-fleet' } as const)).slice(0, -1);
const counterOf = async (name: string): Promise<number> => (await queryFleet(run.fleet.client)).counters[name] ?? 0;

async function expectTheFleetGoesOn(): Promise<void> {
  const before = counted.length;
  await until('the counter goes on', () => counted.length > before + 30);
  expect(counted.map(text)).toEqual(counted.map((_, index) => String(index + 1)));
  expect(run.events.filter(({ kind }) => kind === 'died')).toEqual([]);
}

async function append(subject: string, payload: Uint8Array): Promise<void> {
  expect(await bus().append(subject, payload, TIMEOUT)).toMatchObject({ kind: 'appended' });
}

test('a bridge refuses commands that it cannot read, by name', async () => {
  await expect(bus().request(ecuSubject.command(mac), VERSION_2, TIMEOUT)).rejects.toMatchObject({ code: 'ERR_WIRE_VERSION' });
  await expect(bus().request(ecuSubject.command(mac), truncated(), TIMEOUT)).rejects.toMatchObject({
    code: 'ERR_WIRE_MALFORMED',
  });
  await expect(bus().request(ecuSubject.command(mac), new Uint8Array(OVERSIZED_BYTES), TIMEOUT)).rejects.toMatchObject({
    code: 'ERR_WIRE_OVERSIZED',
  });
  await expectTheFleetGoesOn();
});

test('a manager refuses calls that it cannot read, and counts them', async () => {
  for (const [bytes, code, counter] of [
    [VERSION_2, 'ERR_WIRE_VERSION', 'wire.version'],
    [truncated(), 'ERR_WIRE_MALFORMED', 'wire.malformed'],
  ] as const) {
    const before = await counterOf(counter);
    const answer = decodeManagerAnswer(await bus().request(managerSubject.call, bytes, TIMEOUT));
    expect(answer).toMatchObject({ ok: true, value: { body: { kind: 'refused', code } } });
    expect(await counterOf(counter)).toBe(before + 1);
  }
  await expect(bus().request(managerSubject.call, new Uint8Array(OVERSIZED_BYTES), TIMEOUT)).rejects.toMatchObject({
    code: 'ERR_WIRE_OVERSIZED',
  });
});

test('heartbeats that cannot be read are counted and frighten nobody', async () => {
  const before = await counterOf('wire.version');
  for (let beat = 0; beat < 5; beat++) bus().publish(ecuSubject.heartbeat(mac), VERSION_2);
  bus().publish(ecuSubject.goodbye(mac), VERSION_2);
  await until('they are counted', async () => (await counterOf('wire.version')) >= before + 6);
  // Whoever believed a goodbye would have restored the task: its epoch would have risen. (A busy machine makes a detector suspect for a moment.)
  await until('it is alive', async () => (await queryFleet(run.fleet.client)).ecus[0]?.state === 'alive');
  expect(await run.task('counter')).toMatchObject({ state: 'owned', epoch: 1 });
  await expectTheFleetGoesOn();
});

test('poison in a stream is passed over, also by a manager that starts and finds it there', async () => {
  const { names } = run.fleet.client.host;
  const before = await counterOf('wire.version');
  await append(checkpointSubject.announced('02ff00000009', 1), VERSION_2);
  await append(checkpointSubject.stored('02ff00000009', 1, 'm9'), VERSION_2);
  await append(actorSubject(names, 'placement/broken'), VERSION_2);
  await until('the notices are counted', async () => (await counterOf('wire.version')) >= before + 2);
  await until('the record is counted', async () => (await counterOf('loop.corrupt')) >= 1);
  await run.fleet.killManager('m1');
  await run.fleet.restart('m1');
  expect(await counterOf('loop.corrupt')).toBeGreaterThanOrEqual(1);
  await until('the notices are counted again', async () => (await counterOf('wire.version')) >= 2);
  await until('it knows the counter', async () => (await run.task('counter'))?.state === 'owned');
  // Whoever wants something of the broken one is told what is wrong.
  await expect(run.fleet.deploy(await prepareTask(exampleFolder('counter'), { name: 'broken' }))).rejects.toMatchObject({
    code: 'ERR_RECORD_CORRUPT',
  });
  await run.fleet.deploy(await prepareTask(exampleFolder('counter'), { name: 'sound' }));
  await until('another task is placed', async () => (await run.task('sound'))?.state === 'owned');
  await expectTheFleetGoesOn();
});

test('pages that do not match their digest are not stored, and the next checkpoint is', async () => {
  const ecu = '02ff00000001';
  const task = new ChangingTask('ghost', 16);
  // Pages that no other task has: what a manager holds already it does not ask for.
  for (let page = 0; page < 16; page++) task.memory.set([103, 104, 111, 115, 116, page], page * PAGE_BYTES);
  let damaged = true;
  let servedPages = 0;
  let taken = task.take('full');
  const manifest = () => ({ ...taken.manifest, mac: ecu, incarnation: 1, programId: 1 });
  const stop = await bus().serve({ service: 'drover-bridge', subject: ecuSubject.pages(ecu) }, async ({ payload }) => {
    const asked = decodePageRequest(payload);
    if (!asked.ok) {
      expect(decodeManifestRequest(payload).ok).toBe(true);
      return encodeManifestAnswer(
        envelopeOf({ kind: 'manifest', manifest: foldManifest(manifest(), manifest().pageDigests) } as const),
      );
    }
    const pages = new Uint8Array(asked.value.body.positions.length * PAGE_BYTES);
    for (const [at, index] of asked.value.body.positions.entries())
      pages.set(taken.memory.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES), at * PAGE_BYTES);
    servedPages += pages.length / PAGE_BYTES;
    if (damaged && pages.length > 0) pages[0] = (pages[0] ?? 0) ^ 1;
    return encodePageAnswer(envelopeOf({ kind: 'pages', pages } as const));
  });
  const announce = () =>
    append(
      checkpointSubject.announced(ecu, 1),
      encodeCheckpointNotice(envelopeOf({ kind: 'announced', manifest: manifest(), standbys: [] } as const)),
    );
  await announce();
  await until('the damage is counted', async () => (await counterOf('checkpoint.pullFailed.ERR_STORE_CORRUPT')) >= 1);
  expect(servedPages).toBeGreaterThan(0);
  expect(await bus().readLast(checkpointSubject.stored(ecu, 1, 'm1'))).toBeUndefined();
  damaged = false;
  task.memory[9] = 7;
  taken = task.take('full');
  await announce();
  await until(
    'the sound one is stored',
    async () => (await bus().readLast(checkpointSubject.stored(ecu, 1, 'm1'))) !== undefined,
  );
  stop();
  await expectTheFleetGoesOn();
});

test('a task that wants what no ECU has is shed, and says what it lacks', async () => {
  const prepared = await prepareTask(exampleFolder('counter'), { name: 'seeing' });
  await run.fleet.deploy({ ...prepared, spec: { ...prepared.spec, capabilities: ['lidar'] } });
  await until('it is shed', async () => (await run.task('seeing'))?.state === 'shed');
  expect((await run.task('seeing'))?.reason).toContain('lidar');
  await expectTheFleetGoesOn();
});

const mounted = (...args: string[]): boolean => spawnSync('mount', args).status === 0;

test('a manager whose disk is full says so and goes on watching, and stores again when there is room', async ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-full-'));
  const disk = join(folder, 'managers', 'm1');
  mkdirSync(disk, { recursive: true });
  if (!mounted('-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk)) {
    rmSync(folder, { recursive: true });
    skip('file systems cannot be mounted here');
  }
  const fleet = new LocalFleet({ dataFolder: folder, ecus: ecuPlans(1), managers: ['m1'] });
  const view = async () => queryFleet(fleet.client);
  try {
    await fleet.start();
    await fleet.deploy(await prepareTask(exampleFolder('grid')));
    await until(
      'the full disk is counted',
      async () => ((await view()).counters['checkpoint.pullFailed.ERR_STORE_FULL'] ?? 0) >= 1,
    );
    expect((await view()).tasks).toEqual([expect.objectContaining({ state: 'owned' })]);
    expect(mounted('-o', 'remount,size=256m', disk)).toBe(true);
    const sequence = async () => (await view()).tasks[0]?.checkpoint?.sequence ?? 0;
    const then = await sequence();
    await until('it stores again', async () => (await sequence()) > then + 1);
    const failures = (await view()).counters['checkpoint.pullFailed.ERR_STORE_FULL'];
    const later = await sequence();
    await until('more is stored', async () => (await sequence()) > later + 3);
    expect((await view()).counters['checkpoint.pullFailed.ERR_STORE_FULL']).toBe(failures);
  } finally {
    await fleet.stop();
    spawnSync('umount', [disk]);
    rmSync(folder, { recursive: true, force: true });
  }
});
