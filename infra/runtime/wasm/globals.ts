/**
 * A program's mutable globals as bytes: the part of its state that is not in memory.
 *
 *   offset 0   u8      version, 1
 *   offset 1   u16 LE  number of globals
 *   then per global, in index order:
 *              u8      type: 0x7f i32, 0x7e i64, 0x7d f32, 0x7c f64 (as in the WebAssembly binary)
 *              4 or 8  the value, little endian
 *
 * Worked example: one i32 global with value 5 and one f64 with value 1:
 *   01 02 00   7f 05 00 00 00   7c 00 00 00 00 00 00 f0 3f
 *
 * Float globals hold canonical NaNs only (the deploy pass sees to it), so a NaN is written as the canonical one and the way
 * through a JavaScript number loses nothing.
 */
import { DroverError } from '../../../src/domain/kernel/error-codes.ts';

export type GlobalType = 'i32' | 'i64' | 'f32' | 'f64';

export const globalTypes: Readonly<Record<number, GlobalType>> = { 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64' };
const typeBytes: Readonly<Record<GlobalType, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c };
const VERSION = 1;

const valueBytes = (type: GlobalType): number => (type === 'i32' || type === 'f32' ? 4 : 8);

const encodedBytes = (types: readonly GlobalType[]): number => types.reduce((sum, type) => sum + 1 + valueBytes(type), 3);

export function encodeGlobals(types: readonly GlobalType[], globals: readonly WebAssembly.Global[]): Uint8Array {
  const bytes = new Uint8Array(encodedBytes(types));
  const data = new DataView(bytes.buffer);
  data.setUint8(0, VERSION);
  data.setUint16(1, types.length, true);
  let at = 3;
  types.forEach((type, index) => {
    const { value } = globals[index] as WebAssembly.Global;
    data.setUint8(at++, typeBytes[type]);
    if (type === 'i64') data.setBigInt64(at, value as bigint, true);
    else if (type === 'i32') data.setInt32(at, value as number, true);
    else if (Number.isNaN(value)) writeCanonicalNan(data, at, type);
    else if (type === 'f32') data.setFloat32(at, value as number, true);
    else data.setFloat64(at, value as number, true);
    at += valueBytes(type);
  });
  return bytes;
}

function writeCanonicalNan(data: DataView, at: number, type: 'f32' | 'f64'): void {
  if (type === 'f32') data.setUint32(at, 0x7fc00000, true);
  else data.setBigUint64(at, 0x7ff8000000000000n, true);
}

/** Checks everything, then sets everything: an image of another program leaves the globals as they were. */
export function decodeGlobals(bytes: Uint8Array, types: readonly GlobalType[], globals: readonly WebAssembly.Global[]): void {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const foreign = (why: string): DroverError =>
    new DroverError('ERR_STORE_CORRUPT', `the image's globals are not this program's: ${why}`);
  if (bytes.byteLength !== encodedBytes(types)) throw foreign(`${bytes.byteLength} bytes instead of ${encodedBytes(types)}`);
  if (data.getUint8(0) !== VERSION) throw foreign(`version ${data.getUint8(0)} instead of ${VERSION}`);
  if (data.getUint16(1, true) !== types.length) throw foreign(`${data.getUint16(1, true)} globals instead of ${types.length}`);
  let at = 3;
  const values = types.map((type, index) => {
    if (data.getUint8(at) !== typeBytes[type]) throw foreign(`global ${index} is no ${type}`);
    const start = at + 1;
    at = start + valueBytes(type);
    if (type === 'i64') return data.getBigInt64(start, true);
    if (type === 'i32') return data.getInt32(start, true);
    return type === 'f32' ? data.getFloat32(start, true) : data.getFloat64(start, true);
  });
  values.forEach((value, index) => {
    (globals[index] as WebAssembly.Global).value = value;
  });
}
