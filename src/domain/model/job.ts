import type { ErrorCode } from '../kernel/error-codes.ts';
import type { Mac, TaskName } from './ids.ts';

/** Start and stop records of jobs on one ECU, in the order they happened. Times are on that ECU's monotonic clock. */
export interface JobJournal {
  readonly mac: Mac;
  readonly incarnation: number;
  readonly records: readonly JobRecord[];
}

export type JobRecord = JobStarted | JobStopped;

interface JobKey {
  readonly task: TaskName;
  readonly epoch: number;
  /** Within the instance, from 1. */
  readonly jobNumber: number;
}

export interface JobStarted extends JobKey {
  readonly kind: 'started';
  readonly inputKind: 'data' | 'tick';
  /** Number of the data input or tick consumed. */
  readonly inputNumber: number;
  /** When its input could be read. */
  readonly releasedAtUs: number;
  /** When it was handed to its lane, where another task's job may still run. */
  readonly startedAtUs: number;
}

export interface JobStopped extends JobKey {
  readonly kind: 'stopped';
  readonly stoppedAtUs: number;
  /** undefined: it is done. */
  readonly failure: ErrorCode | undefined;
  /** Loop iterations and calls used. */
  readonly fuelUsed: number;
  readonly outputs: number;
  /** Of its execution alone, without its wait for a lane; undefined where it was not measured. */
  readonly executionUs?: number;
}
