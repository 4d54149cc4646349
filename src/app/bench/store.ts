/**
 * What receiving and reading checkpoints costs: `drover bench store`.
 *
 * Ingest: one manager process, a real server that syncs every append, and this process as the ECU (`checkpoint-feed.ts`) with
 * several tasks of 1 MiB, each announcing its next increment as soon as the one before is stored. Beside it, in turns, what two
 * processes move by bare request and reply of the same sizes with as many requests under way (`bare-exchange.ts`).
 *
 * Ingest by the local path: the same, with the pages handed over by sockets past the server. Everything else still goes through it.
 *
 * Cost: two managers and a quorum of two, twelve tasks, an increment of each every 250 ms, as in `drover bench failover`. Processor
 * time is the kernel's, of each manager process, less what the same process took with nothing to do; the idle share is told.
 *
 * Restore: `restore-read.ts`.
 *
 * Not measured: ECUs on other machines, full checkpoints (the first of each task is over before the clock starts), a slow disk.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../../domain/kernel/assert.ts';
import { PAGE_BYTES } from '../../domain/model/checkpoint.ts';
import type { TaskSpec } from '../../domain/model/task.ts';
import { validateTaskSpec } from '../../domain/model/task-spec.ts';
import { fleetFolders } from '../compose/process-config.ts';
import { deployTask, queryFleet } from '../fleet/fleet-calls.ts';
import { ecuMac, LocalFleet, managerIds } from '../fleet/local-fleet.ts';
import { openBareExchange } from './bare-exchange.ts';
import { CheckpointFeed } from './checkpoint-feed.ts';
import { type Machine, machine } from './machine.ts';
import { processCpuUs } from './process-cpu.ts';
import { measureRestoreRead, type RestoreRead, round3 } from './restore-read.ts';

export interface StoreBenchOptions {
  /** Of each of the parts that take time. */
  readonly seconds?: number;
  /** Turns of bare exchange and ingest. */
  readonly rounds?: number;
  readonly ingestTasks?: number;
  readonly pacedTasks?: number;
  readonly pacedIntervalMs?: number;
  readonly restoreRounds?: number;
  readonly say?: (sentence: string) => void;
}

export interface StoreBench {
  readonly bench: 'store';
  readonly machine: Machine;
  readonly memoryBytes: number;
  readonly dirtyPages: number;
  readonly ingest: Ingest;
  /** Ingest over bare exchange; the aim is at least 0.6. */
  readonly ingestShare: number;
  readonly ingestLocal: Ingest;
  readonly ingestLocalShare: number;
  readonly paced: {
    readonly tasks: number;
    readonly intervalMs: number;
    readonly checkpoints: number;
    /** Shares of one core. */
    readonly managerCpuShare: Readonly<Record<string, number>>;
    readonly idleCpuShare: Readonly<Record<string, number>>;
    readonly cpuPerCheckpointUs: Readonly<Record<string, number>>;
  };
  /** Of the manager that takes more, under the paced load; the aim is at most 400. */
  readonly cpuPerCheckpointUs: number;
  readonly restore: RestoreRead;
}

interface Ingest {
  readonly tasks: number;
  readonly checkpoints: number;
  readonly perSecond: number;
  readonly mibPerSecond: number;
  readonly barePerSecond: number;
  readonly bareMibPerSecond: number;
  readonly cpuPerCheckpointUs: number;
  readonly serverCpuPerCheckpointUs: number;
  /** How often the manager asked for pages, which way. */
  readonly asked: { readonly overBus: number; readonly locally: number };
}

const MIB = 1024 * 1024;
const MEMORY_BYTES = MIB;
/** 2 % of 256 pages. */
const DIRTY_PAGES = 5;
/** An announcement of five pages, and the request for them. */
const REQUEST_BYTES = 500;
const WARM_UP_MS = 1_500;
const ECU = ecuMac(1);
const ARTEFACT = new TextEncoder().encode('drover bench store');

export async function benchStore(options: StoreBenchOptions = {}): Promise<StoreBench> {
  const { say = () => {}, restoreRounds = 20 } = options;
  const bench = machine();
  const ingest = await inFolder((folder) => measureIngest(folder, options, { localPath: false }));
  say(`ingest: ${ingest.perSecond} a second beside ${ingest.barePerSecond} bare exchanges`);
  const ingestLocal = await inFolder((folder) => measureIngest(folder, options, { localPath: true }));
  say(`ingest by the local path: ${ingestLocal.perSecond} a second beside ${ingestLocal.barePerSecond} bare exchanges`);
  const paced = await inFolder((folder) => measurePaced(folder, options));
  const cpuPerCheckpointUs = Math.max(...Object.values(paced.cpuPerCheckpointUs));
  say(`paced: ${cpuPerCheckpointUs} µs of CPU a checkpoint`);
  const restore = await measureRestoreRead({ memoryBytes: MEMORY_BYTES, tasks: 12, rounds: restoreRounds });
  return {
    bench: 'store',
    machine: bench,
    memoryBytes: MEMORY_BYTES,
    dirtyPages: DIRTY_PAGES,
    ingest,
    ingestShare: round3(ingest.perSecond / ingest.barePerSecond),
    ingestLocal,
    ingestLocalShare: round3(ingestLocal.perSecond / ingestLocal.barePerSecond),
    paced,
    cpuPerCheckpointUs,
    restore,
  };
}

async function measureIngest(
  folder: string,
  options: StoreBenchOptions,
  { localPath }: { readonly localPath: boolean },
): Promise<Ingest> {
  const { seconds = 4, rounds = 3, ingestTasks = 32 } = options;
  const { fleet, feed, pids } = await openFed(folder, { managers: 1, tasks: ingestTasks, localPath });
  const bare = await openBareExchange(fleet.client.host, {
    broker: fleet.broker,
    subject: 'bench.bare',
    answerBytes: DIRTY_PAGES * PAGE_BYTES,
  });
  try {
    const [manager, server] = [pids('manager.')[0]?.pid ?? 0, pids('server')[0]?.pid ?? 0];
    await flood(feed, WARM_UP_MS);
    await bare.measure({ inFlight: ingestTasks, requestBytes: REQUEST_BYTES, seconds: WARM_UP_MS / 1000 });
    let [checkpoints, tookMs, cpuUs, serverCpuUs, exchanges] = [0, 0, 0, 0, 0];
    for (let round = 0; round < rounds; round++) {
      exchanges += await bare.measure({ inFlight: ingestTasks, requestBytes: REQUEST_BYTES, seconds: seconds / 4 });
      const before = { cpuUs: processCpuUs(manager), serverCpuUs: processCpuUs(server), atMs: performance.now() };
      checkpoints += await flood(feed, seconds * 1000);
      tookMs += performance.now() - before.atMs;
      cpuUs += processCpuUs(manager) - before.cpuUs;
      serverCpuUs += processCpuUs(server) - before.serverCpuUs;
    }
    const mib = (DIRTY_PAGES * PAGE_BYTES) / MIB;
    const perSecond = (checkpoints * 1000) / tookMs;
    const barePerSecond = exchanges / rounds;
    const { counters } = await queryFleet(fleet.client);
    return {
      tasks: ingestTasks,
      checkpoints,
      perSecond: Math.round(perSecond),
      mibPerSecond: round3(perSecond * mib),
      barePerSecond: Math.round(barePerSecond),
      bareMibPerSecond: round3(barePerSecond * mib),
      cpuPerCheckpointUs: Math.round(cpuUs / checkpoints),
      serverCpuPerCheckpointUs: Math.round(serverCpuUs / checkpoints),
      asked: { overBus: counters['pages.askedOverBus'] ?? 0, locally: counters['pages.askedLocally'] ?? 0 },
    };
  } finally {
    await bare.close();
    feed.stop();
    await fleet.stop();
  }
}

async function measurePaced(folder: string, options: StoreBenchOptions): Promise<StoreBench['paced']> {
  const { seconds = 4, pacedTasks = 12, pacedIntervalMs = 250 } = options;
  const { fleet, feed, pids } = await openFed(folder, { managers: 2, tasks: pacedTasks, localPath: false });
  try {
    const managers = pids('manager.');
    // V8 compiles for half a minute at this pace; what is told is what it costs after the first half of that.
    await pace(feed, pacedIntervalMs, 4 * seconds * 1000);
    const idle = await cpuDuring(managers, () => sleep(seconds * 1000));
    let checkpoints = 0;
    const busy = await cpuDuring(managers, async () => {
      checkpoints = await pace(feed, pacedIntervalMs, 2 * seconds * 1000);
    });
    const each = (of: (host: string) => number): Record<string, number> =>
      Object.fromEntries(managers.map(({ host }) => [host.replace('manager.', ''), of(host)]));
    const share = (run: typeof idle, host: string): number => (run.cpuUs.get(host) ?? 0) / (run.tookMs * 1000);
    return {
      tasks: pacedTasks,
      intervalMs: pacedIntervalMs,
      checkpoints,
      managerCpuShare: each((host) => round3(share(busy, host))),
      idleCpuShare: each((host) => round3(share(idle, host))),
      cpuPerCheckpointUs: each((host) =>
        Math.round(((share(busy, host) - share(idle, host)) * busy.tookMs * 1000) / checkpoints),
      ),
    };
  } finally {
    feed.stop();
    await fleet.stop();
  }
}

interface Fed {
  readonly fleet: LocalFleet;
  readonly feed: CheckpointFeed;
  /** Processes whose host begins so. */
  readonly pids: (prefix: string) => readonly { readonly host: string; readonly pid: number }[];
}

/** A fleet of managers alone, with the feed as its ECU and a first, full checkpoint of every task stored by all. */
async function openFed(
  folder: string,
  plan: { readonly managers: number; readonly tasks: number; readonly localPath: boolean },
): Promise<Fed> {
  const { localPath } = plan;
  const fleet = new LocalFleet({
    dataFolder: folder,
    ecus: [],
    managers: managerIds(plan.managers),
    localPath,
    logLevel: 'warn',
  });
  try {
    await fleet.start();
    const { host } = fleet.client;
    const specs = Array.from({ length: plan.tasks }, (_, at) => specOf(`bench-${at + 1}`, plan.managers));
    for (const spec of specs) await deployTask(fleet.client, { spec, artefact: ARTEFACT });
    const feed = new CheckpointFeed({
      host,
      mac: ECU,
      specs,
      memoryBytes: MEMORY_BYTES,
      dirtyPages: DIRTY_PAGES,
      localFolder: localPath ? fleetFolders(folder).local : undefined,
    });
    await feed.start();
    await Promise.all(feed.names.map((task) => feed.next(task)));
    return { fleet, feed, pids: (prefix) => fleet.processes().filter(({ host: id }) => id.startsWith(prefix)) };
  } catch (error) {
    await fleet.stop();
    throw error;
  }
}

/** For an ECU that nobody starts: the managers know the task and its quorum, and have nowhere to run it. */
function specOf(name: string, quorum: number): TaskSpec {
  const spec = validateTaskSpec({
    name,
    artefact: 'ab'.repeat(32),
    artefactBytes: ARTEFACT.length,
    memoryBytesMax: 2 * MEMORY_BYTES,
    checkpoint: { intervalUs: 1_000, chainMax: 10_000, quorum },
    affinity: { requiredEcus: [ecuMac(0xff)] },
  });
  assert(spec.ok, 'the spec of a bench task is valid');
  return spec.value;
}

/** Each task's next checkpoint as soon as the one before is stored. Answers how many were. */
async function flood(feed: CheckpointFeed, forMs: number): Promise<number> {
  let stored = 0;
  const untilMs = performance.now() + forMs;
  await Promise.all(
    feed.names.map(async (task) => {
      while (performance.now() < untilMs) {
        await feed.next(task);
        stored++;
      }
    }),
  );
  return stored;
}

/** Each task's next checkpoint at its time, the tasks evenly apart; one that is not stored by then is waited for. */
async function pace(feed: CheckpointFeed, intervalMs: number, forMs: number): Promise<number> {
  let stored = 0;
  const beganMs = performance.now();
  await Promise.all(
    feed.names.map(async (task, at) => {
      let dueMs = beganMs + (at * intervalMs) / feed.names.length;
      for (; dueMs < beganMs + forMs; dueMs += intervalMs) {
        await sleep(Math.max(0, dueMs - performance.now()));
        await feed.next(task);
        stored++;
      }
    }),
  );
  return stored;
}

async function cpuDuring(
  processes: readonly { readonly host: string; readonly pid: number }[],
  run: () => Promise<void>,
): Promise<{ readonly cpuUs: ReadonlyMap<string, number>; readonly tookMs: number }> {
  const before = processes.map(({ pid }) => processCpuUs(pid));
  const beganMs = performance.now();
  await run();
  const tookMs = performance.now() - beganMs;
  return { tookMs, cpuUs: new Map(processes.map(({ host, pid }, at) => [host, processCpuUs(pid) - (before[at] ?? 0)])) };
}

async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-bench-'));
  try {
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
