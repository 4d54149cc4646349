/** The small ports of the simulated world: process table, inventory, artefacts, log book. */
import { describe, expect, test } from 'vitest';
import type { SimProcess } from '../../../infra/sim/host.ts';
import { type SimPorts, SimWorld } from '../../../infra/sim/world.ts';
import type { EcuDescription } from '../../../src/domain/model/ecu.ts';
import { SimDrive } from '../../support/sim-drive.ts';

async function fleet(
  ...ids: readonly { id: string; machine: string }[]
): Promise<{ world: SimWorld; drive: SimDrive; ports: Map<string, SimPorts>; processes: Map<string, SimProcess> }> {
  const world = new SimWorld({ seed: 1, streams: [] });
  const drive = new SimDrive(world.scheduler);
  const ports = new Map<string, SimPorts>();
  const processes = new Map<string, SimProcess>();
  for (const { id, machine } of ids) {
    world.add({
      id,
      machine,
      boot: (process) => {
        processes.set(id, process);
        void world.portsOf(process).then((made) => ports.set(id, made));
      },
    });
    world.host(id).start();
  }
  await drive.until(() => ports.size === ids.length);
  return { world, drive, ports, processes };
}

const at = <T>(map: ReadonlyMap<string, T>, id: string): T => {
  const found = map.get(id);
  if (found === undefined) throw new Error(`there is no ${id}`);
  return found;
};

describe('the process table', () => {
  test('tells alive from dead on this machine, a stopped process is alive, and other machines are elsewhere', async () => {
    const { world, ports } = await fleet(
      { id: 'manager.m1', machine: 'a' },
      { id: 'bridge.e1', machine: 'a' },
      { id: 'bridge.e2', machine: 'b' },
    );
    const { processes } = at(ports, 'manager.m1');
    const [near, far] = [at(ports, 'bridge.e1').processes.self(), at(ports, 'bridge.e2').processes.self()];
    expect(processes.look(near)).toBe('alive');
    expect(processes.look(far)).toBe('elsewhere');
    expect(processes.look({ ...near, startTicks: near.startTicks + 1 })).toBe('dead');
    world.host('bridge.e1').freeze();
    expect(processes.look(near)).toBe('alive');
    world.host('bridge.e1').kill();
    expect(processes.look(near)).toBe('dead');
  });

  test('after a power cut, what ran before is elsewhere: another boot', async () => {
    const { world, drive, ports } = await fleet({ id: 'manager.m1', machine: 'a' }, { id: 'bridge.e1', machine: 'a' });
    const before = at(ports, 'bridge.e1').processes.self();
    world.powerCut('a');
    expect(world.host('manager.m1').state()).toBe('down');
    ports.clear();
    world.host('manager.m1').start();
    await drive.until(() => ports.size === 1);
    expect(at(ports, 'manager.m1').processes.look(before)).toBe('elsewhere');
  });
});

describe('inventory and artefacts', () => {
  const describeEcu = (mac: string, incarnation: number): EcuDescription => ({
    mac,
    incarnation,
    name: mac,
    ecuClass: 'default',
    resourceKind: 'cpu',
    cores: 2,
    memoryBytes: 1,
    capabilities: [],
    labels: {},
    runtimes: ['wasm'],
    bridge: { bootId: 'b', pid: 1, startTicks: 1 },
    supervisor: undefined,
    heartbeatIntervalUs: 1_000,
    version: '0',
  });

  test('a follower sees every known ECU, then changes, then who was forgotten', async () => {
    const { drive, ports } = await fleet({ id: 'manager.m1', machine: 'a' }, { id: 'bridge.e1', machine: 'b' });
    const [manager, bridge] = [at(ports, 'manager.m1'), at(ports, 'bridge.e1')];
    await drive.settle(bridge.inventory.announce(describeEcu('02aa00000001', 1)));
    const seen: string[] = [];
    await drive.settle(manager.inventory.follow((mac, description) => seen.push(`${mac} ${description?.incarnation}`)));
    await drive.settle(bridge.inventory.announce(describeEcu('02aa00000001', 2)));
    await drive.settle(bridge.inventory.forget('02aa00000001'));
    await drive.elapse(10_000);
    expect(seen).toEqual(['02aa00000001 1', '02aa00000001 2', '02aa00000001 undefined']);
  });

  test('an artefact put by one is got by another; what is missing or damaged is said', async () => {
    const { world, drive, ports } = await fleet({ id: 'manager.m1', machine: 'a' }, { id: 'bridge.e1', machine: 'b' });
    const digest = await drive.settle(at(ports, 'manager.m1').artefacts.put(Uint8Array.of(1, 2, 3)));
    const { artefacts } = at(ports, 'bridge.e1');
    expect(await drive.settle(artefacts.get(digest))).toEqual(Uint8Array.of(1, 2, 3));
    await expect(drive.settle(artefacts.get('0'.repeat(64)))).rejects.toMatchObject({ code: 'ERR_STORE_MISSING' });
    world.shelf.set(digest, Uint8Array.of(9));
    await expect(drive.settle(artefacts.get(digest))).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
  });
});

test('the story of a failure has the seed, the time, and the last lines with their fields', async () => {
  const { world, drive, ports } = await fleet({ id: 'manager.m1', machine: 'a' });
  await drive.elapse(5_000);
  at(ports, 'manager.m1').log.bind({ actor: 'placement/pid' }).warn('it was refused', { epoch: 4 });
  const story = world.story();
  expect(story).toContain('seed 1');
  expect(story).toMatch(/ms {2}warn {2}manager\.m1#1 +it was refused \{"actor":"placement\/pid","epoch":4\}/);
});
