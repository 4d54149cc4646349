/**
 * What a chaos run has seen of its fleet: every input and output of every task in stream order, every record of the actors
 * that decide, each with the server's time. Plain data: `recorder.ts` fills it while the janitor trims the streams behind it,
 * `verdict.ts` and `failover-times.ts` judge it.
 */
import type { Incarnation } from '../../domain/model/ecu.ts';
import type { ActorKey, TaskName } from '../../domain/model/ids.ts';

export interface RecordedInput {
  readonly sequence: number;
  readonly kind: 'data' | 'tick';
  readonly number: number;
  readonly skipped: number;
  /** Of a tick: its ticker's; 0 on data. */
  readonly epoch: number;
  readonly payload: Uint8Array;
  readonly atUs: number;
}

export interface RecordedOutput {
  readonly sequence: number;
  readonly epoch: number;
  readonly nonce: string;
  readonly marker: boolean;
  readonly number: number;
  readonly channel: number;
  readonly payload: Uint8Array;
  readonly atUs: number;
}

/** One record of a task's placement, as far as the checks need it. */
export interface PlacementStepSeen {
  readonly revision: number;
  readonly atUs: number;
  readonly state: string;
  readonly epoch: number;
  readonly owner: Incarnation | undefined;
  readonly takenBy: ActorKey | undefined;
  readonly takeId: string | undefined;
  readonly reason: string | undefined;
  /** What led here: the event's type, and what it carried. */
  readonly event: { readonly type: string; readonly expectedEpoch?: number; readonly epoch?: number; readonly reason?: string };
}

export interface TaskRecording {
  readonly inputs: RecordedInput[];
  readonly outputs: RecordedOutput[];
  readonly placements: PlacementStepSeen[];
}

export interface Recording {
  readonly tasks: ReadonlyMap<TaskName, TaskRecording>;
  /** When each arbiter's first record was appended: its claim. */
  readonly claims: ReadonlyMap<ActorKey, { readonly atUs: number; readonly writer: string }>;
  /** What the recorder could not read; anything here makes the verdict worthless, so it fails. */
  readonly unreadable: readonly string[];
}
