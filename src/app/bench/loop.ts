/**
 * What one step of the one loop costs: many small actors, each with one event under way at a time, over real records.
 *
 * A step is decode-free: event → XState transition → record → append → answer → acknowledged. The chart has two states and
 * a counter; every eighth step opens an effect that is performed and answered, which is a step of its own and counted.
 * Medians of several samples with their spread, with the machine and what was made durable.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { assign, setup } from 'xstate';
import type { Chart } from '../../../actors/chart.ts';
import { Shell } from '../../../actors/shell.ts';
import { openLmdbRecordStore } from '../../../infra/lmdb/record-store.ts';
import { createNatsBus } from '../../../infra/nats/bus.ts';
import { targetOfServer } from '../../../infra/nats/bus-target.ts';
import { connectBus } from '../../../infra/nats/connect.ts';
import { findServer } from '../../../infra/nats/find-server.ts';
import { createStreamRecordStore } from '../../../infra/nats/record-store.ts';
import type { SyncPolicy } from '../../../infra/nats/server-config.ts';
import { startServer } from '../../../infra/nats/start-server.ts';
import { ensureStreams } from '../../../infra/nats/streams.ts';
import { CLOSE, effectActions, OPEN } from '../../../statecharts/effects.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import type { ActorEvent } from '../../domain/model/events.ts';
import { fleetStreams } from '../../domain/protocol/streams.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Counters } from '../../ports/counters.ts';
import type { Log } from '../../ports/log.ts';
import type { RecordStore } from '../../ports/record-store.ts';

export interface LoopBenchOptions {
  readonly actors?: number;
  readonly stepsPerActor?: number;
  readonly samples?: number;
  /** `lmdb` alone needs no server. */
  readonly stores?: readonly ('memory' | 'lmdb' | 'jetstream')[];
}

export interface LoopBenchResult {
  readonly store: string;
  readonly durability: string;
  readonly actors: number;
  readonly stepsPerSample: number;
  readonly stepsPerSecond: { readonly median: number; readonly least: number; readonly most: number };
  readonly samples: readonly number[];
  /** Of all this process's threads, user and system: what a step costs however busy the machine is. Median. */
  readonly cpuUsPerStep: number;
}

type Ticked = ActorEvent & { readonly type: 'TICKED' };
type Said = ActorEvent & { readonly type: 'SAID' };

const counterMachine = setup({
  types: {
    context: {} as { id: string; count: number; said: number },
    events: {} as Ticked | Said,
    input: {} as { id: string },
  },
  actions: {
    ...effectActions<{ kind: 'say'; count: number }>(),
    count: assign({ count: ({ context }) => context.count + 1 }),
    hear: assign({ said: ({ context }) => context.said + 1 }),
  },
  guards: { isEighth: ({ context }) => context.count % 8 === 7 },
}).createMachine({
  id: 'counter',
  initial: 'even',
  context: ({ input }) => ({ id: input.id, count: 0, said: 0 }),
  on: { SAID: { actions: 'hear' } },
  states: {
    even: { on: { TICKED: { target: 'odd', actions: 'count' } } },
    odd: {
      on: {
        TICKED: [
          {
            guard: 'isEighth',
            target: 'even',
            actions: [
              'count',
              { type: OPEN, params: ({ context }) => ({ key: 'say', effect: { kind: 'say', count: context.count } }) },
            ],
          },
          { target: 'even', actions: ['count', { type: CLOSE, params: { key: 'nothing' } }] },
        ],
      },
    },
  },
});

const counterChart: Chart = { kind: 'counter', version: 1, machine: counterMachine };

export interface LoopBench {
  readonly bench: 'loop';
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  readonly results: readonly LoopBenchResult[];
}

export async function benchLoop(options: LoopBenchOptions = {}): Promise<LoopBench> {
  const { stores = ['memory', 'lmdb', 'jetstream'] } = options;
  const results: LoopBenchResult[] = [];
  if (stores.includes('memory')) results.push(await measure('memory', 'none', async (run) => run(memoryStore()), options));
  if (stores.includes('lmdb')) {
    for (const durability of ['sync', 'process'] as const)
      results.push(await measure('lmdb', durability, (run) => withLmdb(durability, run), options));
  }
  if (stores.includes('jetstream')) {
    for (const sync of ['always', { everyUs: 1_000_000 }] as const) {
      const named = sync === 'always' ? 'one replica, sync always' : `one replica, sync every ${sync.everyUs / 1e6} s`;
      results.push(await measure('jetstream', named, (run) => withJetStream(sync, run), options));
    }
  }
  const [cpu] = cpus();
  return {
    bench: 'loop',
    machine: { cpu: cpu?.model ?? 'unknown', cores: availableParallelism(), node: process.version },
    results,
  };
}

type Run = (store: RecordStore) => Promise<void>;

async function measure(
  store: string,
  durability: string,
  withStore: (run: Run) => Promise<void>,
  options: LoopBenchOptions,
): Promise<LoopBenchResult> {
  const { actors = 1_000, stepsPerActor = 40, samples: count = 5 } = options;
  const samples: number[] = [];
  const cpuUs: number[] = [];
  await withStore(async (records) => {
    // The first one warms up: it is not counted.
    for (let sample = 0; sample <= count; sample++) {
      const { perSecond, cpuUsPerStep } = await oneSample(records, `s${sample}`, actors, stepsPerActor);
      if (sample === 0) continue;
      samples.push(Math.round(perSecond));
      cpuUs.push(cpuUsPerStep);
    }
  });
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? 0;
  return {
    store,
    durability,
    actors,
    stepsPerSample: actors * stepsPerActor,
    stepsPerSecond: { median: at(sorted.length >> 1), least: at(0), most: at(sorted.length - 1) },
    samples,
    cpuUsPerStep: Number((cpuUs.sort((a, b) => a - b)[cpuUs.length >> 1] ?? 0).toFixed(2)),
  };
}

async function oneSample(
  store: RecordStore,
  name: string,
  actors: number,
  stepsPerActor: number,
): Promise<{ perSecond: number; cpuUsPerStep: number }> {
  let steps = 0;
  const shell = new Shell({
    host: `bench.${name}`,
    incarnation: 1,
    charts: [counterChart],
    store,
    perform: async () => ({ kind: 'event', event: { type: 'SAID' } }),
    clock: benchClock,
    rng: createRng(1, name),
    log: silentLog,
    counters: silentCounters,
    onRecord: () => {
      steps++;
    },
  });
  await shell.start();
  steps = 0;
  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  await Promise.all(
    Array.from({ length: actors }, async (_, index) => {
      const actor = `counter/${name}-${index}`;
      for (let step = 0; step < stepsPerActor; step++) await shell.deliver(actor, { type: 'TICKED', id: `${index}.${step}` });
    }),
  );
  const perSecond = (steps * 1000) / (performance.now() - beganMs);
  const { user, system } = process.cpuUsage(cpu);
  shell.stop();
  return { perSecond, cpuUsPerStep: (user + system) / steps };
}

async function withLmdb(durability: 'sync' | 'process', run: Run): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'drover-bench-'));
  const store = openLmdbRecordStore({ path, durability, historyMax: 4 });
  try {
    await run(store);
  } finally {
    await store.close();
    await rm(path, { recursive: true, force: true });
  }
}

async function withJetStream(sync: SyncPolicy, run: Run): Promise<void> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'drover-bench-'));
  const { path: program } = await findServer();
  const server = await startServer({ program, dataFolder, sync, tied: true });
  try {
    const { connection, close } = await connectBus({ target: targetOfServer(server), name: 'bench#1' });
    await ensureStreams(connection, fleetStreams({ shardCount: 1 }), { replicas: 1, storage: 'file' });
    const bus = createNatsBus({ connection, clock: benchClock, log: silentLog, counters: silentCounters });
    await run(createStreamRecordStore({ bus, names: { shardCount: 1 } }));
    await close();
  } finally {
    await server.stop();
    await rm(dataFolder, { recursive: true, force: true });
  }
}

/** What the loop costs by itself: an append is a comparison and a map entry. */
function memoryStore(): RecordStore {
  const last = new Map<string, { readonly position: number; readonly bytes: Uint8Array }>();
  let position = 0;
  return {
    load: async (actor) => last.get(actor),
    append: async (actor, expectedPosition, bytes) => {
      if ((last.get(actor)?.position ?? 0) !== expectedPosition) return { kind: 'refused' };
      last.set(actor, { position: ++position, bytes });
      return { kind: 'appended', position };
    },
    follow: async () => () => {},
    async *history() {},
  };
}

const benchClock: Clock = {
  monotonicUs: () => Math.floor(performance.now() * 1000),
  wallUs: () => Date.now() * 1000,
  after(delayUs, run) {
    const timer = setTimeout(run, Math.ceil(delayUs / 1000));
    return () => clearTimeout(timer);
  },
};

const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, bind: () => silentLog };
const silentCounters: Counters = { add() {}, read: () => ({}) };
