/**
 * What the main thread and a lane say to each other. Both ends are this build, in one process, so there is no version and
 * no validation; buffers that answers carry are transferred, not copied.
 */
import type { ErrorCode } from '../../src/domain/kernel/error-codes.ts';
import type { JobInput, TaskImage } from '../../src/ports/task-runtime.ts';

/** Each runtime adds what its programs start from. */
export interface StartRequest {
  readonly type: 'start';
  readonly program: number;
  readonly image: TaskImage | undefined;
}

export type LaneRequest<Start extends StartRequest = StartRequest> =
  | Start
  | { readonly type: 'jobs'; readonly program: number; readonly inputs: readonly JobInput[] }
  | { readonly type: 'capture'; readonly program: number; readonly mode: 'full' | 'delta' }
  | { readonly type: 'read-shadow'; readonly program: number; readonly pageIndexes: Uint32Array }
  | { readonly type: 'stop'; readonly program: number }
  /** Answered at once: the lane is up. */
  | { readonly type: 'ping' };

/** Requests are answered in the order they were sent, so that an answer needs no number. */
export type LaneAnswer =
  /** Said once, before anything else: the thread has loaded its code. */
  | { readonly type: 'up' }
  | { readonly type: 'done'; readonly value: unknown }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly sentence: string; readonly retryable: boolean }
  /** The lane's own bug: an assertion. */
  | { readonly type: 'broken'; readonly stack: string }
  | { readonly type: 'log'; readonly program: number; readonly level: number; readonly sentence: string };
