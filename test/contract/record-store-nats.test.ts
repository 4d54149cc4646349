import { expect, test } from 'vitest';
import { createStreamRecordStore } from '../../infra/nats/record-store.ts';
import { ensureStreams } from '../../infra/nats/streams.ts';
import { fleetStreams } from '../../src/domain/protocol/streams.ts';
import type { NatsHost } from '../support/nats-hosts.ts';
import { connectHost } from '../support/nats-hosts.ts';
import type { NatsProcess } from '../support/nats-process.ts';
import { PAYLOAD_BYTES_MAX, startNats } from '../support/nats-process.ts';
import { describeRecordStore } from './record-store.contract.ts';

const names = { shardCount: 3 };

async function openFleet(): Promise<{
  readonly server: NatsProcess;
  readonly join: () => Promise<NatsHost>;
  readonly close: () => Promise<void>;
  readonly leave: () => Promise<void>;
}> {
  const server = await startNats();
  let hosts: NatsHost[] = [];
  const join = async (): Promise<NatsHost> => {
    const host = await connectHost(server, `manager.m${hosts.length + 1}#1`);
    hosts.push(host);
    return host;
  };
  const leave = async (): Promise<void> => {
    await Promise.all(hosts.map((host) => host.close()));
    hosts = [];
  };
  const first = await join();
  await ensureStreams(first.connection, fleetStreams(names), { replicas: 1, storage: 'file' });
  return {
    server,
    join,
    leave,
    async close() {
      await leave();
      await server.stop();
    },
  };
}

const storeOf = (host: NatsHost) => createStreamRecordStore({ bus: host.bus, names });

describeRecordStore('streams on nats', {
  async open() {
    const fleet = await openFleet();
    return {
      store: storeOf(await fleet.join()),
      another: async () => storeOf(await fleet.join()),
      // Everybody leaves and the broker's process is killed: what is read afterwards was on its disk.
      reopen: async () => {
        await fleet.leave();
        await fleet.server.restart();
        return storeOf(await fleet.join());
      },
      close: () => fleet.close(),
    };
  },
});

test('a record above the broker’s limit is refused by name, and nothing is written', async () => {
  const fleet = await openFleet();
  try {
    const store = storeOf(await fleet.join());
    await expect(store.append('task/a', 0, new Uint8Array(PAYLOAD_BYTES_MAX))).rejects.toMatchObject({
      code: 'ERR_RECORD_TOO_LARGE',
    });
    expect(await store.load('task/a')).toBeUndefined();
  } finally {
    await fleet.close();
  }
});

test('a record’s label stands on its outside: whoever follows sees it, and one without says nothing', async () => {
  const fleet = await openFleet();
  try {
    const [store, other] = [storeOf(await fleet.join()), storeOf(await fleet.join())];
    await store.append('placement/a', 0, bytes('a'), { key: '02aa00000001', writer: 'manager.m1', from: 'b' });
    await store.append('placement/b', 0, bytes('b'), { key: undefined, writer: 'manager.m2' });
    await store.append('placement/c', 0, bytes('c'));
    const labels = new Map<string, unknown>();
    const cancel = await other.follow((actor, { label }) => labels.set(actor, label));
    expect(Object.fromEntries(labels)).toEqual({
      'placement/a': { key: '02aa00000001', writer: 'manager.m1', from: 'b' },
      'placement/b': { key: undefined, writer: 'manager.m2' },
      'placement/c': undefined,
    });
    expect((await other.load('placement/a'))?.label?.key).toBe('02aa00000001');
    cancel();
  } finally {
    await fleet.close();
  }
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
