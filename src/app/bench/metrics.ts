/**
 * What the metrics agent costs an ECU: `drover bench metrics`.
 *
 * A process with a host, a connection to a real server and the agent with this machine's own sources, and nothing else: its processor time (user
 * and system, all threads) with the agent sampling, less what it took just before without, in turns. The agent is told of some tasks
 * with busy counters, so that samples are as long as they are on an ECU that works.
 *
 * Not measured: programs that the agent reads (a vendor's tool, perf, nvidia-smi); they are processes of their own, and are named. What the
 * server does with the samples.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MetricsAgent, type SampledTask } from '../../../actors/metrics-agent.ts';
import { findServer } from '../../../infra/nats/find-server.ts';
import { startServer } from '../../../infra/nats/start-server.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { TaskCounters } from '../../domain/metrics/task-counters.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { ecuSubject } from '../../domain/protocol/subjects.ts';
import { type OpenHost, openHost } from '../compose/open-host.ts';
import { openSources } from '../compose/open-metrics.ts';
import { fleetFolders } from '../compose/process-config.ts';
import { type Machine, machine } from './machine.ts';

export interface MetricsBenchOptions {
  /** Of each measured interval of sampling. */
  readonly seconds: number;
  readonly tasks: number;
  /** Intervals of sampling, in ms. */
  readonly everyMs: readonly number[];
  readonly say: (sentence: string) => void;
}

export interface MetricsBench {
  readonly bench: 'metrics';
  readonly machine: Machine;
  readonly tasks: number;
  readonly sources: readonly string[];
  /** Of one sample on the wire. */
  readonly bytes: number;
  readonly results: readonly MetricsCost[];
}

export interface MetricsCost {
  readonly everyMs: number;
  /** Shares of one core: the median round, and the best. */
  readonly share: number;
  readonly shareBest: number;
  readonly cpuUsPerSample: number;
}

const ROUNDS = 5;
const WARM_UP = 300;
const MAC = '02aa000000ff';

export async function benchMetrics(options: MetricsBenchOptions): Promise<MetricsBench> {
  const before = machine();
  const dataFolder = await mkdtemp(join(tmpdir(), 'drover-bench-'));
  const { path: program } = await findServer();
  const server = await startServer({ program, dataFolder: fleetFolders(dataFolder).server, tied: true });
  try {
    const opened = await openHost({
      id: `bridge.${MAC}`,
      incarnation: 1,
      broker: { kind: 'folder', folder: fleetFolders(dataFolder).server },
      log: { level: 'silent', file: undefined },
      prepares: true,
    });
    try {
      return { bench: 'metrics', machine: before, tasks: options.tasks, ...(await measure(opened, options)) };
    } finally {
      await opened.close();
    }
  } finally {
    await server.stop();
    await rm(dataFolder, { recursive: true, force: true });
  }
}

async function measure(
  { host, link }: OpenHost,
  { seconds, tasks, everyMs, say }: MetricsBenchOptions,
): Promise<Pick<MetricsBench, 'sources' | 'bytes' | 'results'>> {
  const busy = Array.from({ length: tasks }, (_, at) => busyTask(`task-${at + 1}`));
  let sources: readonly string[] = [];
  const agentOf = (ms: number): MetricsAgent => {
    const plan = { everyUs: ms * 1000, keptEveryUs: 1_000_000 };
    const config = { mac: MAC, resourceKind: 'cpu', cores: 2 } as const;
    const openAll = (): ReturnType<typeof openSources> => {
      const opened = openSources({ host, connection: link.connection, config, plan });
      sources = opened.map(({ name }) => name);
      return opened;
    };
    return new MetricsAgent({ ...config, host, plan, openSources: openAll, tasks: () => busy });
  };
  const warm = agentOf(100);
  for (let sample = 1; sample <= WARM_UP; sample++) {
    warm.sample();
    await sleep(1);
  }
  warm.stop();
  const results: MetricsCost[] = [];
  for (const ms of everyMs) {
    say(`${ROUNDS} rounds of ${seconds} s, a sample every ${ms} ms`);
    const costs: number[] = [];
    for (let round = 1; round <= ROUNDS; round++) costs.push(await costOf(agentOf(ms), seconds));
    costs.sort((a, b) => a - b);
    const [median = 0, best = 0] = [costs[ROUNDS >> 1], costs[0]];
    results.push({
      everyMs: ms,
      share: round5(median),
      shareBest: round5(best),
      cpuUsPerSample: Math.round(median * ms * 1000),
    });
  }
  const last = await host.bus.readLast(ecuSubject.metricsKept(MAC));
  if (last === undefined) throw new DroverError('ERR_BENCH_FAILED', 'the agent has published nothing');
  return { sources, bytes: last.payload.length, results };
}

/** As a share of one core. */
async function costOf(agent: MetricsAgent, seconds: number): Promise<number> {
  const idle = await cpuShare(seconds);
  agent.start();
  const busy = await cpuShare(seconds);
  agent.stop();
  return Math.max(0, busy - idle);
}

async function cpuShare(seconds: number): Promise<number> {
  const [cpu, fromMs] = [process.cpuUsage(), performance.now()];
  await sleep(seconds * 1000);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1000 / (performance.now() - fromMs);
}

function busyTask(name: TaskName): SampledTask {
  const totals = new TaskCounters();
  for (let job = 1; job <= 100_000; job++)
    totals.jobDone({ executionUs: 123.4, fuelUsed: 45_678, responseUs: 1_234, deadlineUs: 1_000 });
  totals.captured({ captureUs: 3_456, dirtyPages: 25, pages: 256 });
  return { instance: { spec: { name }, epoch: 7, totals, state: { inputsWaiting: 3 } } };
}

const round5 = (value: number): number => Math.round(value * 1e5) / 1e5;
