/**
 * What the main thread and a lane say to each other. Both ends are this build, in one process, so there is no version and
 * no validation; buffers that answers carry are transferred, not copied.
 */
import type { LaneOrder, Urgency } from '../../src/domain/instance/lane-queue.ts';
import type { ErrorCode } from '../../src/domain/kernel/error-codes.ts';
import type { JobInput, TaskImage } from '../../src/ports/task-runtime.ts';
import type { SeatData } from './core-turns.ts';

/** Each runtime adds what its programs start from. */
export interface StartRequest {
  readonly type: 'start';
  readonly program: number;
  readonly image: TaskImage | undefined;
  /** How urgent whatever is asked of this program is. */
  readonly urgency: Urgency;
}

export type LaneRequest<Start extends StartRequest = StartRequest> =
  | Start
  | { readonly type: 'jobs'; readonly program: number; readonly inputs: readonly JobInput[] }
  | { readonly type: 'capture'; readonly program: number; readonly mode: 'full' | 'delta' }
  | { readonly type: 'read-shadow'; readonly program: number; readonly pageIndexes: Uint32Array }
  | { readonly type: 'stop'; readonly program: number }
  /** Answered at once: the lane is up. */
  | { readonly type: 'ping'; readonly program: 0 };

/** A request on its way: its number, which the answer carries, and when it was asked. */
export type Numbered<Request> = Request & { readonly number: number; readonly askedUs: number };

/** What a lane's thread is started with. */
export interface LaneData {
  readonly order: LaneOrder;
  /** Where it shares its core with other threads; absent: it takes no turns. */
  readonly seat?: SeatData | undefined;
}

/** Requests of one program are answered in the order they were sent; among programs, the most urgent first. */
export type LaneAnswer =
  /** Said once, before anything else: the thread has loaded its code. */
  | { readonly type: 'up' }
  | { readonly type: 'done'; readonly number: number; readonly value: unknown }
  | {
      readonly type: 'failed';
      readonly number: number;
      readonly code: ErrorCode;
      readonly sentence: string;
      readonly retryable: boolean;
    }
  /** The lane's own bug: an assertion. */
  | { readonly type: 'broken'; readonly number: number; readonly stack: string }
  | { readonly type: 'log'; readonly program: number; readonly level: number; readonly sentence: string };
