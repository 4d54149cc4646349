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
 * Metadata: `drover.dataset` is the version of this schema, `drover.spec` what was asked for, as JSON; the same specification and seed
 * give the same bytes. What is read is checked: a file whose columns contradict each other is refused, with the row.
 */
import {
  Bool,
  type Data,
  Field,
  Float64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  Uint8,
  Uint32,
} from 'apache-arrow';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { LabelledSets } from '../../src/domain/learn/task-sets.ts';
import type { GrownTask } from '../../src/domain/realtime/draw/grow.ts';
import { WORK_KINDS } from '../../src/domain/realtime/draw/grow.ts';
import type { RealtimeTask } from '../../src/domain/realtime/realtime-task.ts';

const VERSION = '1';

export interface DatasetRow {
  /** In order of urgency. */
  readonly tasks: readonly (RealtimeTask | GrownTask)[];
  readonly responsesUs: readonly number[];
}

/** `firstSet`: the number of the first row. `spec` is any JSON. */
export function encodeDataset(
  rows: readonly DatasetRow[],
  { firstSet, spec }: { readonly firstSet: number; readonly spec: string },
): Uint8Array {
  const starts = new Int32Array(rows.length + 1);
  for (const [r, { tasks }] of rows.entries()) starts[r + 1] = (starts[r] as number) + tasks.length;
  const isGrown = rows.some(({ tasks }) => tasks.some((task) => 'work' in task));
  const tasks = rows.flatMap((row) => row.tasks);
  const column = (value: (task: RealtimeTask) => number): Uint32Array => Uint32Array.from(tasks, value);
  const grown = (value: (task: GrownTask) => number): number[] => tasks.map((task) => ('work' in task ? value(task) : 0));
  const [fields, children]: [Field[], Data[]] = [[], []];
  const add = (name: string, data: Data): void => {
    fields.push(new Field(name, data.type, false));
    children.push(data);
  };
  const addList = (name: string, values: Uint32Array | Uint8Array): void => {
    const child =
      values instanceof Uint8Array
        ? makeData({ type: new Uint8(), data: values })
        : makeData({ type: new Uint32(), data: values });
    const type = new List(new Field('item', child.type as Uint32, false));
    add(name, makeData({ type, length: rows.length, nullCount: 0, valueOffsets: starts, child: child as Data<Uint32> }));
  };
  add('set', makeData({ type: new Uint32(), data: Uint32Array.from(rows, (_, r) => firstSet + r) }));
  addList(
    'wcetUs',
    column((task) => task.wcetUs),
  );
  addList(
    'periodUs',
    column((task) => task.periodUs),
  );
  addList(
    'deadlineUs',
    column((task) => task.deadlineUs),
  );
  addList(
    'priority',
    column((task) => task.priority),
  );
  addList('responseUs', Uint32Array.from(rows.flatMap((row) => row.responsesUs)));
  add('schedulable', makeData({ type: new Bool(), length: rows.length, nullCount: 0, data: bitsOf(rows.map(isSchedulable)) }));
  const utilisations = Float64Array.from(rows, (row) =>
    row.tasks.reduce((sum, { wcetUs, periodUs }) => sum + wcetUs / periodUs, 0),
  );
  add('utilisation', makeData({ type: new Float64(), data: utilisations }));
  if (isGrown) {
    addList('work', Uint8Array.from(grown((task) => WORK_KINDS.indexOf(task.work))));
    addList('argument', Uint32Array.from(grown((task) => task.argument)));
    addList('jobs', Uint32Array.from(grown((task) => task.jobs)));
  }
  const metadata = new Map([
    ['drover.dataset', VERSION],
    ['drover.spec', spec],
    ...(isGrown ? [['drover.work', JSON.stringify(WORK_KINDS)] as const] : []),
  ]);
  const schema = new Schema(fields, metadata);
  const data = makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children });
  return tableToIPC(new Table(schema, [new RecordBatch(schema, data)]), 'file');
}

const isSchedulable = ({ responsesUs }: DatasetRow): boolean => responsesUs.every((responseUs) => responseUs > 0);

function bitsOf(flags: readonly boolean[]): Uint8Array {
  const bits = new Uint8Array(Math.ceil(flags.length / 8));
  for (const [i, flag] of flags.entries()) if (flag) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
  return bits;
}

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
    return tableFromIPC(bytes);
  } catch (error) {
    throw new DroverError('ERR_DATASET_FILE', `${name} is no Arrow file, or is cut short`, { cause: error });
  }
}

export interface Dataset {
  readonly sets: LabelledSets;
  /** As it was asked for. */
  readonly spec: string;
}

/** `name` is for sentences. Refuses what is damaged, of another version, or contradicts itself. */
export function decodeDataset(bytes: Uint8Array, name: string): Dataset {
  const bad = (sentence: string): DroverError => new DroverError('ERR_DATASET_FILE', `${name}: ${sentence}`);
  const table = open(bytes, name);
  const version = table.schema.metadata.get('drover.dataset');
  if (version !== VERSION)
    throw bad(version === undefined ? 'is an Arrow file, but no data set of drover' : `is of version ${version}`);
  const count = table.numRows;
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
  for (let s = 0; s < count; s++) {
    schedulable[s] = 1;
    for (let i = starts[s] as number; i < (starts[s + 1] as number); i++) {
      const r = responseUs[i] as number;
      if (wcetUs[i] === 0 || periodUs[i] === 0 || deadlineUs[i] === 0) throw bad(`row ${s} has a time of 0`);
      if (r > (deadlineUs[i] as number) || (r > 0 && r < (wcetUs[i] as number)))
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
