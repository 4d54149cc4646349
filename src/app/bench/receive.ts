/**
 * The three receiving strategies on the same work: `drover bench receive`. For each, and for each rate at which states change, a
 * fleet of its own: a server that syncs every append, managers as processes, ECUs in this process (`receive-ecu.ts`) whose tasks
 * tick, change pages and take checkpoints.
 *
 * Bytes are the server's own count of what came in and went out, all of it: ticks, heartbeats and records too; what a fleet moves
 * without checkpoints is measured beside it, on the same tasks that take none. Age is that of the newest durable state, asked at many
 * moments: each could be that of a failure. Memory of a manager is the most the kernel saw resident; of an ECU the most bytes held
 * for managers, beside its tasks' own memory and shadow copies.
 *
 * Not measured: networks between machines, managers under other load, the local store of an ECU.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { RECEIVE_STRATEGIES, type ReceiveStrategy } from '../../domain/checkpoint/receiving.ts';
import { assert } from '../../domain/kernel/assert.ts';
import { PAGE_BYTES } from '../../domain/model/checkpoint.ts';
import type { TaskSpec } from '../../domain/model/task.ts';
import { validateTaskSpec } from '../../domain/model/task-spec.ts';
import { type FleetClient, openFleetClient } from '../compose/open-fleet-client.ts';
import { deployTask } from '../fleet/fleet-calls.ts';
import { ecuMac, LocalFleet, managerIds } from '../fleet/local-fleet.ts';
import { type Machine, machine } from './machine.ts';
import { processCpuUs } from './process-cpu.ts';
import { ReceiveEcu } from './receive-ecu.ts';

export interface ReceiveBenchOptions {
  readonly ecus: number;
  readonly managers: number;
  /** In the whole fleet. */
  readonly tasks: number;
  readonly memoryKib: number;
  /** Percent of a task's pages that change between two checkpoints. */
  readonly dirtyPercents: readonly number[];
  /** Percent of those that are the same pages in every checkpoint; the others move through the memory. */
  readonly hotPercent: number;
  readonly checkpointMs: number;
  /** Between two rounds of `interval`. */
  readonly intervalMs: number;
  /** Of each measurement. */
  readonly seconds: number;
  readonly say?: (sentence: string) => void;
}

export interface ReceiveResult {
  readonly strategy: ReceiveStrategy;
  readonly dirtyPercent: number;
  /** A second: in at the server and out of it. */
  readonly wireInKib: number;
  readonly wireOutKib: number;
  /** Of the newest durable state. */
  readonly ageMs: { readonly n: number; readonly p50: number; readonly p99: number; readonly max: number };
  /** By so many checkpoints the newest durable states moved on, of all tasks together, a second; those skipped count. */
  readonly durablePerSecond: number;
  readonly managerPeakMib: number;
  readonly ecuHeldPeakKib: number;
  /** Percent of one core, of the managers together and of the server. */
  readonly managersCpuPercent: number;
  readonly serverCpuPercent: number;
}

export interface ReceiveBench {
  readonly bench: 'receive';
  readonly machine: Machine;
  readonly work: Omit<ReceiveBenchOptions, 'say'>;
  /** The same tasks without checkpoints: a second, in and out. */
  readonly idle: { readonly wireInKib: number; readonly wireOutKib: number };
  readonly results: readonly ReceiveResult[];
}

const ARTEFACT = new TextEncoder().encode('drover bench receive');
const JOBS_PER_CHECKPOINT = 2;
const SAMPLE_MS = 10;
const START_MS_MAX = 60_000;
/** Long enough for the first, full checkpoints to be over. */
const WARM_UP_MS = 1_500;
/** No checkpoint is due while the bench runs. */
const NEVER_US = 3_600_000_000;

export async function benchReceive(options: ReceiveBenchOptions): Promise<ReceiveBench> {
  const { say = () => {}, ...work } = options;
  const bench = machine();
  const [firstPercent = 1] = work.dirtyPercents;
  const idleRun = await runOne(work, { strategy: 'notify', dirtyPercent: firstPercent }, { checkpoints: false });
  const idle = { wireInKib: idleRun.wireInKib, wireOutKib: idleRun.wireOutKib };
  say(`without checkpoints: ${idle.wireInKib} KiB/s in, ${idle.wireOutKib} KiB/s out`);
  const results: ReceiveResult[] = [];
  for (const dirtyPercent of work.dirtyPercents) {
    for (const strategy of RECEIVE_STRATEGIES) {
      const result = await runOne(work, { strategy, dirtyPercent });
      results.push(result);
      say(
        `${strategy}, ${dirtyPercent} % changed: ${result.wireInKib} KiB/s in, ${result.wireOutKib} KiB/s out, age p50 ${result.ageMs.p50} ms, p99 ${result.ageMs.p99} ms`,
      );
    }
  }
  return { bench: 'receive', machine: bench, work, idle, results };
}

type Work = Omit<ReceiveBenchOptions, 'say'>;

async function runOne(
  work: Work,
  which: Pick<ReceiveResult, 'strategy' | 'dirtyPercent'>,
  { checkpoints = true } = {},
): Promise<ReceiveResult> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-bench-'));
  const fleet = new LocalFleet({
    dataFolder: folder,
    ecus: [],
    managers: managerIds(work.managers),
    receive: { strategy: which.strategy, intervalUs: work.intervalMs * 1000 },
    // What is measured is what goes over a network.
    localPath: false,
    logLevel: 'warn',
  });
  const ecus: ReceiveEcu[] = [];
  let client: FleetClient | undefined;
  try {
    await fleet.start();
    client = await openFleetClient(fleet.broker, { withSys: true });
    const pages = (work.memoryKib * 1024) / PAGE_BYTES;
    for (let number = 1; number <= work.ecus; number++) {
      ecus.push(
        await ReceiveEcu.open({
          mac: ecuMac(number),
          broker: fleet.broker,
          dataFolder: join(folder, `bench-ecu-${number}`),
          memoryBytes: work.memoryKib * 1024,
          hotShare: work.hotPercent / 100,
          jobsPerCheckpoint: JOBS_PER_CHECKPOINT,
          dirtyPagesPerJob: Math.max(1, Math.round((pages * which.dirtyPercent) / 100 / JOBS_PER_CHECKPOINT)),
        }),
      );
    }
    for (let number = 1; number <= work.tasks; number++) {
      const spec = specOf(work, { number, checkpoints });
      await deployTask(fleet.client, { spec, artefact: ARTEFACT });
    }
    const samples = () => ecus.map((ecu) => ecu.samples());
    await untilAll(
      samples,
      (all) => all.length === work.tasks && (!checkpoints || all.every(({ ageMs }) => ageMs !== undefined)),
    );
    await sleep(WARM_UP_MS);
    return { ...which, ...(await measure(work, { fleet, client, samples })) };
  } finally {
    for (const ecu of ecus) await ecu.close();
    await client?.close();
    await fleet.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function specOf(work: Work, { number, checkpoints }: { readonly number: number; readonly checkpoints: boolean }): TaskSpec {
  const intervalUs = work.checkpointMs * 1000;
  const spec = validateTaskSpec({
    name: `bench-${number}`,
    artefact: systemHasher.hex(ARTEFACT),
    artefactBytes: ARTEFACT.length,
    periodUs: Math.round(intervalUs / JOBS_PER_CHECKPOINT),
    wcetUs: 1_000,
    memoryBytesMax: Math.max(1024 * 1024, 2 * work.memoryKib * 1024),
    checkpoint: { intervalUs: checkpoints ? intervalUs : NEVER_US, quorum: work.managers, standbys: 0 },
    affinity: { requiredEcus: [ecuMac(1 + ((number - 1) % work.ecus))] },
  });
  assert(spec.ok, 'the spec of a bench task is valid');
  return spec.value;
}

async function untilAll(
  samples: Running['samples'],
  reached: (all: ReturnType<ReceiveEcu['samples']>) => boolean,
): Promise<void> {
  const untilMs = performance.now() + START_MS_MAX;
  for (;;) {
    if (reached(samples().flat())) return;
    assert(performance.now() < untilMs, `every task of the bench has a durable checkpoint within ${START_MS_MAX} ms`);
    await sleep(SAMPLE_MS);
  }
}

interface Running {
  readonly fleet: LocalFleet;
  readonly client: FleetClient;
  /** By ECU. */
  readonly samples: () => ReturnType<ReceiveEcu['samples']>[];
}

async function measure(work: Work, running: Running): Promise<Omit<ReceiveResult, 'strategy' | 'dirtyPercent'>> {
  const { fleet, client, samples } = running;
  const processes = fleet.processes();
  const managers = processes.filter(({ host }) => host.startsWith('manager.'));
  const server = processes.filter(({ host }) => host === 'server');
  const cpuOf = (some: typeof processes): number => some.reduce((sum, { pid }) => sum + processCpuUs(pid), 0);
  const durableOf = (): number =>
    samples()
      .flat()
      .reduce((sum, { durableSequence }) => sum + durableSequence, 0);
  const before = { wire: await serverBytes(client), managers: cpuOf(managers), server: cpuOf(server), durable: durableOf() };
  const beganMs = performance.now();
  const ages: number[] = [];
  let heldPeak = 0;
  while (performance.now() - beganMs < work.seconds * 1000) {
    await sleep(SAMPLE_MS);
    for (const ecu of samples()) {
      heldPeak = Math.max(
        heldPeak,
        ecu.reduce((sum, { heldBytes }) => sum + heldBytes, 0),
      );
      for (const { ageMs } of ecu) if (ageMs !== undefined) ages.push(ageMs);
    }
  }
  const wire = await serverBytes(client);
  const seconds = (performance.now() - beganMs) / 1000;
  const perSecond = (count: number): number => round1(count / seconds);
  ages.sort((a, b) => a - b);
  const at = (share: number): number => round1(ages[Math.min(ages.length - 1, Math.floor(ages.length * share))] ?? 0);
  return {
    wireInKib: perSecond((wire.in - before.wire.in) / 1024),
    wireOutKib: perSecond((wire.out - before.wire.out) / 1024),
    ageMs: { n: ages.length, p50: at(0.5), p99: at(0.99), max: at(1) },
    durablePerSecond: perSecond(durableOf() - before.durable),
    managerPeakMib: Math.max(...managers.map(({ pid }) => peakMib(pid))),
    ecuHeldPeakKib: round1(heldPeak / 1024),
    managersCpuPercent: perSecond((cpuOf(managers) - before.managers) / 10_000),
    serverCpuPercent: perSecond((cpuOf(server) - before.server) / 10_000),
  };
}

/** What the server counted on all its connections since it started. */
async function serverBytes({ link }: FleetClient): Promise<{ readonly in: number; readonly out: number }> {
  assert(link.sys !== undefined, 'a server that drover started has a system account');
  const answer = await link.sys.request('$SYS.REQ.SERVER.PING.VARZ', undefined, { timeout: 5_000 });
  const { data } = answer.json<{ readonly data: { readonly in_bytes: number; readonly out_bytes: number } }>();
  return { in: data.in_bytes, out: data.out_bytes };
}

/** The most that was resident since the process began. */
function peakMib(pid: number): number {
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return round1(Number(match?.[1] ?? 0) / 1024);
}

const round1 = (value: number): number => Math.round(value * 10) / 10;
