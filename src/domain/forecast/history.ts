/**
 * The last values of a series, oldest first when read. Each value is written twice, half an array apart, so that any stretch of the past is
 * contiguous: `window(n)` is a place in the array, not a copy.
 */
import type { StateArena } from './state-arena.ts';

export class History {
  readonly capacity: number;
  /** Twice the capacity long. */
  readonly values: Float64Array;
  /** [0]: values ever pushed. */
  readonly #count: Float64Array;

  constructor(arena: StateArena, capacity: number) {
    this.capacity = capacity;
    this.values = arena.take(2 * capacity);
    this.#count = arena.take(1);
  }

  /** Values ever pushed. */
  get count(): number {
    return this.#count[0] as number;
  }

  /** Values kept. */
  get length(): number {
    return Math.min(this.count, this.capacity);
  }

  push(value: number): void {
    const at = this.count % this.capacity;
    this.values[at] = value;
    this.values[at + this.capacity] = value;
    this.#count[0] = this.count + 1;
  }

  /** Where the newest `length` values begin in `values`; they must be kept. */
  window(length: number): number {
    const end = ((this.count - 1) % this.capacity) + 1 + this.capacity;
    return end - length;
  }

  /** The value `steps` before the newest; the oldest kept where it is further back. */
  back(steps: number): number {
    const kept = this.length;
    if (kept === 0) return 0;
    const end = ((this.count - 1) % this.capacity) + this.capacity;
    return this.values[end - Math.min(steps, kept - 1)] as number;
  }
}
