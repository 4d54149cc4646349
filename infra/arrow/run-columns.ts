/**
 * What a data set holds of sets that were run (`--label run`) beside what every data set holds:
 *
 *   ecu          utf8            MAC of the bridge that ran it
 *   attempts     uint8           runs it took until one was not disturbed; the last one is kept
 *   slowdown     float64         execution of all its jobs, of their calibrated cost
 *   executionUs  list<uint32>    the longest of each task's jobs, measured
 *   missed       list<uint32>    jobs of each task that were late, skipped, failed, or not done
 * and its jobs (`job-columns.ts`). In such a file `wcetUs` is what the work is calibrated to take, and `responseUs` the longest response
 * that was seen.
 */
import type { RunJob } from '../../src/domain/realtime/runs/verdict.ts';
import type { Columns } from './columns.ts';

export interface RunColumns {
  readonly ecu: string;
  readonly attempts: number;
  readonly slowdown: number;
  readonly executionUs: readonly number[];
  readonly missed: readonly number[];
  readonly jobs: readonly RunJob[];
}

export function addRunColumns(columns: Columns, runs: readonly RunColumns[], taskStarts: Int32Array): void {
  columns.text(
    'ecu',
    runs.map(({ ecu }) => ecu),
  );
  columns.numbers(
    'attempts',
    Uint8Array.from(runs, ({ attempts }) => attempts),
  );
  columns.numbers(
    'slowdown',
    Float64Array.from(runs, ({ slowdown }) => slowdown),
  );
  columns.lists('executionUs', taskStarts, Uint32Array.from(runs.flatMap(({ executionUs }) => executionUs)));
  columns.lists('missed', taskStarts, Uint32Array.from(runs.flatMap(({ missed }) => missed)));
}
