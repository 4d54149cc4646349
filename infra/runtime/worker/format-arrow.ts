/**
 * Tables as state: the format `arrow`, an Apache Arrow IPC stream of one record batch. Other tools read it as it lies in a
 * store (`drover store export`, pandas, DuckDB).
 *
 * A task gives `{ columns: { name: numbers | texts, … }, values?: … }`: columns of one length as number arrays or lists of
 * text, without nulls, and beside them plain values (`codec-state.ts`) in the schema's metadata. Arrow keeps a column's
 * numbers together and in place: a ring buffer of a million rows in which a job writes a few changes a few pages, a list that
 * is shifted by one changes all.
 */
import {
  Field,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow';
import {
  type FormatError,
  formatError,
  type ReadState,
  type StateFormat,
  TABLE_FORMAT,
  type WrittenState,
} from '../../../src/domain/checkpoint/state-format.ts';
import { ok, type Result } from '../../../src/domain/kernel/result.ts';
import { valueFormat } from '../../../src/domain/protocol/codec-state.ts';

const VALUES = 'drover.values';

/** By the name of the array and not by `instanceof`: a task's arrays were made in its own world. */
const NUMBERS = {
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;

/** Arrow's names of their types, and back. */
const ARRAYS: Readonly<Record<string, keyof typeof NUMBERS>> = {
  Int8: 'Int8Array',
  Uint8: 'Uint8Array',
  Int16: 'Int16Array',
  Uint16: 'Uint16Array',
  Int32: 'Int32Array',
  Uint32: 'Uint32Array',
  Float32: 'Float32Array',
  Float64: 'Float64Array',
  Int64: 'BigInt64Array',
  Uint64: 'BigUint64Array',
};

export const arrowFormat: StateFormat = { name: TABLE_FORMAT, version: 1, write, read };

function write(value: unknown): Result<WrittenState, FormatError> {
  const { columns, values, ...rest } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof columns !== 'object' || columns === null || Array.isArray(columns) || Object.keys(rest).length > 0)
    return formatError('a table is { columns: { name: numbers or texts, … }, values: … } and nothing else');
  const vectors: [string, Vector][] = [];
  for (const [name, column] of Object.entries(columns)) {
    if (name.length === 0 || /\p{Surrogate}/u.test(name)) return formatError('a column has no name that could be written');
    const vector = vectorOf(name, column);
    if (!vector.ok) return vector;
    vectors.push([name, vector.value]);
  }
  const rows = vectors[0]?.[1].length ?? 0;
  const other = vectors.find(([, { length }]) => length !== rows);
  if (other !== undefined) return formatError(`column ${other[0]} has ${other[1].length} rows, ${vectors[0]?.[0]} has ${rows}`);
  const beside = valueFormat.write(values);
  if (!beside.ok) return formatError(`values: ${beside.error.sentence}`);
  const fields = vectors.map(([name, { type }]) => new Field(name, type, false));
  const metadata = new Map([[VALUES, Buffer.from(beside.value.bytes).toString('base64')]]);
  const schema = new Schema(fields, metadata);
  const children = vectors.flatMap(([, { data }]) => data);
  const batch = new RecordBatch(schema, makeData({ type: new Struct(fields), length: rows, nullCount: 0, children }));
  return ok({ bytes: tableToIPC(new Table(schema, [batch]), 'stream'), schema: schemaText(schema) });
}

function vectorOf(name: string, column: unknown): Result<Vector, FormatError> {
  if (ArrayBuffer.isView(column)) {
    const kind = column.constructor.name;
    if (!Object.hasOwn(NUMBERS, kind)) return formatError(`column ${name} is a ${kind}, which is no type of column`);
    const Numbers = NUMBERS[kind as keyof typeof NUMBERS];
    // A copy of this world, which Arrow knows by `instanceof`.
    const own = new Uint8Array(column.buffer, column.byteOffset, column.byteLength).slice();
    return ok(makeVector(new Numbers(own.buffer) as Float64Array) as Vector);
  }
  if (!Array.isArray(column)) return formatError(`column ${name} is neither an array of numbers nor a list of texts`);
  const list = Array.from(column as unknown[]);
  const odd = list.findIndex((text) => typeof text !== 'string' || /\p{Surrogate}/u.test(text));
  if (odd >= 0) return formatError(`column ${name} has in row ${odd} no text that could be written`);
  // An empty list makes no vector of its own accord.
  return ok(list.length === 0 ? (makeVector(makeData({ type: new Utf8() })) as Vector) : vectorFromArray(list, new Utf8()));
}

function read(bytes: Uint8Array): Result<ReadState, FormatError> {
  try {
    return readTable(tableFromIPC(bytes));
  } catch (failure) {
    // The package throws plain errors for bytes that are no table; it touches nothing but these bytes.
    return formatError(`the bytes are no Arrow table: ${failure instanceof Error ? failure.message : 'unreadable'}`);
  }
}

function readTable(table: Table): Result<ReadState, FormatError> {
  const beside = table.schema.metadata.get(VALUES);
  if (beside === undefined) return formatError('the Arrow table was not written by drover: it has no values beside it');
  const values = valueFormat.read(Buffer.from(beside, 'base64'));
  if (!values.ok) return values;
  const columns: Record<string, unknown> = {};
  for (const { name, type } of table.schema.fields) {
    const vector = table.getChild(name);
    if (vector === null || vector.nullCount > 0) return formatError(`column ${name} has nulls or is not there`);
    const kind = ARRAYS[String(type)];
    let column: unknown;
    if (String(type) === 'Utf8') column = Array.from(vector as Vector<Utf8>);
    else if (kind === undefined)
      return formatError(`column ${name} is of type ${String(type)}, which this build does not read`);
    // Buffers are padded; what is beyond the rows is no part of the column.
    else column = (vector.toArray() as Uint8Array).slice(0, vector.length);
    Object.defineProperty(columns, name, { value: column, enumerable: true, configurable: true, writable: true });
  }
  return ok({ value: { columns, values: values.value.value }, schema: schemaText(table.schema) });
}

const schemaText = ({ fields }: Schema): string =>
  fields.map(({ name, type }) => `${JSON.stringify(name)}:${String(type)}`).join(',');
