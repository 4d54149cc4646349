/**
 * The instructions a task may use, as the deploy pass needs them: how long each is in the binary, which ones are refused
 * and by what name, how the simple ones move the operand stack, and which produce a float whose NaN bits the standard
 * leaves open.
 *
 * I1. An opcode that is not known here is refused, never skipped: a table that lacks an instruction costs a feature, one
 *     that misreads it costs determinism.
 * I2. "Produces an open NaN" holds for every arithmetic float instruction. The bitwise ones (abs, neg, copysign, loads,
 *     constants, reinterpretations, pmin/pmax) pass bits on and are exact on every CPU.
 *
 * Source: WebAssembly core specification 2.0, 5.4 (binary), 4.3.3 (NaN propagation); the tail-call and relaxed-SIMD,
 * threads, exception, GC and wide-arithmetic proposals for the names of what is refused.
 */
import type { ByteReader } from './binary.ts';

export const op = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  drop: 0x1a,
  select: 0x1b,
  selectTyped: 0x1c,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  firstStore: 0x36,
  lastStore: 0x3e,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32LtS: 0x48,
  i32LeU: 0x4d,
  i64LtS: 0x53,
  f32Eq: 0x5b,
  f64Eq: 0x61,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32ShrU: 0x76,
  i64Sub: 0x7d,
  i64ExtendI32U: 0xad,
  refNull: 0xd0,
  refFunc: 0xd2,
  misc: 0xfc,
  simd: 0xfd,
} as const;

/** Instructions of the `0xfc` page. */
export const misc = { memoryInit: 8, dataDrop: 9, memoryCopy: 10, memoryFill: 11 } as const;
export const simd = { v128Store: 11, v128Const: 12, f32x4Eq: 0x41, f64x2Eq: 0x47, bitselect: 0x52 } as const;
export const valueType = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b, funcref: 0x70, externref: 0x6f } as const;

export interface Instruction {
  readonly opcode: number;
  /** The second number of a prefixed instruction (`0xfc`, `0xfd`); 0 otherwise. */
  readonly page: number;
  readonly start: number;
  readonly end: number;
  /** The first index immediate (function, local, global, data segment …), where there is one. */
  readonly index: number;
}

export type FloatKind = 'f32' | 'f64' | 'f32x4' | 'f64x2';

/** Reads one instruction. `refuse` hears by name of what a task must not use; the instruction is still stepped over. */
export function readInstruction(reader: ByteReader, refuse: (reason: string) => void): Instruction {
  const start = reader.position;
  const opcode = reader.u8();
  let page = 0;
  let index = 0;
  if (opcode === op.misc || opcode === op.simd) {
    page = reader.u32();
    index = opcode === op.misc ? miscImmediates(reader, page, refuse) : simdImmediates(reader, page, refuse);
  } else {
    index = plainImmediates(reader, opcode, refuse);
  }
  return { opcode, page, start, end: reader.position, index };
}

/** Thrown after a reason was given for an instruction whose length is not known: nothing behind it can be read. */
export class UnreadableInstruction extends Error {
  override readonly name = 'UnreadableInstruction';
}

function plainImmediates(reader: ByteReader, opcode: number, refuse: (reason: string) => void): number {
  if (opcode === 0x02 || opcode === 0x03 || opcode === 0x04) return blockType(reader);
  if (opcode <= 0x01 || opcode === 0x05 || opcode === 0x0b || opcode === 0x0f || opcode === 0x1a || opcode === 0x1b) return 0;
  if (opcode === 0x0c || opcode === 0x0d) return reader.u32();
  if (opcode === 0x0e) {
    for (let count = reader.u32() + 1; count > 0; count--) reader.u32();
    return 0;
  }
  if (opcode === 0x10 || opcode === 0x12) return reader.u32();
  if (opcode === 0x11 || opcode === 0x13) {
    const type = reader.u32();
    reader.u32();
    return type;
  }
  if (opcode === 0x1c) {
    for (let count = reader.u32(); count > 0; count--) reader.skipLeb();
    return 0;
  }
  if (opcode >= 0x20 && opcode <= 0x26) {
    if (opcode === 0x26) refuse('a mutable table (table.set)');
    return reader.u32();
  }
  if (opcode >= 0x28 && opcode <= 0x3e) return memoryArgument(reader, refuse);
  if (opcode === 0x3f || opcode === 0x40) {
    if (reader.u32() !== 0) refuse('more than one memory');
    return 0;
  }
  if (opcode === 0x41 || opcode === 0x42) {
    reader.skipLeb();
    return 0;
  }
  if (opcode === 0x43 || opcode === 0x44) {
    reader.skip(opcode === 0x43 ? 4 : 8);
    return 0;
  }
  if (opcode >= 0x45 && opcode <= 0xc4) return 0;
  if (opcode === 0xd0) {
    reader.skipLeb();
    return 0;
  }
  if (opcode === 0xd1) return 0;
  if (opcode === 0xd2) return reader.u32();
  refuse(refusedFamily(opcode));
  throw new UnreadableInstruction();
}

function refusedFamily(opcode: number): string {
  if ((opcode >= 0x06 && opcode <= 0x0a) || opcode === 0x18 || opcode === 0x19 || opcode === 0x1f) return 'exception handling';
  if (opcode === 0xfe) return 'threads (atomic instructions)';
  if (opcode === 0xfb || opcode === 0x14 || opcode === 0x15 || (opcode >= 0xd3 && opcode <= 0xd6)) {
    return 'garbage collection or typed function references';
  }
  return `an unknown instruction (0x${opcode.toString(16)})`;
}

function miscImmediates(reader: ByteReader, page: number, refuse: (reason: string) => void): number {
  if (page <= 7) return 0;
  const memory = (): void => {
    if (reader.u32() !== 0) refuse('more than one memory');
  };
  const index = page === misc.memoryCopy || page === misc.memoryFill ? 0 : reader.u32();
  if (page === misc.memoryInit || page === misc.memoryFill) memory();
  else if (page === misc.memoryCopy) {
    memory();
    memory();
  } else if (page === misc.dataDrop)
    refuse('dropped data segments (data.drop): that a segment is gone is state outside of memory');
  else if (page === 13) refuse('dropped element segments (elem.drop): that a segment is gone is state outside of memory');
  else if (page === 12 || page === 14) {
    reader.u32();
    refuse(`a mutable table (table.${page === 12 ? 'init' : 'copy'})`);
  } else if (page === 15 || page === 17) refuse(`a mutable table (table.${page === 15 ? 'grow' : 'fill'})`);
  else if (page !== 16) {
    refuse(`an unknown instruction (0xfc ${page})`);
    throw new UnreadableInstruction();
  }
  return index;
}

function simdImmediates(reader: ByteReader, page: number, refuse: (reason: string) => void): number {
  if (page >= 0x100) {
    // None of them has an immediate, so that reading can go on and name what else is wrong.
    refuse('relaxed SIMD (its results differ between CPUs)');
    return 0;
  }
  if (page <= 11 || page === 92 || page === 93) return memoryArgument(reader, refuse);
  if (page === 12 || page === 13) reader.skip(16);
  else if (page >= 21 && page <= 34) reader.skip(1);
  else if (page >= 84 && page <= 91) {
    memoryArgument(reader, refuse);
    reader.skip(1);
  }
  return 0;
}

function memoryArgument(reader: ByteReader, refuse: (reason: string) => void): number {
  if ((reader.u32() & 0x40) !== 0) {
    refuse('more than one memory');
    reader.u32();
  }
  // A 64-bit offset is only valid for memory64, which is refused by its own name.
  reader.skipLeb();
  return 0;
}

function blockType(reader: ByteReader): number {
  reader.skipLeb();
  return 0;
}

/** The float kind of an instruction whose result may be a NaN with bits of the CPU's choice. */
export function openNan({ opcode, page }: Instruction): FloatKind | undefined {
  if (opcode === op.simd) {
    if ((page >= 0x67 && page <= 0x6a) || (page >= 0xe3 && page <= 0xe9) || page === 0x5e) return 'f32x4';
    if (page === 0x74 || page === 0x75 || page === 0x7a || page === 0x94 || page === 0x5f) return 'f64x2';
    return page >= 0xef && page <= 0xf5 ? 'f64x2' : undefined;
  }
  if ((opcode >= 0x8d && opcode <= 0x97) || opcode === 0xb6) return 'f32';
  if ((opcode >= 0x9b && opcode <= 0xa5) || opcode === 0xbb) return 'f64';
  return undefined;
}

/** Consumes a float without showing its NaN bits: arithmetic (canonical again itself), comparison, conversion to integer. */
export function nanBlind(instruction: Instruction): boolean {
  const { opcode, page } = instruction;
  if (opcode === op.misc) return page <= 7;
  if (opcode >= 0x5b && opcode <= 0x66) return true;
  if ((opcode >= 0xa8 && opcode <= 0xab) || (opcode >= 0xae && opcode <= 0xb1)) return true;
  return opcode !== op.simd && openNan(instruction) !== undefined;
}

/** How many operands a simple instruction (one result, no control flow, no side effect) takes; undefined for all others. */
export function simpleOperands({ opcode, page }: Instruction): number | undefined {
  if (opcode === op.localGet || opcode === op.globalGet || opcode === 0x3f) return 0;
  if (opcode >= 0x41 && opcode <= 0x44) return 0;
  if ((opcode >= 0x28 && opcode <= 0x35) || opcode === op.localTee) return 1;
  if (opcode === op.misc) return page <= 7 ? 1 : undefined;
  if (opcode === 0x45 || opcode === 0x50) return 1;
  if (opcode >= 0x46 && opcode <= 0x66) return 2;
  if ((opcode >= 0x67 && opcode <= 0x69) || (opcode >= 0x79 && opcode <= 0x7b)) return 1;
  if ((opcode >= 0x6a && opcode <= 0x78) || (opcode >= 0x7c && opcode <= 0x8a)) return 2;
  if ((opcode >= 0x8b && opcode <= 0x91) || (opcode >= 0x99 && opcode <= 0x9f)) return 1;
  if ((opcode >= 0x92 && opcode <= 0x98) || (opcode >= 0xa0 && opcode <= 0xa6)) return 2;
  return opcode >= 0xa7 && opcode <= 0xc4 ? 1 : undefined;
}

/** A value type byte that stands for a number or a vector. */
export function isNumberType(type: number): boolean {
  return type >= valueType.v128 && type <= valueType.i32;
}
