/**
 * How many operands a function keeps on its stack at most: what the stack count charges for, besides locals.
 *
 * Counted as the validation algorithm counts (core specification, appendix A.3), but heights alone, no types: a block
 * starts at its parameters and ends at its results, and code after an unconditional branch starts again at the block's
 * bottom. Vector instructions are taken to leave as many operands as they found, which can only count too many. Of a
 * module that does not validate it says something or other: V8 refuses that module afterwards.
 */
import type { Signature } from './abi.ts';
import { type Instruction, misc, op, simd, simpleOperands } from './instructions.ts';

export interface FunctionTypes {
  readonly types: readonly (Signature | undefined)[];
  /** Of the function with this index, imports first. */
  readonly functions: readonly (Signature | undefined)[];
}

interface Frame {
  readonly bottom: number;
  readonly parameters: number;
  readonly results: number;
}

export function operandHeight(source: Uint8Array, instructions: readonly Instruction[], known: FunctionTypes): number {
  const frames: Frame[] = [{ bottom: 0, parameters: 0, results: 0 }];
  let height = 0;
  let highest = 0;
  for (const instruction of instructions) {
    const { opcode } = instruction;
    const frame = frames.at(-1);
    if (frame === undefined) break;
    if (opcode === op.block || opcode === op.loop || opcode === op.if) {
      const { parameters, results } = blockArity(source, instruction, known);
      if (opcode === op.if) height--;
      frames.push({ bottom: height - parameters, parameters, results });
    } else if (opcode === op.else) height = frame.bottom + frame.parameters;
    else if (opcode === op.end) {
      frames.pop();
      height = frame.bottom + frame.results;
    } else if (endsBlock(opcode)) height = frame.bottom;
    else height = Math.max(height + change(instruction, known), frame.bottom);
    highest = Math.max(highest, height);
  }
  return highest;
}

const endsBlock = (opcode: number): boolean =>
  opcode === op.unreachable ||
  opcode === op.br ||
  opcode === op.brTable ||
  opcode === op.return ||
  opcode === op.returnCall ||
  opcode === op.returnCallIndirect;

/** Results minus operands. */
function change(instruction: Instruction, { types, functions }: FunctionTypes): number {
  const { opcode, page, index } = instruction;
  const operands = simpleOperands(instruction);
  if (operands !== undefined) return 1 - operands;
  if (opcode === op.call) return difference(functions[index]);
  if (opcode === op.callIndirect) return difference(types[index]) - 1;
  if (opcode === op.select || opcode === op.selectTyped) return -2;
  if (opcode === op.brIf || opcode === op.drop || opcode === op.localSet || opcode === op.globalSet) return -1;
  if (opcode >= op.firstStore && opcode <= op.lastStore) return -2;
  if (opcode === op.misc) return page >= misc.memoryInit && page <= misc.memoryFill ? -3 : 1;
  if (opcode === op.simd) return page === simd.v128Const ? 1 : page === simd.v128Store ? -2 : 0;
  return opcode === op.refNull || opcode === op.refFunc ? 1 : 0;
}

const difference = (signature: Signature | undefined): number =>
  signature === undefined ? 0 : signature.results.length - signature.parameters.length;

function blockArity(
  source: Uint8Array,
  { start }: Instruction,
  { types }: FunctionTypes,
): { readonly parameters: number; readonly results: number } {
  const first = source[start + 1] ?? 0x40;
  if (first === 0x40) return { parameters: 0, results: 0 };
  // A value type is a negative number of one byte; a type index is a positive one.
  if (first > 0x40 && first < 0x80) return { parameters: 0, results: 1 };
  let index = 0;
  for (let at = start + 1, scale = 1; ; at++, scale *= 0x80) {
    const byte = source[at] ?? 0;
    index += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  const type = types[index];
  return { parameters: type?.parameters.length ?? 0, results: type?.results.length ?? 0 };
}
