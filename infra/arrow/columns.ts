/** Columns of an Arrow file, built one after the other: plain ones, lists that share their lengths, text. None has nulls. */
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
  tableToIPC,
  Uint8,
  Uint32,
  Utf8,
} from 'apache-arrow';

export class Columns {
  private readonly rows: number;
  private readonly fields: Field[] = [];
  private readonly children: Data[] = [];

  constructor(rows: number) {
    this.rows = rows;
  }

  /** One value a row. */
  numbers(name: string, values: Uint32Array | Uint8Array | Float64Array): void {
    this.add(name, dataOf(values));
  }

  flags(name: string, values: readonly boolean[]): void {
    this.add(name, makeData({ type: new Bool(), length: this.rows, nullCount: 0, data: bitsOf(values) }));
  }

  text(name: string, values: readonly string[]): void {
    const bytes = values.map((value) => new TextEncoder().encode(value));
    const valueOffsets = startsOf(bytes.map(({ length }) => length));
    const data = new Uint8Array(valueOffsets[values.length] as number);
    for (const [r, each] of bytes.entries()) data.set(each, valueOffsets[r] as number);
    this.add(name, makeData({ type: new Utf8(), length: this.rows, nullCount: 0, valueOffsets, data }));
  }

  /** All lists of one column one after the other; row r has those from `starts[r]` to `starts[r + 1]`. */
  lists(name: string, starts: Int32Array, values: Uint32Array | Uint8Array): void {
    const child = dataOf(values);
    const type = new List(new Field('item', child.type as Uint32, false));
    const list = { type, length: this.rows, nullCount: 0, valueOffsets: starts, child: child as Data<Uint32> };
    this.add(name, makeData(list));
  }

  /** An Arrow IPC file of one batch. */
  file(metadata: ReadonlyMap<string, string>): Uint8Array {
    const { fields, children } = this;
    const schema = new Schema(fields, new Map(metadata));
    const data = makeData({ type: new Struct(fields), length: this.rows, nullCount: 0, children });
    return tableToIPC(new Table(schema, [new RecordBatch(schema, data)]), 'file');
  }

  private add(name: string, data: Data): void {
    this.fields.push(new Field(name, data.type, false));
    this.children.push(data);
  }
}

/** Where the lists of these lengths begin, and where the last one ends. */
export function startsOf(lengths: readonly number[]): Int32Array {
  const starts = new Int32Array(lengths.length + 1);
  for (const [r, length] of lengths.entries()) starts[r + 1] = (starts[r] as number) + length;
  return starts;
}

function dataOf(values: Uint32Array | Uint8Array | Float64Array): Data {
  if (values instanceof Uint8Array) return makeData({ type: new Uint8(), data: values });
  return values instanceof Uint32Array
    ? makeData({ type: new Uint32(), data: values })
    : makeData({ type: new Float64(), data: values });
}

function bitsOf(flags: readonly boolean[]): Uint8Array {
  const bits = new Uint8Array(Math.ceil(flags.length / 8));
  for (const [i, flag] of flags.entries()) if (flag) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
  return bits;
}
