/**
 * Rewrites one function body so that it ends, stays within its stack and computes the same bits on every CPU.
 *
 * - **Fuel.** Function entry and every loop iteration take 1, bulk memory instructions 1 more per KiB; below zero the
 *   function traps. A function with loops keeps the fuel in a local and writes it back around calls and at its end: a
 *   loop then pays a decrement and a branch that is never taken, no memory traffic.
 * - **Stack.** The depth at which an engine overflows its stack differs between engines, tiers and machines. A function
 *   that calls others takes its frame's estimated slots from a budget at entry and gives them back at its end; below zero
 *   it traps, at the same depth everywhere. (The budget lies well below what the engine gives, see `STACK_SLOTS`.)
 * - **Canonical NaNs.** The result of an arithmetic float instruction is replaced by the canonical NaN when it is a NaN,
 *   unless the next thing that happens to it is arithmetic or a comparison anyway, which does not show its bits. So is
 *   whatever is written to a float global, wherever its bits come from.
 * - **Growth.** A refused `memory.grow` leaves a note, so that the trap that follows can be named.
 *
 * The body is wrapped in one block with the function's results, so that every way out but a tail call (`return`, a branch
 * to the outermost label, falling off the end) passes the epilogue; labels inside keep their numbers, because the block
 * takes the place of the function's own label. Locals are only added behind the existing ones and globals behind the
 * module's, so that no index changes.
 */
import { assert } from '../../../src/domain/kernel/assert.ts';
import { type ByteReader, ByteWriter, MalformedModule } from './binary.ts';
import {
  type FloatKind,
  type Instruction,
  misc,
  nanBlind,
  op,
  openNan,
  readInstruction,
  simd,
  simpleOperands,
  valueType,
} from './instructions.ts';
import { type FunctionTypes, operandHeight } from './operand-height.ts';

export interface RewriteContext extends FunctionTypes {
  readonly importCount: number;
  /** Global indexes of what the pass adds. */
  readonly fuelGlobal: number;
  readonly stackGlobal: number;
  readonly growthGlobal: number;
  /** Result types of this function, and a block type for them (encoded). */
  readonly blockType: Uint8Array;
  readonly parameters: readonly number[];
  readonly maximumPages: number;
  /** Types of the module's globals, by index. */
  readonly globals: readonly string[];
}

/** What the growth note says after a refused `memory.grow`. */
export const growth = { none: 0, beyondBound: 1, outOfMemory: 2 } as const;

/** How many stack slots (8 bytes) all frames of a job may take together: 640 KiB of the 984 KiB a main thread has. */
export const STACK_SLOTS = 81_920;
/** Return address, frame pointer, instance, marker and spills that every frame has: a choice, seen from Liftoff's frames. */
const FRAME_SLOTS = 12;
/** A function without calls ends the recursion, so only a large frame of one is worth counting. */
const LEAF_SLOTS_FREE = 128;
const BULK_BYTES_PER_FUEL_SHIFT = 10;
/** How far a result is followed to the instruction that takes it. */
const LOOKAHEAD_MAX = 48;

export function rewriteBody(body: ByteReader, context: RewriteContext, refuse: (reason: string) => void): Uint8Array {
  const locals = readLocals(body);
  const instructions: Instruction[] = [];
  while (!body.done) instructions.push(readInstruction(body, refuse));
  if (instructions.at(-1)?.opcode !== op.end) throw new MalformedModule('a function body does not end');
  return new BodyRewriter(body.bytes, context, locals, instructions).rewrite();
}

interface LocalGroup {
  readonly count: number;
  readonly type: number;
}

function readLocals(body: ByteReader): LocalGroup[] {
  const groups: LocalGroup[] = [];
  for (let count = body.u32(); count > 0; count--) groups.push({ count: body.u32(), type: body.u8() });
  return groups;
}

class BodyRewriter {
  readonly #source: Uint8Array;
  readonly #context: RewriteContext;
  readonly #instructions: readonly Instruction[];
  readonly #groups: LocalGroup[];
  readonly #out = new ByteWriter();
  readonly #scratch = new Map<number, number>();
  #localCount: number;
  #growthLocal: number | undefined;
  /** The local that caches the fuel, in functions with loops. */
  readonly #fuelLocal: number | undefined;
  /** Slots this function takes from the stack budget; 0 when it is not worth counting. */
  readonly #slots: number;

  constructor(
    source: Uint8Array,
    context: RewriteContext,
    groups: readonly LocalGroup[],
    instructions: readonly Instruction[],
  ) {
    this.#source = source;
    this.#context = context;
    this.#instructions = instructions;
    this.#groups = [...groups];
    this.#localCount = groups.reduce((sum, group) => sum + group.count, context.parameters.length);
    const calls = instructions.some((instruction) => this.#entersOtherCode(instruction));
    // Operands may have to be saved around a call, and a vector takes two slots.
    const values = this.#localCount + operandHeight(source, instructions, context);
    const hasVectors = instructions.some(({ opcode }) => opcode === op.simd) || context.parameters.includes(valueType.v128);
    const frame = FRAME_SLOTS + values * (hasVectors ? 2 : 1);
    this.#slots = calls || frame > LEAF_SLOTS_FREE ? Math.min(frame, STACK_SLOTS + 1) : 0;
    this.#fuelLocal = instructions.some(({ opcode }) => opcode === op.loop) ? this.#addLocal(valueType.i64) : undefined;
  }

  rewrite(): Uint8Array {
    const wrapped = this.#fuelLocal !== undefined || this.#slots > 0;
    this.#prologue();
    if (wrapped) this.#out.u8(op.block).raw(this.#context.blockType);
    let depth = 0;
    this.#instructions.forEach((instruction, at) => {
      const { opcode } = instruction;
      if (opcode === op.block || opcode === op.loop || opcode === op.if) depth++;
      if (opcode === op.end) depth--;
      if (opcode === op.return && wrapped) this.#out.u8(op.br).u32(depth);
      else this.#instruction(instruction, at);
      if (depth < 0 && wrapped) {
        this.#epilogue();
        this.#out.u8(op.end);
      }
    });
    return this.#withLocals();
  }

  #instruction(instruction: Instruction, at: number): void {
    const { opcode, page } = instruction;
    if (opcode === op.returnCall || opcode === op.returnCallIndirect) {
      this.#epilogue();
      this.#copy(instruction);
      return;
    }
    if (opcode === op.globalSet) this.#canonicaliseGlobal(this.#context.globals[instruction.index]);
    const enters = this.#fuelLocal !== undefined && this.#entersOtherCode(instruction);
    if (enters) this.#storeFuel();
    if (opcode === op.misc && page >= misc.memoryInit && page <= misc.memoryFill && page !== misc.dataDrop) this.#chargeBulk();
    if (opcode === op.memoryGrow) this.#growMemory(instruction);
    else this.#copy(instruction);
    if (enters) this.#loadFuel();
    if (opcode === op.loop) this.#chargeIteration();
    const kind = openNan(instruction);
    if (kind !== undefined && !this.#takenBlindly(at)) this.#canonicalise(kind);
  }

  #copy({ start, end }: Instruction): void {
    this.#out.raw(this.#source.subarray(start, end));
  }

  /** Calls into functions of the module; the host's own take no fuel and no stack of the program's. */
  #entersOtherCode({ opcode, index }: Instruction): boolean {
    if (opcode === op.call || opcode === op.returnCall) return index >= this.#context.importCount;
    return opcode === op.callIndirect || opcode === op.returnCallIndirect;
  }

  #prologue(): void {
    if (this.#fuelLocal !== undefined) this.#loadFuel();
    this.#chargeIteration();
    if (this.#slots === 0) return;
    const { stackGlobal } = this.#context;
    this.#out
      .u8(op.globalGet)
      .u32(stackGlobal)
      .u8(op.i32Const)
      .s32(this.#slots)
      .u8(op.i32Sub)
      .u8(op.globalSet)
      .u32(stackGlobal);
    this.#out.u8(op.globalGet).u32(stackGlobal).u8(op.i32Const, 0, op.i32LtS, op.if, 0x40, op.unreachable, op.end);
  }

  #epilogue(): void {
    if (this.#fuelLocal !== undefined) this.#storeFuel();
    if (this.#slots === 0) return;
    const { stackGlobal } = this.#context;
    this.#out
      .u8(op.globalGet)
      .u32(stackGlobal)
      .u8(op.i32Const)
      .s32(this.#slots)
      .u8(op.i32Add)
      .u8(op.globalSet)
      .u32(stackGlobal);
  }

  #loadFuel(): void {
    assert(this.#fuelLocal !== undefined, 'only a function with loops caches its fuel');
    this.#out.u8(op.globalGet).u32(this.#context.fuelGlobal).u8(op.localSet).u32(this.#fuelLocal);
  }

  #storeFuel(): void {
    assert(this.#fuelLocal !== undefined, 'only a function with loops caches its fuel');
    this.#out.u8(op.localGet).u32(this.#fuelLocal).u8(op.globalSet).u32(this.#context.fuelGlobal);
  }

  #chargeIteration(): void {
    this.#takeFuel((out) => out.u8(op.i64Const, 1));
  }

  /** Before an instruction whose topmost operand is the number of bytes it touches. */
  #chargeBulk(): void {
    const count = this.#scratchLocal(valueType.i32);
    this.#out.u8(op.localTee).u32(count);
    this.#takeFuel((out) =>
      out.u8(op.localGet).u32(count).u8(op.i32Const, BULK_BYTES_PER_FUEL_SHIFT, op.i32ShrU, op.i64ExtendI32U),
    );
  }

  #takeFuel(amount: (out: ByteWriter) => void): void {
    const out = this.#out;
    const { fuelGlobal } = this.#context;
    const local = this.#fuelLocal;
    if (local === undefined) out.u8(op.globalGet).u32(fuelGlobal);
    else out.u8(op.localGet).u32(local);
    amount(out);
    out.u8(op.i64Sub);
    if (local === undefined) out.u8(op.globalSet).u32(fuelGlobal).u8(op.globalGet).u32(fuelGlobal);
    else out.u8(op.localTee).u32(local);
    out.u8(op.i64Const, 0, op.i64LtS, op.if, 0x40);
    if (local !== undefined) this.#storeFuel();
    out.u8(op.unreachable, op.end);
  }

  /**
   * A growth beyond the bound is refused everywhere, and the task may take that as it likes. One within the bound fails only
   * where a machine has no memory left: the task must not see that, or it would go on another way than elsewhere.
   */
  #growMemory(instruction: Instruction): void {
    const { growthGlobal, maximumPages } = this.#context;
    const out = this.#out;
    const wanted = this.#scratchLocal(valueType.i32);
    this.#growthLocal ??= this.#addLocal(valueType.i32);
    const result = this.#growthLocal;
    out.u8(op.localTee).u32(wanted);
    this.#copy(instruction);
    out.u8(op.localTee).u32(result).u8(op.localGet).u32(result).u8(op.i32Const, 0x7f, op.i32Eq, op.if, 0x40);
    out.u8(op.localGet).u32(wanted).u8(op.i32Const).s32(maximumPages).u8(op.memorySize, 0, op.i32Sub, op.i32LeU, op.if, 0x40);
    out.u8(op.i32Const, growth.outOfMemory, op.globalSet).u32(growthGlobal).u8(op.unreachable, op.end);
    out.u8(op.i32Const, growth.beyondBound, op.globalSet).u32(growthGlobal).u8(op.end);
  }

  /** Whether the result of the instruction at `at` goes, untouched, into one that does not show a NaN's bits. */
  #takenBlindly(at: number): boolean {
    let above = 0;
    for (let next = at + 1; next < this.#instructions.length && next <= at + LOOKAHEAD_MAX; next++) {
      const instruction = this.#instructions[next] as Instruction;
      const operands = simpleOperands(instruction);
      if (operands === undefined) return false;
      if (above < operands) return nanBlind(instruction);
      above += 1 - operands;
    }
    return false;
  }

  /** A float global is captured through a JavaScript number, which does not carry a NaN's bits: it only ever holds the canonical one. */
  #canonicaliseGlobal(type: string | undefined): void {
    if (type === 'f32' || type === 'f64') this.#canonicalise(type);
  }

  /** x → x when x = x, else the canonical NaN; lane by lane for vectors. */
  #canonicalise(kind: FloatKind): void {
    const out = this.#out;
    if (kind === 'f32' || kind === 'f64') {
      const value = this.#scratchLocal(kind === 'f32' ? valueType.f32 : valueType.f64);
      out
        .u8(op.localTee)
        .u32(value)
        .raw(kind === 'f32' ? NAN_F32 : NAN_F64);
      out
        .u8(op.localGet)
        .u32(value)
        .u8(op.localGet)
        .u32(value)
        .u8(kind === 'f32' ? op.f32Eq : op.f64Eq, op.select);
      return;
    }
    const value = this.#scratchLocal(valueType.v128);
    out
      .u8(op.localTee)
      .u32(value)
      .raw(kind === 'f32x4' ? NAN_F32X4 : NAN_F64X2);
    out.u8(op.localGet).u32(value).u8(op.localGet).u32(value);
    out
      .u8(op.simd)
      .u32(kind === 'f32x4' ? simd.f32x4Eq : simd.f64x2Eq)
      .u8(op.simd)
      .u32(simd.bitselect);
  }

  #scratchLocal(type: number): number {
    const known = this.#scratch.get(type);
    if (known !== undefined) return known;
    const index = this.#addLocal(type);
    this.#scratch.set(type, index);
    return index;
  }

  #addLocal(type: number): number {
    this.#groups.push({ count: 1, type });
    return this.#localCount++;
  }

  #withLocals(): Uint8Array {
    const whole = new ByteWriter().u32(this.#groups.length);
    for (const { count, type } of this.#groups) whole.u32(count).u8(type);
    return whole.raw(this.#out.finish()).finish();
  }
}

const NAN_F32 = Uint8Array.of(op.f32Const, 0x00, 0x00, 0xc0, 0x7f);
const NAN_F64 = Uint8Array.of(op.f64Const, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f);
const NAN_F32X4 = vectorConstant(NAN_F32.subarray(1), 4);
const NAN_F64X2 = vectorConstant(NAN_F64.subarray(1), 2);

function vectorConstant(lane: Uint8Array, lanes: number): Uint8Array {
  const out = new ByteWriter().u8(op.simd).u32(simd.v128Const);
  for (let at = 0; at < lanes; at++) out.raw(lane);
  return out.finish();
}
