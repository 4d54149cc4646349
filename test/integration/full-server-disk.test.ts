/** The disk of the broker is full under a running fleet: said where a person sees it, counted, nothing lost, and it goes on. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { queryBridgeCounters, queryFleet } from '../../src/app/fleet/fleet-calls.ts';
import { ecuPlans, type FleetEvent, LocalFleet, managerIds } from '../../src/app/fleet/local-fleet.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { header, streams, taskSubject } from '../../src/domain/protocol/subjects.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';
import { text, until } from '../support/fleet-run.ts';

const mounted = (...args: string[]): boolean => spawnSync('mount', args).status === 0;
/** Lazily allocated: what the fleet writes is what it takes. */
const SPACIOUS = '16g';
const ROOM_LEFT = 512 * 1024;

test('goes on where it stopped once there is room again', async ({ skip }) => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-full-'));
  const disk = join(folder, 'server');
  mkdirSync(disk, { recursive: true });
  if (!mounted('-t', 'tmpfs', '-o', `size=${SPACIOUS}`, 'tmpfs', disk)) {
    rmSync(folder, { recursive: true });
    skip('file systems cannot be mounted here');
  }
  const events: FleetEvent[] = [];
  const said = () => events.map((event) => (event.kind === 'progress' ? event.sentence : event.kind)).join('\n');
  const fleet = new LocalFleet({
    dataFolder: folder,
    ecus: ecuPlans(2),
    managers: managerIds(2),
    onEvent: (event) => events.push(event),
  });
  try {
    await fleet.start();
    await fleet.deploy(await prepareTask(exampleFolder('counter')));
    const { bus, names } = fleet.client.host;
    const outputs: StreamMessage[] = [];
    await bus.consume(streams.outputs(0), { filter: taskSubject.outputs(names, 'counter'), from: 1 }, (message) => {
      if (message.headers[header.marker] !== '1') outputs.push(message);
    });
    await until('20 outputs', () => outputs.length > 20);
    const { blocks, bfree, bsize } = statfsSync(disk);
    expect(mounted('-o', `remount,size=${(blocks - bfree) * bsize + ROOM_LEFT}`, disk)).toBe(true);
    const free = () => statfsSync(disk).bfree;
    await until('the disk is full', () => free() === 0);
    let still = 0;
    let last = -1;
    await until('nothing is accepted any more', () => {
      still = outputs.length === last ? still + 1 : 0;
      last = outputs.length;
      return still > 50;
    });
    await until('a person is told', () => said().includes('the disk of the server is full'));
    await until('appends that did not succeed are counted', async () => {
      const counted = [...(await queryBridgeCounters(fleet.client, fleet.macs)).values()];
      return counted.some((counters) => Object.keys(counters).some((name) => /^bus\.append-(unknown|full|busy)$/.test(name)));
    });
    expect(mounted('-o', `remount,size=${SPACIOUS}`, disk)).toBe(true);
    const before = outputs.length;
    await until('it goes on', () => outputs.length > before + 50);
    expect(events.filter(({ kind }) => kind === 'died')).toEqual([]);
    const checkpoint = async () => (await queryFleet(fleet.client)).tasks[0];
    const stored = (await checkpoint())?.checkpoint?.sequence ?? 0;
    await until('its state is stored again', async () => {
      const now = await checkpoint();
      return now?.durability === 'durable' && (now.checkpoint?.sequence ?? 0) > stored + 2;
    });
    await until('a person is told of it', () => said().includes('the disk of the server has room again'));
    expect(outputs.map(text)).toEqual(outputs.map((_, index) => String(index + 1)));
  } finally {
    await fleet.stop();
    spawnSync('umount', [disk]);
    rmSync(folder, { recursive: true, force: true });
  }
});
