import type { ErrorCode } from '../domain/kernel/error-codes.ts';
import type { CheckpointNeeds, RuntimeOffer } from '../domain/model/compatibility.ts';
import type { RuntimeKind, TaskSpec } from '../domain/model/task.ts';

/**
 * Runs tasks of one runtime. The instance core in `src/domain/instance` decides when; the runtime only does.
 *
 * Where programs share a core the most urgent that waits goes first (`src/domain/instance/lane-queue.ts`).
 *
 * T1. One job at a time per program; a second `runJob` or `runJobs` before the first has answered is a bug of the caller.
 * T2. A program's state after `runJob` is a function of its state before and of the input.
 * T3. A failure of one program harms no other, and never the bridge. (Where several share a worker, a job that has to be
 *     ended from outside, ERR_JOB_HANG, ends them all; each hears of it by its `onEnded`.)
 * T4. After a failed job the program is unusable, because its state is no job boundary: every later job answers with the
 *     same failure and a capture fails. Stop it; the state to go on from is the last checkpoint.
 */
export interface TaskRuntime {
  readonly kind: RuntimeKind;
  /** What a program may need of it. */
  readonly offer: RuntimeOffer;
  /**
   * Fails with ERR_MODULE_INVALID, ERR_MODULE_REFUSED or ERR_SPEC_INVALID; an image of another program with
   * ERR_STORE_CORRUPT; a task that fails in its own initialisation with the ERR_JOB_* of it.
   */
  start(options: StartOptions): Promise<TaskProgram>;
  /** Ends all programs and workers. */
  close(): Promise<void>;
}

export interface StartOptions {
  readonly spec: TaskSpec;
  /** The artefact, already verified against `spec.artefact`. */
  readonly artefact: Uint8Array;
  /** The state to go on from; without it the program starts fresh and runs its own initialisation. */
  readonly image: TaskImage | undefined;
  /** The core that it was admitted to, from 0; absent: any. */
  readonly core?: number | undefined;
  /** Called at most once, when the program ends by itself (its worker died, or was ended for hanging). */
  readonly onEnded: (failure: JobFailure) => void;
}

/** How long several jobs may keep a thread that other programs wait for. */
export const JOBS_BUDGET_US = 5_000;

export interface TaskProgram {
  /** What this program needs of whatever runtime goes on from its state; written into its checkpoints. */
  readonly needs: Pick<CheckpointNeeds, 'runtimeVersion' | 'hostFunctions'>;
  /** Programs of one lane share a core and nothing else; undefined: it has a thread of its own, or nobody knows. */
  readonly lane?: number | undefined;
  runJob(input: JobInput): Promise<JobResult>;
  /**
   * Several jobs in one trip to wherever the program runs, one after the other. Answers for the first one or more of them,
   * in order: it ends with the first that failed, and before one that would begin later than JOBS_BUDGET_US after the first.
   */
  runJobs(inputs: readonly JobInput[]): Promise<readonly JobResult[]>;
  /**
   * The state at this job boundary. `full` carries every page; `delta` those that differ from the previous capture, found
   * by comparing with the shadow copy, which then becomes this capture. The first capture is always full.
   */
  capture(mode: 'full' | 'delta'): Promise<TaskCapture>;
  /** Pages of the newest capture, concatenated in the order asked for. */
  readShadow(pageIndexes: Uint32Array): Promise<Uint8Array>;
  stop(): Promise<void>;
}

export interface JobInput {
  readonly kind: 'data' | 'tick';
  /** Data number or tick number. */
  readonly number: number;
  /** Ticks that fell due since the last one and were not made up; 0 for data. */
  readonly skipped: number;
  readonly payload: Uint8Array;
  /** When it arrived, by the host's monotonic clock: where deadlines decide who runs first, they count from here. */
  readonly arrivedUs?: number;
}

export type JobResult =
  | { readonly kind: 'done'; readonly outputs: readonly JobOutput[]; readonly executionUs: number; readonly fuelUsed: number }
  | { readonly kind: 'failed'; readonly failure: JobFailure };

export interface JobOutput {
  readonly channel: number;
  readonly payload: Uint8Array;
}

export interface JobFailure {
  readonly code: ErrorCode;
  readonly sentence: string;
}

export interface TaskCapture {
  readonly mode: 'full' | 'delta';
  readonly pageCount: number;
  readonly pageIndexes: Uint32Array;
  /** `pageIndexes.length` × 4096 bytes. */
  readonly pages: Uint8Array;
  /** `pageIndexes.length` × 32 bytes, SHA-256 of each page. */
  readonly pageDigests: Uint8Array;
  readonly globals: Uint8Array;
  /** µs spent comparing and digesting, for the bench and for `status`. */
  readonly captureUs: number;
}

/** A whole state, as rebuilt from checkpoints. */
export interface TaskImage {
  /** In a SharedArrayBuffer it reaches a worker without being copied; it must not change before `start` has answered. */
  readonly memory: Uint8Array;
  readonly globals: Uint8Array;
}
