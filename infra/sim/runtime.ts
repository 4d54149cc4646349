/**
 * The task runtime of the simulated world: runs stand-in tasks (`stand-in-task.ts`) and keeps every promise of the port,
 * T1–T3. Capture compares pages with the shadow copy and digests what differs, as the real one does; execution takes
 * virtual time drawn from the seed, which no output depends on.
 */
import { hash } from 'node:crypto';
import { allPages, findDifferingPages, gatherPages } from '../../src/domain/checkpoint/pages.ts';
import { assert } from '../../src/domain/kernel/assert.ts';
import type { Rng } from '../../src/domain/kernel/rng.ts';
import { DIGEST_BYTES, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { RuntimeOffer } from '../../src/domain/model/compatibility.ts';
import type { HostId } from '../../src/domain/model/ids.ts';
import type { RuntimeKind, TaskSpec } from '../../src/domain/model/task.ts';
import {
  JOBS_BUDGET_US,
  type JobFailure,
  type JobInput,
  type JobResult,
  type StartOptions,
  type TaskCapture,
  type TaskProgram,
  type TaskRuntime,
} from '../../src/ports/task-runtime.ts';
import type { SimProcess } from './host.ts';
import { drawUs, type RangeUs } from './network.ts';
import { StandInTask } from './stand-in-task.ts';

export interface SimRuntimeOptions {
  readonly process: SimProcess;
  readonly rng: Rng;
  readonly kind?: RuntimeKind;
  /** Host functions besides the usual ones, which every program started here then needs: for scenarios of what lacks. */
  readonly hostFunctions?: readonly string[];
  /** How long a job takes; may depend on the task. */
  readonly executionUs?: RangeUs | ((spec: TaskSpec) => RangeUs);
  /** A job was done, in whatever instance. */
  readonly onJob?: (job: { readonly host: HostId; readonly spec: TaskSpec; readonly input: JobInput }) => void;
  readonly captureUs?: RangeUs;
  /** A job that fails instead of running, as a trap would: a function of the input, the same everywhere. */
  /** Changes what a capture takes, before it is digested: a bit that flips in the ECU's memory. */
  readonly damaging?: (spec: TaskSpec, memory: Uint8Array) => void;
  readonly failing?: (spec: TaskSpec, input: JobInput) => JobFailure | undefined;
}

export class SimTaskRuntime implements TaskRuntime {
  readonly kind: RuntimeKind;
  readonly options: SimRuntimeOptions;
  readonly offer: RuntimeOffer;
  private readonly programs = new Map<string, SimProgram>();

  constructor(options: SimRuntimeOptions) {
    this.options = options;
    this.kind = options.kind ?? 'wasm';
    this.offer = {
      runtime: this.kind,
      version: 1,
      hostFunctions: ['drover.output', 'drover.log', ...(options.hostFunctions ?? [])],
    };
  }

  start(options: StartOptions): Promise<TaskProgram> {
    return this.options.process.promise((settle) => {
      try {
        const { artefact, image } = options;
        const task = image === undefined ? StandInTask.fresh(artefact) : StandInTask.restored(artefact, image);
        const program = new SimProgram(this.options, options, task);
        this.programs.set(options.spec.name, program);
        settle.resolve(program);
      } catch (error) {
        settle.reject(error as Error);
      }
    });
  }

  /** Scenarios: the program's worker dies by itself. */
  breakProgram(task: string, failure: JobFailure): void {
    this.programs.get(task)?.fail(failure);
  }

  async close(): Promise<void> {
    for (const program of this.programs.values()) await program.stop();
    this.programs.clear();
  }
}

class SimProgram implements TaskProgram {
  readonly needs: TaskProgram['needs'];
  private readonly options: SimRuntimeOptions;
  private readonly started: StartOptions;
  private readonly task: StandInTask;
  private shadow: Uint8Array | undefined;
  private running: ((failure: JobFailure) => void) | undefined;
  private ended: JobFailure | undefined;
  private stopped = false;

  constructor(options: SimRuntimeOptions, started: StartOptions, task: StandInTask) {
    this.options = options;
    this.needs = { runtimeVersion: 1, hostFunctions: ['drover.output', ...(options.hostFunctions ?? [])] };
    this.started = started;
    this.task = task;
  }

  runJob(input: JobInput): Promise<JobResult> {
    const { process, rng, failing } = this.options;
    assert(this.running === undefined, 'T1: one job at a time per program');
    return process.promise((settle) => {
      const failure = this.ended ?? failing?.(this.started.spec, input);
      if (failure !== undefined || this.stopped) {
        settle.resolve({ kind: 'failed', failure: failure ?? STOPPED });
        return;
      }
      const { executionUs: range = EXECUTION_US, onJob } = this.options;
      const { spec } = this.started;
      const executionUs = drawUs(rng, typeof range === 'function' ? range(spec) : range);
      const cancel = process.after(executionUs, () => {
        this.running = undefined;
        onJob?.({ host: process.host.id, spec, input });
        settle.resolve({ kind: 'done', outputs: this.task.run(input), executionUs, fuelUsed: 100 + input.payload.length });
      });
      this.running = (ended) => {
        cancel();
        this.running = undefined;
        settle.resolve({ kind: 'failed', failure: ended });
      };
    });
  }

  async runJobs(inputs: readonly JobInput[]): Promise<readonly JobResult[]> {
    const results: JobResult[] = [];
    let spentUs = 0;
    for (const input of inputs) {
      const result = await this.runJob(input);
      results.push(result);
      if (result.kind === 'failed') break;
      spentUs += result.executionUs;
      if (spentUs >= JOBS_BUDGET_US) break;
    }
    return results;
  }

  capture(mode: 'full' | 'delta'): Promise<TaskCapture> {
    assert(this.running === undefined, 'a capture is taken at a job boundary');
    const { process, rng } = this.options;
    return process.promise((settle) => {
      const memory = this.task.memory.slice();
      this.options.damaging?.(this.started.spec, memory);
      const shadow = mode === 'full' ? undefined : this.shadow;
      const pageIndexes = shadow === undefined ? allPages(memory.length / PAGE_BYTES) : findDifferingPages(memory, shadow);
      const pages = gatherPages(memory, pageIndexes);
      const pageDigests = new Uint8Array(pageIndexes.length * DIGEST_BYTES);
      for (let at = 0; at < pageIndexes.length; at++) {
        const digest = hash('sha256', pages.subarray(at * PAGE_BYTES, (at + 1) * PAGE_BYTES), 'buffer');
        pageDigests.set(digest, at * DIGEST_BYTES);
      }
      this.shadow = memory;
      const captureUs = drawUs(rng, this.options.captureUs ?? { min: 10, max: 100 });
      const capture: TaskCapture = {
        mode: shadow === undefined ? 'full' : 'delta',
        pageCount: memory.length / PAGE_BYTES,
        pageIndexes,
        pages,
        pageDigests,
        globals: this.task.globals(),
        captureUs,
      };
      process.after(captureUs, () => settle.resolve(capture));
    });
  }

  readShadow(pageIndexes: Uint32Array): Promise<Uint8Array> {
    return this.options.process.promise((settle) => {
      const { shadow } = this;
      assert(shadow !== undefined, 'pages are read after the first capture');
      settle.resolve(gatherPages(shadow, pageIndexes));
    });
  }

  stop(): Promise<void> {
    this.stopped = true;
    this.running?.(STOPPED);
    return this.options.process.promise((settle) => settle.resolve(undefined));
  }

  fail(failure: JobFailure): void {
    if (this.ended !== undefined || this.stopped) return;
    this.ended = failure;
    this.running?.(failure);
    this.options.process.deliver(() => this.started.onEnded(failure));
  }
}

const EXECUTION_US: RangeUs = { min: 20, max: 400 };
const STOPPED: JobFailure = { code: 'ERR_JOB_HANG', sentence: 'the program was stopped' };
