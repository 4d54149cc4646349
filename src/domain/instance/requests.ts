/** What the instance core asks the world for. The driver does them in the order given; each answer is a call back. */
import type { ErrorCode } from '../kernel/error-codes.ts';
import type { InputCursor } from '../model/checkpoint.ts';

/** One message for the task's output subject. A marker has no payload; its number is that of the last accepted output. */
export interface OutputEntry {
  readonly marker: boolean;
  readonly number: number;
  readonly channel: number;
  readonly payload: Uint8Array;
}

/** What stands last on the output subject: enough to decide who owns it. */
export interface LastOutput {
  /** Its sequence in the stream. */
  readonly sequence: number;
  readonly epoch: number;
  readonly nonce: string;
  /** Number of the last accepted output (a marker repeats it). */
  readonly number: number;
}

export interface InstanceInput {
  readonly sequence: number;
  readonly kind: 'data' | 'tick';
  readonly number: number;
  readonly skipped: number;
  readonly payload: Uint8Array;
  /** When it could be read here, on the ECU's monotonic clock; absent in a run that nobody waits for. */
  readonly arrivedUs?: number;
}

/** What one job gave, in order. */
export type JobOutputs = readonly { readonly channel: number; readonly payload: Uint8Array }[];

export interface JobFailed {
  readonly code: ErrorCode;
  readonly sentence: string;
}

/** A state captured at a job boundary, by its place in this instance's life. */
export interface BoundaryState {
  readonly sequence: number;
  readonly baseSequence: number | undefined;
  readonly input: InputCursor;
  readonly outputNumber: number;
}

export type InstanceRequest =
  | { readonly kind: 'read-last-output' }
  | { readonly kind: 'append-outputs'; readonly expectedSequence: number; readonly batch: readonly OutputEntry[] }
  | { readonly kind: 'consume-inputs'; readonly fromSequence: number }
  /** One after the other. What was not run of them is asked for again. */
  | { readonly kind: 'run-jobs'; readonly inputs: readonly InstanceInput[] }
  | { readonly kind: 'capture'; readonly mode: 'full' | 'delta'; readonly boundary: BoundaryState }
  /** All outputs up to the boundary's are accepted: tell the managers. */
  | { readonly kind: 'announce'; readonly boundary: BoundaryState }
  /** The marker stands: this instance owns the task's outputs. */
  | { readonly kind: 'started' }
  /** Every input that was there at the start has been consumed. */
  | { readonly kind: 'caught-up' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'check-placement' }
  /** Nothing more will be asked; release everything. */
  | { readonly kind: 'ended'; readonly code: ErrorCode; readonly sentence: string };
