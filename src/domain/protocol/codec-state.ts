/**
 * A task's state in Protocol Buffers (`state.proto`): the header before every state, and the default format, `value`, which
 * writes plain values: numbers, big integers, text, booleans, null, undefined, byte and number arrays, lists and records.
 *
 * Exact both ways (F1 of `state-format.ts`): −0, NaN, infinities, the order of names and undefined fields come back. What
 * would not is refused with the path to it: functions, symbols, dates, maps, class instances, lone surrogates, cycles
 * (by their depth), holes and properties on lists.
 */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  DEFAULT_FORMAT,
  type FormatError,
  formatError,
  isFormatName,
  type StateFormat,
  type StateHeader,
} from '../checkpoint/state-format.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { checked, malformed, type WireError } from './codec-envelope.ts';
import { digestBytes, digestHex, integerWithin, refuse, safeInteger, wide } from './field-check.ts';
import {
  StateHeaderSchema,
  StateNumberType,
  StateSpecial,
  type StateValue,
  StateValueSchema,
  type StateHeader as WireHeader,
} from './generated/drover/v1/state_pb.ts';

const HEADER_VERSION = 1;
const VERSION_MAX = 2 ** 31;
/** Deeper than any state that is not a mistake (a list that holds itself), and far from the end of any stack. */
const DEPTH_MAX = 100;

export function encodeStateHeader(header: StateHeader): Uint8Array {
  return toBinary(
    StateHeaderSchema,
    create(StateHeaderSchema, {
      version: HEADER_VERSION,
      format: header.format,
      formatVersion: header.formatVersion,
      taskVersion: header.taskVersion,
      schema: header.schema === undefined ? new Uint8Array(0) : digestBytes(header.schema),
      length: wide(header.length),
    }),
  );
}

export function decodeStateHeader(bytes: Uint8Array): Result<StateHeader, WireError> {
  let wire: WireHeader;
  try {
    wire = fromBinary(StateHeaderSchema, bytes);
  } catch (failure) {
    return err(malformed(`the bytes are no header of a state: ${messageOf(failure)}`));
  }
  return checked(() => {
    integerWithin(wire.version, 'state.version', { min: HEADER_VERSION, max: HEADER_VERSION });
    return {
      format: isFormatName(wire.format) ? wire.format : refuse('state.format is no name of a format'),
      formatVersion: integerWithin(wire.formatVersion, 'state.format_version', { min: 1, max: VERSION_MAX }),
      taskVersion: integerWithin(wire.taskVersion, 'state.task_version', { min: 0, max: VERSION_MAX }),
      schema: wire.schema.length === 0 ? undefined : digestHex(wire.schema, 'state.schema'),
      length: safeInteger(wire.length, 'state.length'),
    };
  });
}

type ValueInit = MessageInitShape<typeof StateValueSchema>;

/** Plain values; what a task gets when it names no format. */
export const valueFormat: StateFormat = {
  name: DEFAULT_FORMAT,
  version: 1,
  write(value) {
    try {
      return ok({ bytes: toBinary(StateValueSchema, create(StateValueSchema, write(value, 'state', 0))), schema: undefined });
    } catch (failure) {
      if (failure instanceof Unwritable) return formatError(failure.message);
      throw failure;
    }
  },
  read(bytes): Result<{ readonly value: unknown; readonly schema: undefined }, FormatError> {
    let wire: StateValue;
    try {
      wire = fromBinary(StateValueSchema, bytes);
    } catch (failure) {
      return formatError(`the bytes are no value: ${messageOf(failure)}`);
    }
    const value = checked(() => read(wire, 0));
    return value.ok ? ok({ value: value.value, schema: undefined }) : formatError(value.error.sentence);
  },
};

class Unwritable extends Error {}

const messageOf = (failure: unknown): string => (failure instanceof Error ? failure.message : 'unreadable');

// ——— writing ———

const SPECIALS = new Map<unknown, StateSpecial>([
  [null, StateSpecial.NULL],
  [undefined, StateSpecial.UNDEFINED],
  [false, StateSpecial.FALSE],
  [true, StateSpecial.TRUE],
]);

function write(value: unknown, path: string, depth: number): ValueInit {
  if (depth > DEPTH_MAX)
    throw new Unwritable(`${path.slice(0, 60)}… is more than ${DEPTH_MAX} levels deep; does a list hold itself?`);
  const special = SPECIALS.get(value);
  if (special !== undefined) return { value: { case: 'special', value: special } };
  switch (typeof value) {
    case 'number':
      return { value: { case: 'number', value } };
    case 'bigint':
      return { value: { case: 'integer', value: value.toString() } };
    case 'string':
      return { value: { case: 'text', value: wellFormed(value, path) } };
    case 'object':
      return writeObject(value as object, path, depth);
    default:
      throw new Unwritable(`${path} is a ${typeof value}, which is no plain value`);
  }
}

function writeObject(value: object, path: string, depth: number): ValueInit {
  if (ArrayBuffer.isView(value)) return writeNumbers(value, path);
  if (Array.isArray(value)) {
    if (Object.keys(value).length !== value.length) throw new Unwritable(`${path} is a list with holes or with properties`);
    const items = value.map((item: unknown, index) => write(item, `${path}[${index}]`, depth + 1));
    return { value: { case: 'list', value: { items } } };
  }
  if (!isPlain(value)) throw new Unwritable(`${path} is an instance of ${nameOf(value)}, which is no plain value`);
  if (Object.getOwnPropertySymbols(value).length > 0) throw new Unwritable(`${path} has a symbol for a name`);
  const entries = Object.entries(value).map(([name, field]: [string, unknown]) => ({
    name: wellFormed(name, `a name in ${path}`),
    value: write(field, `${path}.${name}`, depth + 1),
  }));
  return { value: { case: 'record', value: { entries } } };
}

/** A class of any realm: a task's objects were made in its own. */
const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
};
const nameOf = (value: object): string => (value as { constructor?: { name?: string } }).constructor?.name ?? 'a class';

function wellFormed(text: string, path: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new Unwritable(`${path} has half of a surrogate pair, which no UTF-8 can carry`);
  return text;
}

const NUMBER_TYPES: Readonly<Record<string, StateNumberType>> = {
  Int8Array: StateNumberType.INT8,
  Uint8ClampedArray: StateNumberType.UINT8_CLAMPED,
  Int16Array: StateNumberType.INT16,
  Uint16Array: StateNumberType.UINT16,
  Int32Array: StateNumberType.INT32,
  Uint32Array: StateNumberType.UINT32,
  BigInt64Array: StateNumberType.INT64,
  BigUint64Array: StateNumberType.UINT64,
  Float32Array: StateNumberType.FLOAT32,
  Float64Array: StateNumberType.FLOAT64,
};

/** Little-endian, as every machine that Node runs on. A copy: what is written may be the task's own, still living array. */
function writeNumbers(view: ArrayBufferView, path: string): ValueInit {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  const name = nameOf(view);
  if (name === 'Uint8Array') return { value: { case: 'bytes', value: bytes } };
  const type = NUMBER_TYPES[name];
  if (type === undefined) throw new Unwritable(`${path} is a ${name}, which is no plain value`);
  return { value: { case: 'numbers', value: { type, bytes } } };
}

// ——— reading ———

function read({ value }: StateValue, depth: number): unknown {
  if (depth > DEPTH_MAX) refuse(`the state is more than ${DEPTH_MAX} levels deep`);
  switch (value.case) {
    case 'special':
      return readSpecial(value.value);
    case 'number':
    case 'text':
      return value.value;
    case 'bytes':
      return copyOf(value.value);
    case 'integer':
      return /^(0|-?[1-9][0-9]*)$/.test(value.value) ? BigInt(value.value) : refuse('an integer of the state is none');
    case 'numbers':
      return readNumbers(value.value.type, value.value.bytes);
    case 'list':
      return value.value.items.map((item) => read(item, depth + 1));
    case 'record': {
      const record: Record<string, unknown> = {};
      for (const { name, value: field } of value.value.entries) {
        if (Object.hasOwn(record, name)) refuse('a name occurs twice in a record of the state');
        // Defined, not assigned: `__proto__` is a name like any other.
        Object.defineProperty(record, name, {
          value: field === undefined ? refuse('a field of the state has no value') : read(field, depth + 1),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
      return record;
    }
    default:
      return refuse('a value of the state is missing');
  }
}

function readSpecial(special: StateSpecial): null | undefined | boolean {
  if (special === StateSpecial.NULL) return null;
  if (special === StateSpecial.UNDEFINED) return undefined;
  if (special === StateSpecial.FALSE || special === StateSpecial.TRUE) return special === StateSpecial.TRUE;
  return refuse('a special value of the state is none that this build knows');
}

const NUMBER_ARRAYS = {
  [StateNumberType.INT8]: Int8Array,
  [StateNumberType.UINT8_CLAMPED]: Uint8ClampedArray,
  [StateNumberType.INT16]: Int16Array,
  [StateNumberType.UINT16]: Uint16Array,
  [StateNumberType.INT32]: Int32Array,
  [StateNumberType.UINT32]: Uint32Array,
  [StateNumberType.INT64]: BigInt64Array,
  [StateNumberType.UINT64]: BigUint64Array,
  [StateNumberType.FLOAT32]: Float32Array,
  [StateNumberType.FLOAT64]: Float64Array,
} as const;

/** Not `slice`: of a Node `Buffer`, which these bytes may be a part of, that is a view. */
const copyOf = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

function readNumbers(type: StateNumberType, bytes: Uint8Array): ArrayBufferView {
  if (!Object.hasOwn(NUMBER_ARRAYS, type)) return refuse('numbers of the state are of no type that this build knows');
  const Numbers = NUMBER_ARRAYS[type as keyof typeof NUMBER_ARRAYS];
  if (bytes.length % Numbers.BYTES_PER_ELEMENT !== 0) refuse('numbers of the state end within one');
  return new Numbers(copyOf(bytes).buffer);
}
