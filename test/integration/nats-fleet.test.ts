/** What a fleet keeps at the broker: its streams, its settings, its artefacts, its inventory. */
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNatsArtefacts } from '../../infra/nats/artefacts.ts';
import { createBusInventory } from '../../infra/nats/inventory.ts';
import { prepareBroker, readFleetSettings } from '../../infra/nats/streams.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import type { EcuDescription } from '../../src/domain/model/ecu.ts';
import type { NatsHost } from '../support/nats-hosts.ts';
import { connectHost } from '../support/nats-hosts.ts';
import type { NatsProcess } from '../support/nats-process.ts';
import { startNats } from '../support/nats-process.ts';
import { realClock } from '../support/real-clock.ts';

const MIB = 1024 * 1024;
const layout = { shardCount: 2, replicas: 1, storage: 'file', limits: { inputsBytesMax: 8 * MIB } } as const;

let server: NatsProcess;
let host: NatsHost;
let other: NatsHost;

beforeEach(async () => {
  server = await startNats();
  host = await connectHost(server, 'manager.m1#1');
  other = await connectHost(server, 'manager.m2#1');
});
afterEach(async () => {
  await Promise.all([host.close(), other.close()]);
  await server.stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

async function configs(): Promise<Map<string, Readonly<Record<string, unknown>>>> {
  const manager = await jetstreamManager(host.connection, { checkAPI: false });
  const found = new Map<string, Readonly<Record<string, unknown>>>();
  for await (const { config } of manager.streams.list()) found.set(config.name, { ...config });
  return found;
}

describe('preparing a broker', () => {
  test('creates every stream and bucket, with the bounds of the design', async () => {
    expect(await prepareBroker(host.connection, layout)).toEqual({ shardCount: 2 });
    const found = await configs();
    expect([...found.keys()].toSorted()).toEqual(
      [
        'ACTORS_0',
        'ACTORS_1',
        'CHECKPOINTS',
        'INPUTS_0',
        'INPUTS_1',
        'JOURNAL',
        'KV_fleet',
        'KV_inventory',
        'KV_learned',
        'KV_placement',
        'KV_proofs',
        'KV_series',
        'LEARNING',
        'METRICS',
        'OBJ_artefacts',
        'OUTPUTS_0',
        'OUTPUTS_1',
        'PROPOSALS',
      ].toSorted(),
    );
    // Only what is said again, or is one of many, may be answered before the disk has it.
    expect([...found].filter(([, config]) => config['persist_mode'] === 'async').map(([name]) => name)).toEqual([
      'CHECKPOINTS',
      'LEARNING',
      'METRICS',
    ]);
    for (const name of ['ACTORS_0', 'ACTORS_1', 'OUTPUTS_0', 'OUTPUTS_1', 'INPUTS_0', 'INPUTS_1']) {
      // Nothing but a purge removes a message from these.
      expect(found.get(name)).toMatchObject({
        retention: 'limits',
        discard: 'new',
        max_age: 0,
        max_msgs: -1,
        max_msgs_per_subject: -1,
      });
    }
    expect(found.get('INPUTS_0')).toMatchObject({ max_bytes: 8 * MIB, subjects: ['task.0.*.in.>'] });
    expect(found.get('OUTPUTS_1')).toMatchObject({ allow_atomic: true, subjects: ['task.1.*.out'] });
    for (const name of ['CHECKPOINTS', 'PROPOSALS', 'JOURNAL', 'LEARNING', 'METRICS'])
      expect(found.get(name)).toMatchObject({ discard: 'old' });
    for (const [name, config] of found) if (!name.startsWith('KV_fleet')) expect(config['max_bytes'], name).toBeGreaterThan(0);
  });

  test('twice, and from two hosts at once, changes nothing', async () => {
    await Promise.all([prepareBroker(host.connection, layout), prepareBroker(other.connection, layout)]);
    const before = await configs();
    await prepareBroker(host.connection, layout);
    expect(await configs()).toEqual(before);
  });

  test('brings a bound up to date', async () => {
    await prepareBroker(host.connection, layout);
    await prepareBroker(host.connection, {
      ...layout,
      limits: { inputsBytesMax: 16 * MIB, checkpointsBytesMax: 16 * MIB },
    });
    expect((await configs()).get('INPUTS_1')).toMatchObject({ max_bytes: 16 * MIB });
    expect((await configs()).get('CHECKPOINTS')).toMatchObject({ max_bytes: 16 * MIB, persist_mode: 'async' });
  });

  test('the first host’s shard count is everybody’s', async () => {
    expect(await readFleetSettings(host.connection)).toBeUndefined();
    const settled = await Promise.all([
      prepareBroker(host.connection, layout),
      prepareBroker(other.connection, { ...layout, shardCount: 4 }),
    ]);
    expect(settled[0]).toEqual(settled[1]);
    expect(await prepareBroker(other.connection, { ...layout, shardCount: 7 })).toEqual(settled[0]);
    expect(await readFleetSettings(other.connection)).toEqual(settled[0]);
  });
});

describe('artefacts', () => {
  beforeEach(async () => {
    await prepareBroker(host.connection, layout);
  });

  const artefactsOf = (of: NatsHost) => createNatsArtefacts({ connection: of.connection, hasher: systemHasher });
  const program = new Uint8Array(300_000).map((_, index) => (index * 7 + (index >> 9)) & 0xff);

  test('what one host puts, another gets by its digest; putting it again is harmless', async () => {
    const digest = await artefactsOf(host).put(program);
    expect(digest).toBe(systemHasher.hex(program));
    expect(await artefactsOf(other).put(program)).toBe(digest);
    expect(Buffer.compare(await artefactsOf(other).get(digest), program)).toBe(0);
  });

  test('an empty artefact is one too', async () => {
    const digest = await artefactsOf(host).put(new Uint8Array(0));
    expect((await artefactsOf(other).get(digest)).length).toBe(0);
  });

  test('two hosts that put the same at once both succeed', async () => {
    const digests = await Promise.all([artefactsOf(host).put(program), artefactsOf(other).put(program)]);
    expect(digests[0]).toBe(digests[1]);
    expect(Buffer.compare(await artefactsOf(host).get(digests[0] ?? ''), program)).toBe(0);
  });

  test('what nobody put is missing', async () => {
    await expect(artefactsOf(host).get('0'.repeat(64))).rejects.toMatchObject({ code: 'ERR_STORE_MISSING' });
  });

  test('other bytes under a digest are refused, and a put mends them', async () => {
    const digest = systemHasher.hex(program);
    const store = await new Objm(host.connection).open('artefacts');
    await store.putBlob({ name: digest }, new Uint8Array([1, 2, 3]));
    await expect(artefactsOf(other).get(digest)).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
    await artefactsOf(host).put(program);
    expect(Buffer.compare(await artefactsOf(other).get(digest), program)).toBe(0);
  });
});

describe('inventory', () => {
  beforeEach(async () => {
    await prepareBroker(host.connection, layout);
  });

  const inventoryOf = (of: NatsHost) =>
    createBusInventory({ bus: of.bus, sender: 'manager.m1', clock: realClock, log: of.log, counters: of.counters });
  const ecu = (mac: string, incarnation: number): EcuDescription => ({
    mac,
    incarnation,
    name: `ecu ${mac}`,
    ecuClass: 'standard',
    resourceKind: 'cpu',
    cores: 2,
    memoryBytes: 64 * MIB,
    capabilities: ['can0'],
    labels: { zone: 'front' },
    runtimes: ['wasm'],
    bridge: { bootId: 'boot', pid: 4711, startTicks: 99 },
    supervisor: undefined,
    heartbeatIntervalUs: 50_000,
    version: '0.1.0',
  });

  test('a follower sees every known ECU, then every change', async () => {
    await inventoryOf(host).announce(ecu('02aa00000001', 1));
    await inventoryOf(host).announce(ecu('02aa00000001', 2));
    await inventoryOf(host).announce(ecu('02aa00000002', 1));
    const seen: [string, number | undefined][] = [];
    await inventoryOf(other).follow((mac, description) => seen.push([mac, description?.incarnation]));
    expect(seen).toEqual([
      ['02aa00000001', 2],
      ['02aa00000002', 1],
    ]);
    await inventoryOf(host).announce(ecu('02aa00000003', 5));
    await inventoryOf(host).forget('02aa00000001');
    await until(() => seen.length === 4);
    expect(seen.slice(2)).toEqual([
      ['02aa00000003', 5],
      ['02aa00000001', undefined],
    ]);
  });

  test('a description comes back as it was announced', async () => {
    const description = { ...ecu('02aa00000001', 3), supervisor: { bootId: 'boot', pid: 12, startTicks: 34 } };
    await inventoryOf(host).announce(description);
    const seen: (EcuDescription | undefined)[] = [];
    await inventoryOf(other).follow((_, found) => seen.push(found));
    expect(seen).toEqual([description]);
  });

  test('an entry that cannot be read is counted and passed over', async () => {
    const bucket = await new Kvm(host.connection).open('inventory');
    await bucket.put('02aa00000007', new Uint8Array([255, 255, 255]));
    await inventoryOf(host).announce(ecu('02aa00000008', 1));
    const seen: string[] = [];
    await inventoryOf(other).follow((mac) => seen.push(mac));
    expect(seen).toEqual(['02aa00000008']);
    expect(other.counters.read()['wire.malformed']).toBe(1);
  });

  test('an entry that the broker’s own tools deleted is forgotten', async () => {
    await inventoryOf(host).announce(ecu('02aa00000001', 1));
    const seen: [string, boolean][] = [];
    await inventoryOf(other).follow((mac, found) => seen.push([mac, found !== undefined]));
    await (await new Kvm(host.connection).open('inventory')).delete('02aa00000001');
    await until(() => seen.length === 2);
    expect(seen).toEqual([
      ['02aa00000001', true],
      ['02aa00000001', false],
    ]);
  });
});
