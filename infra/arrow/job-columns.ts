/**
 * The jobs of each set, in a data set that holds them (sets that were run, or simulated with `--traces`, or drawn by a twin):
 *
 *   jobTask      list<uint8>     one entry a job, by release: the place of its task in the row's other lists; likewise
 *                                jobReleaseUs, jobStartUs, jobStopUs (0: not done), jobExecutionUs (list<uint32>), jobOnTime (list<uint8>)
 *
 * Times count from a moment just before the set's first release, so that no release is 0.
 */
import type { Data, Table } from 'apache-arrow';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { LabelledSets } from '../../src/domain/learn/task-sets.ts';
import type { JobTraces } from '../../src/domain/learn/traces.ts';
import type { RunJob } from '../../src/domain/realtime/runs/verdict.ts';
import { type Columns, startsOf } from './columns.ts';

export function addJobColumns(columns: Columns, rows: readonly (readonly RunJob[])[]): void {
  const starts = startsOf(rows.map(({ length }) => length));
  const jobs = rows.flat();
  const times = (value: (job: RunJob) => number): Uint32Array => Uint32Array.from(jobs, value);
  columns.lists(
    'jobTask',
    starts,
    Uint8Array.from(jobs, ({ task }) => task),
  );
  columns.lists(
    'jobReleaseUs',
    starts,
    times(({ releaseUs }) => releaseUs),
  );
  columns.lists(
    'jobStartUs',
    starts,
    times(({ startUs }) => startUs),
  );
  columns.lists(
    'jobStopUs',
    starts,
    times(({ stopUs }) => stopUs),
  );
  columns.lists(
    'jobExecutionUs',
    starts,
    times(({ executionUs }) => executionUs),
  );
  columns.lists(
    'jobOnTime',
    starts,
    Uint8Array.from(jobs, ({ onTime }) => (onTime ? 1 : 0)),
  );
}

/** The jobs of the sets of a table; refuses what has none, or contradicts itself. */
export function readJobColumns(table: Table, sets: LabelledSets, name: string): JobTraces {
  const bad = (sentence: string): DroverError => new DroverError('ERR_DATASET_FILE', `${name}: ${sentence}`);
  const task = listsOf(table, 'jobTask');
  if (task === undefined)
    throw bad('holds no jobs: traces come from `dataset generate --label run`, or `--label simulation --traces`');
  const times = ['jobReleaseUs', 'jobStopUs', 'jobExecutionUs'].map((column) => {
    const values = listsOf(table, column);
    if (values === undefined || values.starts.some((start, s) => start !== task.starts[s]))
      throw bad(`has jobs without ${column}`);
    return Float64Array.from(values.values);
  });
  const [releaseUs, stopUs, executionUs] = times as [Float64Array, Float64Array, Float64Array];
  for (let s = 0; s < sets.count; s++) {
    const tasks = (sets.starts[s + 1] as number) - (sets.starts[s] as number);
    for (let j = task.starts[s] as number; j < (task.starts[s + 1] as number); j++) {
      const [release, stop] = [releaseUs[j] as number, stopUs[j] as number];
      if ((task.values[j] as number) >= tasks) throw bad(`row ${s} has a job of a task that it has not`);
      if (stop > 0 && stop < release) throw bad(`row ${s} has a job that was done before it was released`);
    }
  }
  return { starts: task.starts, task: Uint8Array.from(task.values), releaseUs, stopUs, executionUs };
}

/** A column of lists of whole numbers, all batches one after the other. */
function listsOf(table: Table, name: string): { readonly values: Uint32Array; readonly starts: Uint32Array } | undefined {
  const column = table.getChild(name);
  if (column === null) return undefined;
  const starts = new Uint32Array(table.numRows + 1);
  const parts: (Uint32Array | Uint8Array)[] = [];
  let row = 0;
  for (const data of column.data as readonly Data[]) {
    const [child, offsets] = [data.children[0], data.valueOffsets as Int32Array | undefined];
    const values: unknown = child?.values;
    if (offsets === undefined || !(values instanceof Uint32Array || values instanceof Uint8Array)) return undefined;
    for (let r = 0; r < data.length; r++) {
      const length = (offsets[r + 1] as number) - (offsets[r] as number);
      starts[row + 1] = (starts[row] as number) + length;
      row++;
    }
    parts.push(values.subarray(offsets[0] as number, offsets[data.length] as number));
  }
  const values = new Uint32Array(starts[row] as number);
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return { values, starts };
}
