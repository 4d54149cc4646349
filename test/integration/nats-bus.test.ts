/** What the bus does with this broker in particular, beyond what every bus must do. */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { STAGED_MESSAGES_MIN } from '../../infra/nats/append.ts';
import { createNatsBus } from '../../infra/nats/bus.ts';
import { ensureStreams } from '../../infra/nats/streams.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { contractStreams } from '../contract/bus.contract.ts';
import { collectingCounters, collectingLog } from '../support/collecting.ts';
import type { NatsHost } from '../support/nats-hosts.ts';
import { connectHost } from '../support/nats-hosts.ts';
import type { NatsProcess } from '../support/nats-process.ts';
import { CLIENT_LOGIN, startNats } from '../support/nats-process.ts';
import { realClock } from '../support/real-clock.ts';

let server: NatsProcess;
let host: NatsHost;

beforeEach(async () => {
  server = await startNats();
  host = await connectHost(server, 'manager.m1#1');
  await ensureStreams(host.connection, contractStreams, { replicas: 1, storage: 'file' });
});
afterEach(async () => {
  await host.close();
  await server.stop();
});

const entries = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    payload: new TextEncoder().encode(`m${index + 1}`),
    messageId: `id/${index + 1}`,
  }));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** A stored message's headers as the broker keeps them, its own included. */
async function storedHeader(stream: string, sequence: number, name: string): Promise<string> {
  const manager = await jetstreamManager(host.connection, { checkAPI: false });
  const stored = await manager.streams.getMessage(stream, { seq: sequence });
  return stored?.header.get(name) ?? '';
}

test('a long batch is one atomic batch at the broker, a short one is not', async () => {
  const long = await host.bus.appendBatch('ledger.x', entries(STAGED_MESSAGES_MIN), {
    expectedSequence: 0,
    timeoutUs: 60_000_000,
  });
  expect(long).toEqual({ kind: 'appended', sequence: STAGED_MESSAGES_MIN });
  expect(await storedHeader('LEDGER', 1, 'Nats-Batch-Id')).not.toBe('');
  expect(await storedHeader('LEDGER', STAGED_MESSAGES_MIN, 'Nats-Batch-Id')).toBe(
    await storedHeader('LEDGER', 1, 'Nats-Batch-Id'),
  );
  const short = await host.bus.appendBatch(
    'ledger.y',
    entries(STAGED_MESSAGES_MIN - 1).map(({ payload }) => ({ payload })),
    { expectedSequence: 0, timeoutUs: 60_000_000 },
  );
  expect(short).toEqual({ kind: 'appended', sequence: 2 * STAGED_MESSAGES_MIN - 1 });
  expect(await storedHeader('LEDGER', 2 * STAGED_MESSAGES_MIN - 1, 'Nats-Batch-Id')).toBe('');
});

test('where nothing is staged on disk, a short batch is atomic too', async () => {
  await ensureStreams(
    host.connection,
    [{ name: 'LIGHT', subjects: ['light.>'], discard: 'new', duplicateWindowUs: 120_000_000, atomicBatches: true }],
    { replicas: 1, storage: 'memory' },
  );
  expect(await host.bus.appendBatch('light.x', entries(2), { expectedSequence: 0, timeoutUs: 60_000_000 })).toEqual({
    kind: 'appended',
    sequence: 2,
  });
  expect(await storedHeader('LIGHT', 2, 'Nats-Batch-Id')).not.toBe('');
});

test('an atomic batch with one message id that was seen writes none of its messages', async () => {
  await host.bus.append('ledger.x', new Uint8Array(1), { messageId: 'id/5', timeoutUs: 60_000_000 });
  const answer = await host.bus.appendBatch('ledger.y', entries(10), { expectedSequence: 0, timeoutUs: 60_000_000 });
  expect(answer.kind).toBe('duplicate');
  expect(await host.bus.readLast('ledger.y')).toBeUndefined();
});

test('a batch goes one by one where the stream has no atomic batches, and where it lost them', async () => {
  await ensureStreams(
    host.connection,
    contractStreams.map((spec) => ({ ...spec, atomicBatches: false })),
    { replicas: 1, storage: 'file' },
  );
  const first = await host.bus.appendBatch('ledger.x', entries(10), { expectedSequence: 0, timeoutUs: 60_000_000 });
  expect(first).toEqual({ kind: 'appended', sequence: 10 });
  expect(await storedHeader('LEDGER', 10, 'Nats-Batch-Id')).toBe('');

  await ensureStreams(host.connection, contractStreams, { replicas: 1, storage: 'file' });
  const other = await connectHost(server, 'manager.m2#1');
  try {
    const batch = entries(20).map(({ payload }) => ({ payload }));
    expect((await other.bus.appendBatch('ledger.y', batch, { expectedSequence: 0, timeoutUs: 60_000_000 })).kind).toBe(
      'appended',
    );
    await ensureStreams(
      host.connection,
      contractStreams.map((spec) => ({ ...spec, atomicBatches: false })),
      { replicas: 1, storage: 'file' },
    );
    expect(await other.bus.appendBatch('ledger.y', batch, { expectedSequence: 30, timeoutUs: 60_000_000 })).toEqual({
      kind: 'appended',
      sequence: 50,
    });
    expect(other.counters.read()['bus.batch-not-atomic']).toBe(1);
  } finally {
    await other.close();
  }
});

test('a batch above the broker’s bound for one goes in several', async () => {
  const batch = Array.from({ length: 1_500 }, (_, index) => ({ payload: new TextEncoder().encode(`m${index + 1}`) }));
  expect(await host.bus.appendBatch('ledger.x', batch, { expectedSequence: 0, timeoutUs: 60_000_000 })).toEqual({
    kind: 'appended',
    sequence: 1_500,
  });
  const last = await host.bus.readLast('ledger.x');
  expect(new TextDecoder().decode(last?.payload)).toBe('m1500');
});

test('endpoints are found as micro services', async () => {
  const cancel = await host.bus.serve(
    { service: 'bridge', subject: 'ecu.02aa00000001.command' },
    async (message) => message.payload,
  );
  const found = JSON.parse(
    new TextDecoder().decode(await host.bus.request('$SRV.INFO.bridge', new Uint8Array(0), { timeoutUs: 60_000_000 })),
  ) as {
    readonly name: string;
    readonly endpoints: readonly { readonly subject: string }[];
  };
  expect(found.name).toBe('bridge');
  expect(found.endpoints.map(({ subject }) => subject)).toEqual(['ecu.02aa00000001.command']);
  cancel();
});

test('a closed bus leaves no timer behind, whatever deadline an answer had: a process that is done ends', async () => {
  const stop = await host.bus.serve({ service: 'echo', subject: 'echo' }, async ({ payload }) => payload);
  const pending = new Set<object>();
  const clock: Clock = {
    ...realClock,
    after: (delayUs, run) => {
      const timer = {};
      const end = (): boolean => pending.delete(timer);
      pending.add(timer);
      const cancel = realClock.after(delayUs, () => {
        end();
        run();
      });
      return () => {
        end();
        cancel();
      };
    },
  };
  const connection = await connect({ servers: `${server.host}:${server.port()}`, ...CLIENT_LOGIN });
  const bus = createNatsBus({
    connection,
    systemConnection: undefined,
    clock,
    log: collectingLog(),
    counters: collectingCounters(),
  });
  expect([...(await bus.request('echo', Uint8Array.of(7), { timeoutUs: 60_000_000 }))]).toEqual([7]);
  expect(pending.size).toBeGreaterThan(0);
  await bus.close();
  expect(pending.size).toBe(0);
  stop();
});

test('a consumer that the broker lost is noticed and replaced, and nothing is missed', async () => {
  const seen: number[] = [];
  await host.bus.consume('LEDGER', { filter: 'ledger.x', from: 1 }, (message) => seen.push(message.sequence));
  await host.bus.append('ledger.x', new Uint8Array(1), { timeoutUs: 60_000_000 });
  await until(() => seen.length === 1);
  const manager = await jetstreamManager(host.connection, { checkAPI: false });
  const consumers = await manager.consumers.list('LEDGER').next();
  expect(consumers).toHaveLength(1);
  for (const { name } of consumers) await manager.consumers.delete('LEDGER', name);
  for (let count = 0; count < 5; count++) await host.bus.append('ledger.x', new Uint8Array(1), { timeoutUs: 60_000_000 });
  await until(() => seen.length >= 6);
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a cancelled consumer leaves nothing behind at the broker', async () => {
  const cancel = await host.bus.consume('LEDGER', { filter: 'ledger.x', from: 1 }, () => undefined);
  const manager = await jetstreamManager(host.connection, { checkAPI: false });
  expect(await manager.consumers.list('LEDGER').next()).toHaveLength(1);
  cancel();
  // The broker has taken the order when it answers a ping, and carries it out a little later.
  await expect.poll(() => manager.consumers.list('LEDGER').next(), { timeout: 60_000 }).toHaveLength(0);
});

test('a backlog far larger than any buffer arrives whole and in order', async () => {
  const payload = new Uint8Array(256 * 1024);
  await Promise.all(Array.from({ length: 200 }, () => host.bus.append('ledger.x', payload, { timeoutUs: 120_000_000 })));
  const seen: StreamMessage['sequence'][] = [];
  let caughtUp = false;
  const options = { filter: 'ledger.x', from: 1, onCaughtUp: () => (caughtUp = true) } as const;
  await host.bus.consume('LEDGER', options, (message) => {
    if (message.payload.length === payload.length) seen.push(message.sequence);
  });
  await until(() => caughtUp);
  expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  expect(host.counters.read()['bus.consumer-restarted']).toBeUndefined();
});

test('a consumer whose stream is deleted says so, and ends', async () => {
  const failures: Error[] = [];
  const options = { filter: 'ring.x', from: 1, onFailure: (error: Error) => failures.push(error) } as const;
  await host.bus.consume('RING', options, () => undefined);
  const manager = await jetstreamManager(host.connection, { checkAPI: false });
  await manager.streams.delete('RING');
  await until(() => failures.length > 0);
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatchObject({ code: 'ERR_BUS_NO_STREAM' });
});

test('a stream that went back is followed from its start again', async () => {
  const append = (subject: string, text: string) =>
    host.bus.append(subject, new TextEncoder().encode(text), { timeoutUs: 60_000_000 });
  const heard: string[] = [];
  for (let number = 1; number <= 5; number++) await append('ring.a', `before ${number}`);
  await host.bus.consume('RING', { filter: 'ring.>', from: 'last-per-subject' }, ({ payload }) =>
    heard.push(new TextDecoder().decode(payload)),
  );
  await until(() => heard.length === 1);
  // As after a power cut: the same stream, with sequences that were handed over before and now belong to other messages.
  const manager = await jetstreamManager(host.connection, { checkAPI: false });
  await manager.streams.delete('RING');
  await ensureStreams(host.connection, contractStreams, { replicas: 1, storage: 'file' });
  await append('ring.b', 'after 1');
  await append('ring.c', 'after 2');
  await until(() => heard.length === 3);
  await append('ring.b', 'after 3');
  await until(() => heard.length === 4);
  expect(heard).toEqual(['before 5', 'after 1', 'after 2', 'after 3']);
  expect(host.counters.read()['bus.stream-went-back']).toBe(1);
});
