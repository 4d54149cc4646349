/**
 * The ECUs of `receive.ts`: real bridges (`actors/bridge.ts`), each with a connection of its own, in this process. What is missing
 * against a bridge process is the compiled program: a task here is a memory of which each job changes so many pages, some the same ones again and again, some the next ones.
 */
import { mkdir } from 'node:fs/promises';
import { Bridge } from '../../../actors/bridge.ts';
import { openLmdbRecordStore } from '../../../infra/lmdb/record-store.ts';
import { createBusInventory } from '../../../infra/nats/inventory.ts';
import { BusReceivePolicy } from '../../../infra/nats/receive-policy.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { createProcessTable } from '../../../infra/system/process-table.ts';
import { allPages, findDifferingPages, gatherPages } from '../../domain/checkpoint/pages.ts';
import { DIGEST_BYTES, PAGE_BYTES } from '../../domain/model/checkpoint.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import type { JobInput, JobResult, StartOptions, TaskCapture, TaskProgram, TaskRuntime } from '../../ports/task-runtime.ts';
import { openHost } from '../compose/open-host.ts';
import { type BrokerChoice, HEARTBEAT_INTERVAL_US } from '../compose/process-config.ts';
import { VERSION } from '../version.ts';

export interface ReceiveEcuOptions {
  readonly mac: Mac;
  readonly broker: BrokerChoice;
  readonly dataFolder: string;
  readonly memoryBytes: number;
  readonly dirtyPagesPerJob: number;
  /** Of those, how many are the same in every checkpoint; the others move on. */
  readonly hotShare: number;
  readonly jobsPerCheckpoint: number;
}

/** One task at one moment. */
export interface TaskSample {
  readonly task: TaskName;
  readonly durableSequence: number;
  /** How old the newest durable state is; undefined: there is none. */
  readonly ageMs: number | undefined;
  readonly heldBytes: number;
}

export class ReceiveEcu {
  private readonly bridge: Bridge;
  private readonly runtime: DirtyRuntime;
  private readonly closing: readonly (() => Promise<unknown>)[];

  private constructor(bridge: Bridge, runtime: DirtyRuntime, closing: readonly (() => Promise<unknown>)[]) {
    this.bridge = bridge;
    this.runtime = runtime;
    this.closing = closing;
  }

  static async open(options: ReceiveEcuOptions): Promise<ReceiveEcu> {
    const { mac, broker, dataFolder } = options;
    await mkdir(dataFolder, { recursive: true });
    const records = openLmdbRecordStore({
      path: `${dataFolder}/records`,
      durability: 'process',
      historyMax: 100,
      onDamage: () => {},
    });
    const log = { level: 'error', file: `${dataFolder}/log` } as const;
    const { host, close } = await openHost({ id: `bridge.${mac}`, incarnation: 1, broker, log });
    const runtime = new DirtyRuntime(options);
    const bridge = new Bridge({
      host,
      description: {
        mac,
        incarnation: 1,
        name: mac,
        ecuClass: 'default',
        resourceKind: 'cpu',
        cores: 64,
        memoryBytes: 64 * 1024 ** 3,
        capabilities: [],
        labels: {},
        runtimes: ['wasm'],
        offers: [runtime.offer],
        bridge: createProcessTable().self(),
        supervisor: undefined,
        heartbeatIntervalUs: HEARTBEAT_INTERVAL_US,
        version: VERSION,
      },
      runtimes: new Map([['wasm', runtime]]),
      // The program is in the runtime; the artefact is but a name.
      artefacts: { get: async () => new Uint8Array(0), put: async () => '' },
      inventory: createBusInventory({ ...host, sender: host.id }),
      records,
      hasher: systemHasher,
      localStore: undefined,
      coLocatedManagers: new Set(),
      receive: new BusReceivePolicy(host),
    });
    await bridge.start();
    return new ReceiveEcu(bridge, runtime, [() => bridge.stop('the bench is over'), () => close(), () => records.close()]);
  }

  /** Of every task that runs here, as this ECU knows it. */
  samples(): TaskSample[] {
    const nowMs = performance.now();
    return [...this.bridge.running().all()].map(({ instance, source }) => {
      const { durableSequence, heldBytes } = source.state;
      const takenMs = this.runtime.takenMs(instance.spec.name, durableSequence);
      return {
        task: instance.spec.name,
        durableSequence,
        ageMs: takenMs === undefined ? undefined : nowMs - takenMs,
        heldBytes,
      };
    });
  }

  async close(): Promise<void> {
    for (const close of this.closing) await close();
  }
}

class DirtyRuntime implements TaskRuntime {
  readonly kind = 'wasm' as const;
  readonly offer = { runtime: 'wasm', version: 1, hostFunctions: [] } as const;
  private readonly programs = new Map<TaskName, DirtyProgram>();
  private readonly options: ReceiveEcuOptions;

  constructor(options: ReceiveEcuOptions) {
    this.options = options;
  }

  /** When the capture with this number was taken. */
  takenMs(task: TaskName, sequence: number): number | undefined {
    return this.programs.get(task)?.takenMs[sequence - 1];
  }

  async start({ spec }: StartOptions): Promise<TaskProgram> {
    const program = new DirtyProgram(this.options, spec.name);
    this.programs.set(spec.name, program);
    return program;
  }

  async close(): Promise<void> {}
}

class DirtyProgram implements TaskProgram {
  readonly needs = { runtimeVersion: 1, hostFunctions: [] };
  readonly takenMs: number[] = [];
  private readonly memory: Uint8Array;
  private readonly hotPages: number;
  private readonly hotPagesPerJob: number;
  private readonly otherPagesPerJob: number;
  private shadow: Uint8Array | undefined;
  private nextPage = 0;
  private jobs = 0;

  constructor(options: ReceiveEcuOptions, task: TaskName) {
    const { memoryBytes, dirtyPagesPerJob, hotShare, jobsPerCheckpoint } = options;
    this.memory = new Uint8Array(memoryBytes);
    this.hotPagesPerJob = Math.round(dirtyPagesPerJob * hotShare);
    this.otherPagesPerJob = dirtyPagesPerJob - this.hotPagesPerJob;
    this.hotPages = this.hotPagesPerJob * jobsPerCheckpoint;
    // Every page of every task differs from every other, so that none is shared by chance.
    const name = new TextEncoder().encode(task);
    const words = new DataView(this.memory.buffer);
    for (let page = 0; page < this.pageCount; page++) {
      words.setUint32(page * PAGE_BYTES, page);
      this.memory.set(name, page * PAGE_BYTES + 16);
    }
  }

  async runJob(): Promise<JobResult> {
    this.jobs++;
    const words = new DataView(this.memory.buffer);
    for (let nth = 0; nth < this.hotPagesPerJob; nth++) {
      const page = (this.jobs * this.hotPagesPerJob + nth) % this.hotPages;
      words.setUint32(page * PAGE_BYTES + 8, this.jobs);
    }
    for (let nth = 0; nth < this.otherPagesPerJob; nth++) {
      words.setUint32(this.nextPage * PAGE_BYTES + 8, this.jobs);
      this.nextPage = (this.nextPage + 1) % this.pageCount;
    }
    return { kind: 'done', outputs: [], executionUs: 0, fuelUsed: 0 };
  }

  async runJobs(inputs: readonly JobInput[]): Promise<readonly JobResult[]> {
    return Promise.all(inputs.map(() => this.runJob()));
  }

  async capture(mode: 'full' | 'delta'): Promise<TaskCapture> {
    this.takenMs.push(performance.now());
    const { memory, shadow } = this;
    const full = mode === 'full' || shadow === undefined;
    const pageIndexes = full ? allPages(this.pageCount) : findDifferingPages(memory, shadow);
    const pages = gatherPages(memory, pageIndexes);
    const pageDigests = new Uint8Array(pageIndexes.length * DIGEST_BYTES);
    for (let at = 0; at < pageIndexes.length; at++)
      systemHasher.digestInto(pages.subarray(at * PAGE_BYTES, (at + 1) * PAGE_BYTES), pageDigests, at * DIGEST_BYTES);
    this.shadow = memory.slice();
    return {
      mode: full ? 'full' : 'delta',
      pageCount: this.pageCount,
      pageIndexes,
      pages,
      pageDigests,
      globals: new Uint8Array(8),
      captureUs: 0,
    };
  }

  async readShadow(indexes: Uint32Array): Promise<Uint8Array> {
    return gatherPages(this.shadow ?? this.memory, indexes);
  }

  async stop(): Promise<void> {}

  private get pageCount(): number {
    return this.memory.length / PAGE_BYTES;
  }
}
