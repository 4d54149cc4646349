/**
 * The task runtime of the simulated world: runs stand-in tasks (`stand-in-task.ts`) and keeps every promise of the port,
 * T1–T3. Capture compares pages with the shadow copy and digests what differs, as the real one does, but looks only at pages that
 * were written to; execution takes virtual time drawn from the seed, which no output depends on.
 */
import { allPages, gatherPages, sameWords } from '../../src/domain/checkpoint/pages.ts';
import { type Urgency, urgencyOf } from '../../src/domain/instance/lane-queue.ts';
import { assert } from '../../src/domain/kernel/assert.ts';
import type { Rng } from '../../src/domain/kernel/rng.ts';
import { DIGEST_BYTES, PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { RuntimeOffer } from '../../src/domain/model/compatibility.ts';
import type { EcuScheduling } from '../../src/domain/model/ecu.ts';
import type { Digest, HostId } from '../../src/domain/model/ids.ts';
import type { RuntimeKind, TaskSpec } from '../../src/domain/model/task.ts';
import { ownScheduling } from '../../src/domain/placement/platform-of.ts';
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
import { type Piece, SimCore } from './core.ts';
import type { SimProcess } from './host.ts';
import { drawUs, type RangeUs } from './network.ts';
import { notePages, pageDigest, writeDigest } from './page-digests.ts';
import { StandInTask } from './stand-in-task.ts';
import { noteWriting } from './stated-tables.ts';

export interface SimRuntimeOptions {
  readonly process: SimProcess;
  readonly rng: Rng;
  /** How programs share their cores; absent: as drover's own lanes. */
  readonly scheduling?: EcuScheduling | undefined;
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
  private readonly cores = new Map<number, SimCore>();
  private started = 0;

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
        const program = new SimProgram(this.options, options, {
          task,
          core: this.coreOf(options.core),
          number: ++this.started,
        });
        this.programs.set(options.spec.name, program);
        settle.resolve(program);
      } catch (error) {
        settle.reject(error as Error);
      }
    });
  }

  private coreOf(number: number | undefined): SimCore {
    const { process, scheduling = ownScheduling() } = this.options;
    const core = (number === undefined ? undefined : this.cores.get(number)) ?? new SimCore(process, scheduling);
    if (number !== undefined) this.cores.set(number, core);
    return core;
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
  private readonly core: SimCore;
  private readonly number: number;
  private readonly urgency: Urgency;
  private shadow: Uint8Array | undefined;
  /** Of the shadow's pages, as far as they are known. */
  private readonly digests: (Digest | undefined)[] = [];
  private running: ((failure: JobFailure) => void) | undefined;
  private ended: JobFailure | undefined;
  private stopped = false;

  constructor(
    options: SimRuntimeOptions,
    started: StartOptions,
    { task, core, number }: { readonly task: StandInTask; readonly core: SimCore; readonly number: number },
  ) {
    this.core = core;
    this.number = number;
    this.urgency = urgencyOf(started.spec);
    this.options = options;
    this.needs = { runtimeVersion: 1, hostFunctions: ['drover.output', ...(options.hostFunctions ?? [])] };
    this.started = started;
    this.task = task;
  }

  async runJob(input: JobInput): Promise<JobResult> {
    const [result] = await this.runJobs([input]);
    assert(result !== undefined, 'one job at least has a result');
    return result;
  }

  runJobs(inputs: readonly JobInput[]): Promise<readonly JobResult[]> {
    const { process, rng, failing, executionUs: range = EXECUTION_US, onJob } = this.options;
    const { spec } = this.started;
    assert(this.running === undefined, 'T1: one job at a time per program');
    return process.promise((settle) => {
      const results: JobResult[] = [];
      let spentUs = 0;
      let executionUs = 0;
      const begin = (): Piece | undefined => {
        const input = inputs[results.length];
        if (input === undefined || spentUs >= JOBS_BUDGET_US) return undefined;
        const failure = this.ended ?? (this.stopped ? STOPPED : failing?.(spec, input));
        if (failure !== undefined) {
          results.push({ kind: 'failed', failure });
          return undefined;
        }
        executionUs = drawUs(rng, typeof range === 'function' ? range(spec) : range);
        return { us: executionUs, arrivedUs: input.arrivedUs ?? process.clock.monotonicUs() };
      };
      const done = (): Piece | undefined => {
        const input = inputs[results.length] as JobInput;
        onJob?.({ host: process.host.id, spec, input });
        const outputs = this.task.run(input);
        results.push({ kind: 'done', outputs, executionUs, fuelUsed: 100 + input.payload.length });
        spentUs += executionUs;
        const next = begin();
        if (next === undefined) {
          this.running = undefined;
          settle.resolve(results);
        }
        return next;
      };
      const first = begin();
      if (first === undefined) {
        settle.resolve(results);
        return;
      }
      const cancel = this.core.add({ program: this.number, kind: 'jobs', urgency: this.urgency, first, done });
      this.running = (failure) => {
        cancel();
        this.running = undefined;
        settle.resolve([...results, { kind: 'failed', failure }]);
      };
    });
  }

  capture(mode: 'full' | 'delta'): Promise<TaskCapture> {
    assert(this.running === undefined, 'a capture is taken at a job boundary');
    const { process, rng } = this.options;
    return process.promise((settle) => {
      const { damaging } = this.options;
      const memory = damaging === undefined ? this.task.memory : this.task.memory.slice();
      damaging?.(this.started.spec, memory);
      const isFull = mode === 'full' || this.shadow === undefined;
      const changed = this.takeChanged(memory, damaging !== undefined);
      const pageIndexes = isFull ? allPages(memory.length / PAGE_BYTES) : changed;
      const pages = gatherPages(memory, pageIndexes);
      const pageDigests = new Uint8Array(pageIndexes.length * DIGEST_BYTES);
      const digests: Digest[] = [];
      for (let at = 0; at < pageIndexes.length; at++) {
        const index = pageIndexes[at] as number;
        this.digests[index] ??= pageDigest(pages.subarray(at * PAGE_BYTES, (at + 1) * PAGE_BYTES));
        digests.push(this.digests[index]);
        writeDigest(this.digests[index], pageDigests, at * DIGEST_BYTES);
      }
      notePages(pages, digests);
      noteWriting(pageDigests, digests);
      const captureUs = drawUs(rng, this.options.captureUs ?? { min: 10, max: 100 });
      const capture: TaskCapture = {
        mode: isFull ? 'full' : 'delta',
        pageCount: memory.length / PAGE_BYTES,
        pageIndexes,
        pages,
        pageDigests,
        globals: this.task.globals(),
        captureUs,
      };
      const done = (): undefined => {
        settle.resolve(capture);
      };
      const first = { us: captureUs, arrivedUs: process.clock.monotonicUs() };
      this.core.add({ program: this.number, kind: 'upkeep', urgency: this.urgency, first, done });
    });
  }

  /** The pages that differ from the shadow copy, which then has them too. `all`: also where the program has written nothing. */
  private takeChanged(memory: Uint8Array, all: boolean): Uint32Array {
    const { touched } = this.task;
    const { shadow } = this;
    if (shadow === undefined) {
      this.shadow = memory.slice();
      touched.fill(0);
      return allPages(memory.length / PAGE_BYTES);
    }
    const looked = all ? allPages(touched.length) : pagesIn(touched);
    const changed = looked.filter((page) => !sameWords(memory, shadow, page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
    for (const page of changed) {
      shadow.set(memory.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), page * PAGE_BYTES);
      this.digests[page] = undefined;
    }
    touched.fill(0);
    return changed;
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

function pagesIn(touched: Uint8Array): Uint32Array {
  const pages: number[] = [];
  for (let page = 0; page < touched.length; page++) if (touched[page] === 1) pages.push(page);
  return Uint32Array.from(pages);
}

const EXECUTION_US: RangeUs = { min: 20, max: 400 };
const STOPPED: JobFailure = { code: 'ERR_JOB_HANG', sentence: 'the program was stopped' };
