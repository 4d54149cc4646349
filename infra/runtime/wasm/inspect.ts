/**
 * What a module is made of, read from its binary, with the name of everything in it that a migratable task must not use.
 *
 * A task's state has to be its linear memory and its numeric globals and nothing else, and its jobs have to come out the
 * same on every CPU. Each refusal below names one way of breaking that: state the host cannot see (tables that change,
 * references, dropped segments, a GC heap), state somebody else can change (shared memory, imported memories and tables),
 * results that differ (relaxed SIMD, threads, imports with a will of their own), or more than this runtime carries
 * (memory64, several memories, exceptions).
 *
 * Tail calls are allowed: they are deterministic, and the fuel taken at function entry covers them. Exceptions are refused
 * though they are deterministic in themselves: a caught stack overflow would not be, and the exception reference they
 * carry is no number.
 */

import { allowedImports, type Signature, sameSignature } from './abi.ts';
import { ByteReader, MalformedModule, sectionId } from './binary.ts';
import { type GlobalType, globalTypes } from './globals.ts';
import { isNumberType, UnreadableInstruction, valueType } from './instructions.ts';
import { markSection } from './mark.ts';

export interface ModuleView {
  readonly bytes: Uint8Array;
  readonly sections: readonly Section[];
  /** One per type index; undefined where the type is no function. */
  readonly types: readonly (Signature | undefined)[];
  readonly imports: readonly ImportedFunction[];
  /** The type index of every function defined here. */
  readonly functionTypes: readonly number[];
  readonly memory: { readonly initialPages: number; readonly maximumPages: number | undefined } | undefined;
  readonly globals: readonly GlobalView[];
  readonly exports: readonly ExportView[];
  readonly start: number | undefined;
  /** Start and end of every function body (locals and instructions). */
  readonly bodies: readonly { readonly start: number; readonly end: number }[];
}

export interface Section {
  readonly id: number;
  /** Of a custom section. */
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface ImportedFunction {
  readonly module: string;
  readonly name: string;
  readonly type: number;
}

export interface GlobalView {
  readonly type: GlobalType | 'v128';
  readonly mutable: boolean;
}

export interface ExportView {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

/** Reads everything but the function bodies. Throws `MalformedModule`; everything else worth saying goes to `refuse`. */
export function inspectModule(bytes: Uint8Array, refuse: (reason: string) => void): ModuleView {
  const reader = new ByteReader(bytes);
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  if (bytes.length < 8 || magic.some((byte, at) => bytes[at] !== byte))
    throw new MalformedModule('it does not start as a WebAssembly 1 module does');
  reader.position = 8;
  const view = {
    bytes,
    sections: [] as Section[],
    types: [] as (Signature | undefined)[],
    imports: [] as ImportedFunction[],
    functionTypes: [] as number[],
    memory: undefined as ModuleView['memory'],
    globals: [] as GlobalView[],
    exports: [] as ExportView[],
    start: undefined as number | undefined,
    bodies: [] as { start: number; end: number }[],
  };
  while (!reader.done) {
    const id = reader.u8();
    const length = reader.u32();
    const start = reader.position;
    reader.skip(length);
    const content = new ByteReader(bytes, start, start + length);
    const name = id === sectionId.custom ? content.name() : '';
    view.sections.push({ id, name, start, end: start + length });
    if (id === sectionId.type) readTypes(content, view.types, refuse);
    else if (id === sectionId.import) readImports(content, view.imports, view.types, refuse);
    else if (id === sectionId.function)
      for (let count = content.u32(); count > 0; count--) view.functionTypes.push(content.u32());
    else if (id === sectionId.memory) view.memory = readMemories(content, refuse);
    else if (id === sectionId.global) readGlobals(content, view.globals, refuse);
    else if (id === sectionId.export) readExports(content, view.exports, refuse);
    else if (id === sectionId.start) view.start = content.u32();
    else if (id === sectionId.code) readBodies(content, view.bodies);
    else if (id === sectionId.tag) refuse('exception handling');
    else if (name === markSection) refuse('it was prepared already: deploy the module your compiler made');
    else if (id > sectionId.tag) throw new MalformedModule(`section ${id} is unknown`);
  }
  if (view.bodies.length !== view.functionTypes.length) throw new MalformedModule('functions and bodies differ in number');
  return view;
}

function readTypes(reader: ByteReader, types: (Signature | undefined)[], refuse: (reason: string) => void): void {
  for (let count = reader.u32(); count > 0; count--) {
    const form = reader.u8();
    if (form !== 0x60) {
      refuse('garbage collection or typed function references');
      throw new UnreadableInstruction();
    }
    const parameters = readValueTypes(reader, refuse);
    types.push({ parameters, results: readValueTypes(reader, refuse) });
  }
}

function readValueTypes(reader: ByteReader, refuse: (reason: string) => void): number[] {
  const types: number[] = [];
  for (let count = reader.u32(); count > 0; count--) {
    const type = reader.u8();
    if (!isNumberType(type) && type !== valueType.funcref && type !== valueType.externref) {
      refuse('garbage collection or typed function references');
      throw new UnreadableInstruction();
    }
    types.push(type);
  }
  return types;
}

function readImports(
  reader: ByteReader,
  imports: ImportedFunction[],
  types: readonly (Signature | undefined)[],
  refuse: (reason: string) => void,
): void {
  const kinds = ['function', 'table', 'memory', 'global', 'tag'];
  for (let count = reader.u32(); count > 0; count--) {
    const module = reader.name();
    const name = reader.name();
    const kind = reader.u8();
    if (kind >= kinds.length) {
      refuse('imports in a form this build does not know (compact imports)');
      throw new UnreadableInstruction();
    }
    if (kind !== 0) {
      refuse(`an imported ${kinds[kind]} (${module}.${name}): state that somebody else can change`);
      skipImportType(reader, kind, refuse);
      continue;
    }
    const type = reader.u32();
    imports.push({ module, name, type });
    const wanted = allowedImports[module]?.[name];
    if (wanted === undefined) refuse(`an unknown import (${module}.${name})${importAdvice(module, name)}`);
    else if (!sameSignature(wanted, types[type])) refuse(`the import ${module}.${name} with another signature than drover's`);
  }
}

function importAdvice(module: string, name: string): string {
  if (name === 'seed') return ': randomness is an input, so feed the seed as data';
  if (name.startsWith('Date.') || name.includes('time')) return ': time is an input, so use the tick number';
  if (module === 'env' && (name === 'trace' || name.startsWith('console.'))) return ": use the SDK's log()";
  return '';
}

function skipImportType(reader: ByteReader, kind: number, refuse: (reason: string) => void): void {
  if (kind === 1) reader.skipLeb();
  if (kind === 1 || kind === 2) readLimits(reader, refuse);
  else if (kind === 3) reader.skip(2);
  else {
    reader.u8();
    reader.u32();
  }
}

function readLimits(reader: ByteReader, refuse: (reason: string) => void): { initial: number; maximum: number | undefined } {
  const flags = reader.u8();
  if ((flags & 0x02) !== 0) refuse('shared memory (threads)');
  if ((flags & 0x08) !== 0) refuse('custom page sizes');
  if ((flags & 0x04) === 0) {
    const initial = reader.u32();
    return { initial, maximum: (flags & 0x01) === 0 ? undefined : reader.u32() };
  }
  refuse('memory64');
  reader.skipLeb();
  if ((flags & 0x01) !== 0) reader.skipLeb();
  return { initial: 0, maximum: undefined };
}

function readMemories(reader: ByteReader, refuse: (reason: string) => void): ModuleView['memory'] {
  let memory: ModuleView['memory'];
  for (let count = reader.u32(), at = 0; at < count; at++) {
    const limits = readLimits(reader, refuse);
    if (at === 0) memory = { initialPages: limits.initial, maximumPages: limits.maximum };
    else refuse('more than one memory');
  }
  return memory;
}

function readGlobals(reader: ByteReader, globals: GlobalView[], refuse: (reason: string) => void): void {
  for (let count = reader.u32(); count > 0; count--) {
    const type = reader.u8();
    if (!isNumberType(type)) {
      refuse('a global that holds a reference');
      // A typed reference is longer than one byte, so that the next field cannot be found.
      if (type !== valueType.funcref && type !== valueType.externref) throw new UnreadableInstruction();
    }
    const mutable = reader.u8() === 1;
    if (mutable && type === valueType.v128) refuse('a mutable global of type v128: the host cannot read it; keep it in memory');
    globals.push({ type: globalTypes[type] ?? 'v128', mutable });
    readConstantExpression(reader, mutable, refuse);
  }
}

/** Steps over an initial value. A float that starts as a NaN of its own making could not be told from the canonical one. */
function readConstantExpression(reader: ByteReader, mutable: boolean, refuse: (reason: string) => void): void {
  for (;;) {
    const opcode = reader.u8();
    if (opcode === 0x0b) return;
    if (opcode === 0x41 || opcode === 0x42 || opcode === 0xd0) reader.skipLeb();
    else if (opcode === 0x23 || opcode === 0xd2) reader.u32();
    else if (opcode === 0x43 || opcode === 0x44) {
      const at = reader.position;
      reader.skip(opcode === 0x43 ? 4 : 8);
      if (mutable && hasOwnNanBits(reader.bytes, at, opcode === 0x43))
        refuse('a mutable global that starts as a NaN with bits of its own');
    } else if (opcode === 0xfd && reader.u32() === 12) reader.skip(16);
    else if ([0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e].includes(opcode)) continue;
    else {
      refuse('garbage collection or typed function references');
      throw new UnreadableInstruction();
    }
  }
}

function hasOwnNanBits(bytes: Uint8Array, at: number, single: boolean): boolean {
  const data = new DataView(bytes.buffer, bytes.byteOffset + at);
  const bits = single ? BigInt(data.getUint32(0, true)) : data.getBigUint64(0, true);
  const [magnitude, infinity] = single ? [0x7fffffffn, 0x7f800000n] : [0x7fffffffffffffffn, 0x7ff0000000000000n];
  const canonical = single ? 0x7fc00000n : 0x7ff8000000000000n;
  return (bits & magnitude) > infinity && bits !== canonical;
}

function readExports(reader: ByteReader, exports: ExportView[], refuse: (reason: string) => void): void {
  for (let count = reader.u32(); count > 0; count--) {
    const name = reader.name();
    const kind = reader.u8();
    exports.push({ name, kind, index: reader.u32() });
    if (kind === 1) refuse(`an exported table (${name}): a table the host can change is state outside of memory`);
    if (name.startsWith('drover.')) refuse(`an export under a reserved name (${name})`);
  }
}

function readBodies(reader: ByteReader, bodies: { start: number; end: number }[]): void {
  for (let count = reader.u32(); count > 0; count--) {
    const length = reader.u32();
    const start = reader.position;
    reader.skip(length);
    bodies.push({ start, end: reader.position });
  }
}
