/**
 * One sample of an ECU as typed columns, one place for each row of `METRICS`: the value, and how far it is to be believed.
 *
 * Q1. `absent`: there is no such sensor, it did not answer, or it is too old. The value is NaN, never a number that looks like one.
 * Q2. `refused`: it answered what cannot be (K2, K3). The value is NaN; that it lied is worth knowing.
 * Q3. `stuck`: the value stands, and nobody should take it for a measurement.
 */
import type { Mac, TaskName } from '../model/ids.ts';
import type { ResourceKind } from '../model/task.ts';
import { COLUMN, METRIC_COUNT, type Metric } from './kinds.ts';

export const QUALITY = { absent: 0, good: 1, stuck: 2, refused: 3 } as const;

/** Filled again and again by the sources of one agent: a sample makes no garbage here. */
export class MetricColumns {
  readonly values = new Float64Array(METRIC_COUNT).fill(Number.NaN);
  readonly qualities = new Uint8Array(METRIC_COUNT);

  clear(): void {
    this.values.fill(Number.NaN);
    this.qualities.fill(QUALITY.absent);
  }

  set(metric: Metric, value: number): void {
    this.values[COLUMN[metric]] = value;
  }

  get(metric: Metric): number {
    return this.values[COLUMN[metric]] ?? Number.NaN;
  }
}

export interface EcuSample {
  readonly mac: Mac;
  readonly incarnation: number;
  /** Of this incarnation, from 1. Kept samples have the numbers they were taken with, so they have gaps. */
  readonly sequence: number;
  /** On the bridge's monotonic clock, in which its uptime is counted: steps of the wall clock are not seen. */
  readonly atUs: number;
  /** What the agent means to wait between two samples just now. */
  readonly everyUs: number;
  readonly resourceKind: ResourceKind;
  readonly values: Float64Array;
  readonly qualities: Uint8Array;
  readonly tasks: readonly TaskSample[];
}

/** Counters of one instance since it started, and its worst since the sample before: what is lost of them is no number. */
export interface TaskSample {
  readonly task: TaskName;
  readonly epoch: number;
  readonly jobs: number;
  readonly executionUs: number;
  readonly executionUsMax: number;
  /** Jobs that were released while the instance ran (not while it caught up), and from when their input was here until they were done. */
  readonly responses: number;
  readonly responseUs: number;
  readonly responseUsMax: number;
  /** Of those responses, the ones later than the deadline. */
  readonly misses: number;
  /** Loop iterations and calls: the same on every ECU, so what a µs is worth here shows in it. */
  readonly fuel: number;
  readonly outputs: number;
  readonly captures: number;
  readonly captureUs: number;
  /** Of the newest capture, and how many pages there are. */
  readonly dirtyPages: number;
  readonly pages: number;
  /** Inputs that are here and not consumed. */
  readonly inputsBehind: number;
}
