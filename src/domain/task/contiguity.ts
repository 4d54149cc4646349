/**
 * Is the next input the one after the cursor? An instance whose next input is not, stops and says so: an input that was
 * trimmed or lost would otherwise change its outputs silently.
 *
 *   data:  number = last data number + 1 (nobody skips data)
 *   tick:  number = last tick number + 1 + skipped (ticks.ts, K1)
 */
import { type InputCursor, START_OF_INPUTS } from '../model/checkpoint.ts';

export interface InputNumber {
  readonly kind: 'data' | 'tick';
  readonly number: number;
  /** Ticks skipped before this one; 0 for data. */
  readonly skipped: number;
}

export type Contiguity =
  | { readonly kind: 'ok' }
  /** Consumed already: drop it. */
  | { readonly kind: 'duplicate' }
  /** `firstNumber` is what this input accounts for first (its own number less what it skipped); `expectedNumber` was next. */
  | { readonly kind: 'gap'; readonly expectedNumber: number; readonly firstNumber: number };

const OK: Contiguity = { kind: 'ok' };
const DUPLICATE: Contiguity = { kind: 'duplicate' };

export function contiguityOf(cursor: InputCursor, input: InputNumber): Contiguity {
  const last = input.kind === 'data' ? cursor.dataNumber : cursor.tickNumber;
  if (input.number <= last) return DUPLICATE;
  const firstNumber = input.kind === 'data' ? input.number : input.number - input.skipped;
  // A tick that claims to have skipped what was consumed contradicts K1 just as one that leaves a hole.
  return firstNumber === last + 1 ? OK : { kind: 'gap', expectedNumber: last + 1, firstNumber };
}

/**
 * Why an instance must not start at `cursor` (undefined: the first input): what it would read next may have been trimmed. It
 * would find out by a gap, but only once another input comes, and a task without a next input would never find out.
 */
export function belowTrimMark(cursor: InputCursor = START_OF_INPUTS, mark: InputCursor = START_OF_INPUTS): string | undefined {
  if (cursor.sequence >= mark.sequence) return undefined;
  return `its state has read inputs up to sequence ${cursor.sequence}, and those up to ${mark.sequence} may be gone`;
}

/** The cursor after an input that was `ok`, read at `sequence` of its stream. */
export function advance(cursor: InputCursor, input: InputNumber, sequence: number): InputCursor {
  return input.kind === 'data'
    ? { sequence, dataNumber: input.number, tickNumber: cursor.tickNumber }
    : { sequence, dataNumber: cursor.dataNumber, tickNumber: input.number };
}
