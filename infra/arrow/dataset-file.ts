/**
 * Data sets as Arrow IPC files: any Arrow reader opens them (pandas, DuckDB, R, …). One row a task set, its tasks in order of urgency.
 *
 *   set          uint32          number of the set
 *   wcetUs       list<uint32>    periodUs, deadlineUs, priority: one entry a task each; a larger priority is more urgent
 *   responseUs   list<uint32>    exact worst-case response from arrival; 0: the task misses its deadline
 *   schedulable  bool            every task meets its deadline
 *   utilisation  float64         Σ C / T
 *   work         list<uint8>     only of grown sets, as are `argument` and `jobs`: the kind of work (names in the metadata)
 *
 * Sets that were run have more columns (`run-columns.ts`), and stand in another order (`inOrderOfRun`). A set may hold its jobs
 * (`job-columns.ts`).
 *
 * Metadata: `drover.dataset` is the version of this schema, `drover.spec` what was asked for, as JSON; the same specification and seed
 * give the same bytes. What is read is checked: a file whose columns contradict each other is refused, with the row.
 */
import { type Data, Table, tableFromIPC, tableToIPC } from 'apache-arrow';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { LabelledSets } from '../../src/domain/learn/task-sets.ts';
import type { TracedSets } from '../../src/domain/learn/traces.ts';
import type { GrownTask } from '../../src/domain/realtime/draw/grow.ts';
import { WORK_KINDS } from '../../src/domain/realtime/draw/grow.ts';
import type { RealtimeTask } from '../../src/domain/realtime/realtime-task.ts';
import type { RunJob } from '../../src/domain/realtime/runs/verdict.ts';
import { Columns, startsOf } from './columns.ts';
import { addJobColumns, readJobColumns } from './job-columns.ts';
import { addRunColumns, type RunColumns } from './run-columns.ts';

const VERSION = '1';
/** `drover.label` of sets that were run. Absent: `responseUs` is exact; anything: it was seen. */
const RUN = 'run';

export interface DatasetRow {
  /** In order of urgency. */
  readonly tasks: readonly (RealtimeTask | GrownTask)[];
  readonly responsesUs: readonly number[];
  /** What was seen of it when it was run; of all rows or of none. */
  readonly run?: RunColumns;
  /** What became of its jobs where it was not run; of all rows or of none. */
  readonly jobs?: readonly RunJob[];
}

/** `firstSet`: the number of the first row. `spec` is any JSON, and so is all of `more`. */
export function encodeDataset(
  rows: readonly DatasetRow[],
  {
    firstSet,
    spec,
    more = {},
  }: { readonly firstSet: number; readonly spec: string; readonly more?: Readonly<Record<string, string>> },
): Uint8Array {
  const columns = new Columns(rows.length);
  const starts = startsOf(rows.map(({ tasks }) => tasks.length));
  const tasks = rows.flatMap((row) => row.tasks);
  const isGrown = tasks.some((task) => 'work' in task);
  const column = (value: (task: RealtimeTask) => number): Uint32Array => Uint32Array.from(tasks, value);
  const grown = (value: (task: GrownTask) => number): number[] => tasks.map((task) => ('work' in task ? value(task) : 0));
  columns.numbers(
    'set',
    Uint32Array.from(rows, (_, r) => firstSet + r),
  );
  for (const name of ['wcetUs', 'periodUs', 'deadlineUs', 'priority'] as const) {
    columns.lists(
      name,
      starts,
      column((task) => task[name]),
    );
  }
  columns.lists('responseUs', starts, Uint32Array.from(rows.flatMap((row) => row.responsesUs)));
  columns.flags('schedulable', rows.map(isSchedulable));
  const utilisation = (row: DatasetRow): number => row.tasks.reduce((sum, { wcetUs, periodUs }) => sum + wcetUs / periodUs, 0);
  columns.numbers('utilisation', Float64Array.from(rows, utilisation));
  if (isGrown) {
    columns.lists('work', starts, Uint8Array.from(grown((task) => WORK_KINDS.indexOf(task.work))));
    columns.lists('argument', starts, Uint32Array.from(grown((task) => task.argument)));
    columns.lists('jobs', starts, Uint32Array.from(grown((task) => task.jobs)));
  }
  const runs = rows.flatMap(({ run }) => (run === undefined ? [] : [run]));
  const isRun = runs.length > 0 && runs.length === rows.length;
  if (isRun) addRunColumns(columns, runs, starts);
  const traces = rows.flatMap(({ run, jobs = run?.jobs }) => (jobs === undefined ? [] : [jobs]));
  if (traces.length > 0 && traces.length === rows.length) addJobColumns(columns, traces);
  const metadata = new Map([
    ['drover.dataset', VERSION],
    ['drover.spec', spec],
    ...(isGrown ? [['drover.work', JSON.stringify(WORK_KINDS)] as const] : []),
    ...(isRun ? [['drover.label', RUN] as const] : []),
    ...Object.entries(more),
  ]);
  return columns.file(metadata);
}

const isSchedulable = ({ responsesUs }: DatasetRow): boolean => responsesUs.every((responseUs) => responseUs > 0);

/** One file out of several of the same specification, in their order. */
export function joinDatasets(parts: readonly Uint8Array[]): Uint8Array {
  const tables = parts.map((part) => tableFromIPC(part));
  const [first] = tables;
  if (first === undefined) throw new DroverError('ERR_DATASET_FILE', 'a data set of no parts');
  return tableToIPC(
    new Table(
      first.schema,
      tables.flatMap((table) => table.batches),
    ),
    'file',
  );
}

/** What a file was asked for, without looking at its rows. */
export const specOf = (bytes: Uint8Array, name: string): string | undefined =>
  open(bytes, name).schema.metadata.get('drover.spec');

function open(bytes: Uint8Array, name: string): Table {
  try {
    // Of no bytes Arrow makes a table of nothing.
    if (bytes.length === 0) throw new RangeError('an empty file');
    return tableFromIPC(bytes);
  } catch (error) {
    throw new DroverError('ERR_DATASET_FILE', `${name} is no Arrow file, or is cut short`, { cause: error });
  }
}

export interface Dataset {
  readonly sets: LabelledSets;
  /** As it was asked for. */
  readonly spec: string;
  /** Whether it says what became of jobs (`decodeTraces`). */
  readonly hasJobs: boolean;
}

/** `name` is for sentences. Refuses what is damaged, of another version, or contradicts itself. */
export const decodeDataset = (bytes: Uint8Array, name: string): Dataset => readDataset(open(bytes, name), name);

/** A data set that holds what became of its jobs. */
export function decodeTraces(bytes: Uint8Array, name: string): TracedSets {
  const table = open(bytes, name);
  const { sets } = readDataset(table, name);
  return { sets, jobs: readJobColumns(table, sets, name) };
}

function readDataset(table: Table, name: string): Dataset {
  const bad = (sentence: string): DroverError => new DroverError('ERR_DATASET_FILE', `${name}: ${sentence}`);
  const version = table.schema.metadata.get('drover.dataset');
  if (version !== VERSION)
    throw bad(version === undefined ? 'is an Arrow file, but no data set of drover' : `is of version ${version}`);
  const count = table.numRows;
  if (count === 0) throw bad('holds no task set: draw some (drover dataset generate)');
  const starts = new Uint32Array(count + 1);
  const lists = ['wcetUs', 'periodUs', 'deadlineUs', 'responseUs'].map((column) => {
    const values = listOf(table, column);
    if (values === undefined) throw bad(`has no column ${column} of lists of uint32`);
    return values;
  });
  const lengths = lists.map(({ lengths }) => lengths);
  for (let s = 0; s < count; s++) {
    const length = lengths[0]?.[s] ?? 0;
    if (length === 0 || lengths.some((column) => column[s] !== length))
      throw bad(`row ${s} has lists of different lengths, or none`);
    starts[s + 1] = (starts[s] as number) + length;
  }
  const [wcetUs, periodUs, deadlineUs, responseUs] = lists.map(({ values }) => values) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const schedulable = new Uint8Array(count);
  const wasSeen = table.schema.metadata.has('drover.label');
  for (let s = 0; s < count; s++) {
    schedulable[s] = 1;
    for (let i = starts[s] as number; i < (starts[s + 1] as number); i++) {
      const r = responseUs[i] as number;
      if (wcetUs[i] === 0 || periodUs[i] === 0 || deadlineUs[i] === 0) throw bad(`row ${s} has a time of 0`);
      // A job that was seen may have taken less than its WCET.
      if (r > (deadlineUs[i] as number) || (!wasSeen && r > 0 && r < (wcetUs[i] as number)))
        throw bad(`row ${s} has an impossible response time`);
      if (r === 0) schedulable[s] = 0;
    }
  }
  let s = 0;
  for (const flag of table.getChild('schedulable') ?? []) {
    if (flag !== (schedulable[s] === 1)) throw bad(`row ${s} says schedulable: ${flag}, its response times do not`);
    s++;
  }
  if (s !== count) throw bad('has no column schedulable');
  return {
    sets: { count, starts, wcetUs, periodUs, deadlineUs, responseUs, schedulable },
    spec: table.schema.metadata.get('drover.spec') ?? '',
    hasJobs: table.getChild('jobTask') !== null,
  };
}

function listOf(table: Table, name: string): { readonly values: Float64Array; readonly lengths: Uint32Array } | undefined {
  const column = table.getChild(name);
  if (column === null) return undefined;
  const lengths = new Uint32Array(table.numRows);
  const parts: Uint32Array[] = [];
  let row = 0;
  for (const data of column.data as readonly Data[]) {
    const [child, offsets] = [data.children[0], data.valueOffsets as Int32Array | undefined];
    if (child === undefined || offsets === undefined || !(child.values instanceof Uint32Array)) return undefined;
    for (let r = 0; r < data.length; r++) lengths[row++] = (offsets[r + 1] as number) - (offsets[r] as number);
    parts.push(child.values.subarray(offsets[0] as number, offsets[data.length] as number));
  }
  const values = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return { values, lengths };
}
