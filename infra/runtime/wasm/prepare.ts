/**
 * The deploy pass: bytes of a WebAssembly module in, the artefact that ECUs run out. Run once, by `drover task deploy`.
 *
 * P1. What it lets through has no state outside of its memory and its numeric mutable globals, and a job of it is a
 *     function of that state and of the input, bit for bit, on every CPU (`inspect.ts` says what is refused and why).
 * P2. Every refusal names every reason, so that one attempt is enough to learn them all.
 * P3. Same bytes and same bound in, same bytes out.
 * P4. A prepared module is refused, because its mark cannot be told from a forged one.
 *
 * The rewriting is done here on the binary itself and not through Binaryen's JavaScript interface: the pass adds a few
 * instructions after some others, for which one table of instruction lengths is enough, while a tree rewriter would have to
 * know how to rebuild every kind of expression, prints its own version of the code, and keeps 100 MB and a second busy.
 * What may go wrong in a binary rewriter is caught twice: instructions it does not know are refused, and V8 validates
 * before and after.
 */
import { DroverError } from '../../../src/domain/kernel/error-codes.ts';
import { exported, exportSignatures, reserved, type Signature, sameSignature } from './abi.ts';
import { ByteReader, ByteWriter, MalformedModule, sectionId } from './binary.ts';
import type { GlobalType } from './globals.ts';
import { inspectModule, type ModuleView } from './inspect.ts';
import { op, UnreadableInstruction, valueType } from './instructions.ts';
import { encodeMark, MARK_VERSION, markSection } from './mark.ts';
import { rewriteBody, STACK_SLOTS } from './rewrite.ts';

/** WebAssembly's own page. */
export const WASM_PAGE_BYTES = 65_536;

export interface PrepareOptions {
  /** The task's bound, from its spec; rounded up to whole 64 KiB pages. */
  readonly memoryBytesMax: number;
}

/** Fails with ERR_MODULE_INVALID (no module) or ERR_MODULE_REFUSED (a module that is no migratable task). */
export function prepareModule(bytes: Uint8Array, options: PrepareOptions): Uint8Array {
  const maximumPages = Math.ceil(options.memoryBytesMax / WASM_PAGE_BYTES);
  if (!(maximumPages >= 1 && maximumPages <= 65_536)) {
    throw new DroverError(
      'ERR_SPEC_INVALID',
      `memory: ${options.memoryBytesMax} bytes is no size of a memory; give between 64 KiB and 4 GiB`,
    );
  }
  const reasons = new Set<string>();
  const prepared = attempt(bytes, maximumPages, reasons);
  if (reasons.size > 0)
    throw new DroverError('ERR_MODULE_REFUSED', `a migratable task must not have: ${[...reasons].join('; ')}`);
  if (prepared === undefined || !WebAssembly.validate(bytes)) throw invalid('it does not validate');
  if (!WebAssembly.validate(prepared)) {
    // The engine's own bounds (number of locals, size of a body) are the only way here.
    throw new DroverError('ERR_MODULE_REFUSED', 'a function is too large: with fuel added it is beyond what the engine takes');
  }
  return prepared;
}

const invalid = (why: string, cause?: unknown): DroverError =>
  new DroverError('ERR_MODULE_INVALID', `these bytes are no WebAssembly module: ${why}`, { cause });

function attempt(bytes: Uint8Array, maximumPages: number, reasons: Set<string>): Uint8Array | undefined {
  const refuse = (reason: string): void => void reasons.add(reason);
  try {
    const module = inspectModule(bytes, refuse);
    checkInterface(module, maximumPages, refuse);
    return assemble(module, maximumPages, refuse);
  } catch (error) {
    if (error instanceof UnreadableInstruction) return undefined;
    if (!(error instanceof MalformedModule)) throw error;
    if (reasons.size > 0) return undefined;
    throw invalid(error.message, error);
  }
}

function checkInterface(module: ModuleView, maximumPages: number, refuse: (reason: string) => void): void {
  if (module.memory === undefined) refuse('no memory of its own');
  else if (module.memory.initialPages > maximumPages) {
    refuse(
      `more memory at its start (${module.memory.initialPages * 64} KiB) than the task's bound (${maximumPages * 64} KiB)`,
    );
  }
  if (!module.exports.some(({ name, kind }) => name === exported.memory && kind === 2))
    refuse("a missing export: its memory as 'memory'");
  for (const [name, { signature, required }] of Object.entries(exportSignatures)) {
    const found = module.exports.find((each) => each.name === name);
    if (found === undefined) {
      if (required) refuse(`a missing export: the function ${name}`);
    } else if (found.kind !== 0 || !sameSignature(signature, signatureOf(module, found.index))) {
      refuse(`an export ${name} with another signature than drover's`);
    }
  }
}

function signatureOf(module: ModuleView, functionIndex: number): Signature | undefined {
  const imported = module.imports.length;
  const type = functionIndex < imported ? module.imports[functionIndex]?.type : module.functionTypes[functionIndex - imported];
  return type === undefined ? undefined : module.types[type];
}

/** The order in which sections must appear; custom ones are put at the end. */
const ORDER = [
  sectionId.type,
  sectionId.import,
  sectionId.function,
  sectionId.table,
  sectionId.memory,
  sectionId.global,
  sectionId.export,
  sectionId.element,
  sectionId.dataCount,
  sectionId.code,
  sectionId.data,
] as const;

function assemble(module: ModuleView, maximumPages: number, refuse: (reason: string) => void): Uint8Array {
  const blockTypes = new BlockTypes(module.types.length);
  const code = rewriteCode(module, { blockTypes, maximumPages }, refuse);
  const rewritten: Partial<Record<number, Uint8Array>> = {
    [sectionId.type]: appendToVector(module, sectionId.type, blockTypes.added),
    [sectionId.memory]: new ByteWriter()
      .u32(1)
      .u8(0x01)
      .u32(module.memory?.initialPages ?? 0)
      .u32(maximumPages)
      .finish(),
    [sectionId.global]: appendToVector(module, sectionId.global, addedGlobals),
    [sectionId.export]: exportSection(module),
    [sectionId.code]: code,
  };
  const out = new ByteWriter().raw(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00));
  for (const id of ORDER) {
    const content = rewritten[id] ?? contentOf(module, id);
    if (content !== undefined) out.section(id, content);
  }
  const mark = encodeMark({
    version: MARK_VERSION,
    initialPages: module.memory?.initialPages ?? 0,
    maximumPages,
    globals: mutableGlobals(module).map(({ type }) => type),
  });
  out.section(sectionId.custom, new ByteWriter().name(markSection).raw(mark).finish());
  // The names of functions stay, so that a trap's stack can be read.
  const names = module.sections.find(({ id, name }) => id === sectionId.custom && name === 'name');
  if (names !== undefined) out.section(sectionId.custom, module.bytes.subarray(names.start, names.end));
  return out.finish();
}

function contentOf(module: ModuleView, id: number): Uint8Array | undefined {
  const section = module.sections.find((each) => each.id === id);
  return section === undefined ? undefined : module.bytes.subarray(section.start, section.end);
}

/** The section `id` with entries added at its end; undefined when there is nothing to add. */
function appendToVector(module: ModuleView, id: number, added: readonly Uint8Array[]): Uint8Array | undefined {
  if (added.length === 0) return undefined;
  const reader = new ByteReader(contentOf(module, id) ?? Uint8Array.of(0));
  const out = new ByteWriter().u32(reader.u32() + added.length).raw(reader.bytes.subarray(reader.position));
  for (const entry of added) out.raw(entry);
  return out.finish();
}

/** Fuel, stack and growth note, in this order behind the module's own globals. Fuel is 0 until the host grants some. */
const addedGlobals: readonly Uint8Array[] = [
  Uint8Array.of(valueType.i64, 1, op.i64Const, 0, op.end),
  new ByteWriter().u8(valueType.i32, 1, op.i32Const).s32(STACK_SLOTS).u8(op.end).finish(),
  Uint8Array.of(valueType.i32, 1, op.i32Const, 0, op.end),
];

function mutableGlobals(module: ModuleView): { readonly index: number; readonly type: GlobalType }[] {
  return module.globals.flatMap(({ type, mutable }, index) => (mutable && type !== 'v128' ? [{ index, type }] : []));
}

/** Only what the host calls: every other export of the module is dropped. */
function exportSection(module: ModuleView): Uint8Array {
  const kept = module.exports.filter(({ name }) => name === exported.memory || exportSignatures[name] !== undefined);
  const added = mutableGlobals(module).map(({ index }, at) => ({ name: reserved.global(at), kind: 3, index }));
  const first = module.globals.length;
  added.push({ name: reserved.fuel, kind: 3, index: first });
  added.push({ name: reserved.stack, kind: 3, index: first + 1 });
  added.push({ name: reserved.growthRefused, kind: 3, index: first + 2 });
  if (module.start !== undefined) added.push({ name: reserved.start, kind: 0, index: module.start });
  const out = new ByteWriter().u32(kept.length + added.length);
  for (const { name, kind, index } of [...kept, ...added]) out.name(name).u8(kind).u32(index);
  return out.finish();
}

function rewriteCode(
  module: ModuleView,
  { blockTypes, maximumPages }: { readonly blockTypes: BlockTypes; readonly maximumPages: number },
  refuse: (reason: string) => void,
): Uint8Array {
  const out = new ByteWriter().u32(module.bodies.length);
  const functions = [...module.imports.map(({ type }) => type), ...module.functionTypes].map((type) => module.types[type]);
  module.bodies.forEach(({ start, end }, at) => {
    const type = module.types[module.functionTypes[at] ?? -1];
    if (type === undefined) throw new MalformedModule(`function ${at} has no type`);
    const body = rewriteBody(
      new ByteReader(module.bytes, start, end),
      {
        types: module.types,
        functions,
        importCount: module.imports.length,
        fuelGlobal: module.globals.length,
        stackGlobal: module.globals.length + 1,
        growthGlobal: module.globals.length + 2,
        blockType: blockTypes.of(type.results),
        parameters: type.parameters,
        maximumPages,
        globals: module.globals.map((global) => global.type),
      },
      refuse,
    );
    out.u32(body.length).raw(body);
  });
  return out.finish();
}

/** Block types for function results: none and one have a short form, more need a type of their own. */
class BlockTypes {
  readonly added: Uint8Array[] = [];
  readonly #indexes = new Map<string, number>();
  readonly #typeCount: number;

  constructor(typeCount: number) {
    this.#typeCount = typeCount;
  }

  of(results: readonly number[]): Uint8Array {
    const [only] = results;
    if (only === undefined) return Uint8Array.of(0x40);
    if (results.length === 1) return Uint8Array.of(only);
    let index = this.#indexes.get(results.join());
    if (index === undefined) {
      index = this.#typeCount + this.added.length;
      this.#indexes.set(results.join(), index);
      this.added.push(
        new ByteWriter()
          .u8(0x60, 0)
          .u32(results.length)
          .u8(...results)
          .finish(),
      );
    }
    return new ByteWriter().s32(index).finish();
  }
}
