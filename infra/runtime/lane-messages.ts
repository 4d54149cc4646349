/**
 * What a lane's thread says to the main thread. Both ends are this build, in one process, so there is no version and no
 * validation; buffers that answers carry are transferred, not copied.
 */
import { DroverError, type ErrorCode } from '../../src/domain/kernel/error-codes.ts';
import type { TaskCapture } from '../../src/ports/task-runtime.ts';

/** Requests are answered in the order they were sent, so that an answer needs no number. */
export type LaneAnswer =
  /** Said once, before anything else: the thread has loaded its code. */
  | { readonly type: 'up' }
  | { readonly type: 'done'; readonly value: unknown }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly sentence: string; readonly retryable: boolean }
  /** The lane's own bug: an assertion. */
  | { readonly type: 'broken'; readonly stack: string }
  | { readonly type: 'log'; readonly program: number; readonly level: number; readonly sentence: string };

/** What was done, and the buffers that go along without a copy. */
export interface Performed {
  readonly value: unknown;
  readonly transfer?: ArrayBuffer[];
}

export const performedCapture = (capture: TaskCapture): Performed => ({
  value: capture,
  transfer: [capture.pages.buffer, capture.pageDigests.buffer, capture.pageIndexes.buffer] as ArrayBuffer[],
});

export const performedPages = (pages: Uint8Array): Performed => ({ value: pages, transfer: [pages.buffer as ArrayBuffer] });

export function failedAnswer(error: unknown): LaneAnswer {
  if (error instanceof DroverError)
    return { type: 'failed', code: error.code, sentence: error.message, retryable: error.retryable };
  return { type: 'broken', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
