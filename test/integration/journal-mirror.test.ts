/** A local journal, mirrored to JOURNAL on a real broker: everything once it can, gaps by name, on from the mark after a restart. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../../actors/host.ts';
import { JournalMirror } from '../../actors/journal-mirror.ts';
import { type LmdbRecordStore, openLmdbRecordStore } from '../../infra/lmdb/record-store.ts';
import { ensureStreams } from '../../infra/nats/streams.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { decodeJournalEntries } from '../../src/domain/protocol/codec-journal.ts';
import { fleetStreams } from '../../src/domain/protocol/streams.ts';
import { header, streams } from '../../src/domain/protocol/subjects.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';
import { NO_FAULT_POINTS } from '../../src/ports/fault-points.ts';
import { connectHost, type NatsHost } from '../support/nats-hosts.ts';
import { type NatsProcess, startNats } from '../support/nats-process.ts';
import { realClock } from '../support/real-clock.ts';

const names = { shardCount: 1 };
let server: NatsProcess;
let connection: NatsHost;
let folder: string;

beforeAll(async () => {
  server = await startNats();
  connection = await connectHost(server, 'bridge.02aa00000001#1');
  await ensureStreams(connection.connection, fleetStreams(names), { replicas: 1, storage: 'memory' });
  folder = await mkdtemp(join(tmpdir(), 'drover-mirror-'));
});

afterAll(async () => {
  await connection.close();
  await server.stop();
  await rm(folder, { recursive: true });
});

const hostOf = (id: string): Host => {
  const { bus, counters, log } = connection;
  return { id, incarnation: 1, names, bus, clock: realClock, rng: createRng(1), log, counters, faults: NO_FAULT_POINTS };
};

async function append(store: LmdbRecordStore, actor: string, text: string): Promise<void> {
  const position = (await store.load(actor))?.position ?? 0;
  expect((await store.append(actor, position, new TextEncoder().encode(text))).kind).toBe('appended');
}

/** Everything that stands in JOURNAL for a host, read to its end. */
async function mirrored(host: string): Promise<StreamMessage[]> {
  const messages: StreamMessage[] = [];
  await new Promise<void>((resolve, reject) => {
    const options = { filter: `journal.${host.replaceAll('.', '_')}.>`, from: 1, onCaughtUp: resolve, onFailure: reject };
    connection.bus.consume(streams.journal, options, (message) => messages.push(message)).catch(reject);
  });
  return messages;
}

const text = ({ payload }: StreamMessage) => new TextDecoder().decode(payload);
/** The copied entries, in the order of the host's own journal. */
const entries = (messages: readonly StreamMessage[]) =>
  messages
    .filter(({ subject }) => !subject.includes('.mirror.'))
    .flatMap(({ payload, headers }) => {
      const decoded = decodeJournalEntries(payload);
      if (!decoded.ok) throw new Error(decoded.error.sentence);
      expect(Number(headers[header.position])).toBe(decoded.value.at(-1)?.position);
      return decoded.value.map(({ position, bytes }) => ({ position, text: new TextDecoder().decode(bytes) }));
    })
    .sort((a, b) => a.position - b.position);

describe('the journal mirror', () => {
  it('copies every entry of every actor in order, and goes on from its mark after a restart', async () => {
    const store = openLmdbRecordStore({ path: join(folder, 'a') });
    const host = hostOf('bridge.02aa00000001');
    for (const number of [1, 2, 3]) await append(store, `task/t${number % 2}`, `entry ${number}`);
    await new JournalMirror({ host, journal: store }).stop();
    for (const number of [4, 5]) await append(store, 'task/t0', `entry ${number}`);
    await new JournalMirror({ host, journal: store }).stop();
    await store.close();
    const copied = entries(await mirrored(host.id));
    expect(copied).toEqual([1, 2, 3, 4, 5].map((position) => ({ position, text: `entry ${position}` })));
  });

  it('sends the entries of one actor in one message, and more than a batch in several', async () => {
    const store = openLmdbRecordStore({ path: join(folder, 'c') });
    const host = hostOf('bridge.02aa00000003');
    const long = 'x'.repeat(100 * 1024);
    for (const number of [1, 2, 3, 4, 5, 6]) await append(store, `task/t${number % 2}`, `${number}${long}`);
    await new JournalMirror({ host, journal: store }).stop();
    await store.close();
    const messages = await mirrored(host.id);
    expect(entries(messages).map(({ position, text }) => ({ position, begins: text.slice(0, 2) }))).toEqual(
      [1, 2, 3, 4, 5, 6].map((position) => ({ position, begins: `${position}x` })),
    );
    const copies = messages.filter(({ subject }) => !subject.includes('.mirror.'));
    expect(copies.length).toBeLessThanOrEqual(6);
    expect(
      messages.filter(({ subject }) => subject.endsWith('.mirror.mark')).map(({ headers }) => headers[header.position]),
    ).toEqual(['2', '4', '6']);
  });

  it('names what was trimmed before it could be copied', async () => {
    const store = openLmdbRecordStore({ path: join(folder, 'b'), historyMax: 2 });
    const host = hostOf('bridge.02aa00000002');
    await append(store, 'task/t0', 'first');
    await new JournalMirror({ host, journal: store }).stop();
    for (let number = 2; number <= 400; number++) await append(store, 'task/t0', `entry ${number}`);
    await new JournalMirror({ host, journal: store }).stop();
    await store.close();
    const messages = await mirrored(host.id);
    const gaps = messages
      .filter(({ subject }) => subject.endsWith('.mirror.gap'))
      .map((message) => JSON.parse(text(message)) as { from: number; to: number });
    const positions = entries(messages).map(({ position }) => position);
    const missing = gaps.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
    expect(gaps.length).toBeGreaterThan(0);
    expect([...positions, ...missing].sort((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, at) => at + 1));
  });
});
