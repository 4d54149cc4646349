/**
 * Inputs that have arrived and are not consumed, in stream order. Each is taken once, and only as the one after the cursor (I3 in
 * `instance-core.ts`); what was taken and not run comes back to its place.
 */
import type { InputCursor } from '../model/checkpoint.ts';
import { advance, contiguityOf } from '../task/contiguity.ts';
import type { InstanceInput, JobFailed } from './requests.ts';

/** Jobs asked for at a time where inputs wait: a job may cost less than the way to its program and back. */
const JOBS_MAX = 32;

export class InputQueue {
  private readonly inputs: InstanceInput[] = [];
  private head = 0;

  get waiting(): number {
    return this.inputs.length - this.head;
  }

  /** Of the last one that arrived and waits; undefined: none does. */
  get lastSequence(): number | undefined {
    return this.inputs[this.inputs.length - 1]?.sequence;
  }

  arrived(input: InstanceInput): void {
    this.inputs.push(input);
  }

  /** The next inputs after the cursor, perhaps none; or why there can be none. */
  take(from: InputCursor): readonly InstanceInput[] | JobFailed {
    const taken: InstanceInput[] = [];
    let cursor = from;
    for (; taken.length < JOBS_MAX && this.head < this.inputs.length; this.head++) {
      const input = this.inputs[this.head] as InstanceInput;
      const contiguity = contiguityOf(cursor, input);
      if (contiguity.kind === 'gap') {
        if (taken.length > 0) break;
        const { expectedNumber, firstNumber } = contiguity;
        const sentence = `the next ${input.kind} is number ${firstNumber}, expected was ${expectedNumber}`;
        return { code: 'ERR_INPUT_GAP', sentence };
      }
      this.inputs[this.head] = undefined as never;
      if (contiguity.kind === 'duplicate') continue;
      cursor = advance(cursor, input, input.sequence);
      taken.push(input);
    }
    return taken;
  }

  /** Of what was taken last, the first `consumed` are over; the others are the next again. */
  settle(taken: readonly InstanceInput[], consumed: number): void {
    for (let index = taken.length - 1; index >= consumed; index--) {
      this.head--;
      this.inputs[this.head] = taken[index] as InstanceInput;
    }
    // The places of inputs that were taken are kept until here, for those that come back.
    if (this.head < this.inputs.length && this.head <= 1024) return;
    this.inputs.splice(0, this.head);
    this.head = 0;
  }

  /** What waits, which waits here no longer. */
  drain(): readonly InstanceInput[] {
    const waiting = this.inputs.slice(this.head);
    this.clear();
    return waiting;
  }

  clear(): void {
    this.inputs.length = 0;
    this.head = 0;
  }
}
