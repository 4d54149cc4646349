/**
 * How much a series moves: now, in general, and for how long it has stood still. Sensors that are read more often than they measure stand still
 * most of the time and then move; how long ago the last change was says when the next one comes.
 */
import type { StateArena } from './state-arena.ts';

/** How quickly the usual size of a change follows: now, and in general. */
const MOVING_RATE = 0.05;
const GENERAL_RATE = 0.002;
/** What is small in a network's eyes counts at least as a share of what is usual in general. */
const GENERAL_SHARE = 0.3;

const MOVING = 0;
const GENERAL = 1;
const STILL = 2;

export class ChangeSizes {
  readonly #state: Float64Array;

  constructor(arena: StateArena) {
    this.#state = arena.take(3);
  }

  /** Takes in the change at `step`, the first one at 1. */
  push(step: number, size: number): void {
    const s = this.#state;
    s[MOVING] = (s[MOVING] as number) + Math.max(MOVING_RATE, 1 / step) * (size - (s[MOVING] as number));
    s[GENERAL] = (s[GENERAL] as number) + Math.max(GENERAL_RATE, 1 / step) * (size - (s[GENERAL] as number));
    s[STILL] = size === 0 ? (s[STILL] as number) + 1 : 0;
  }

  /** A step of which nothing is known. */
  pass(): void {
    this.#state[STILL] = (this.#state[STILL] as number) + 1;
  }

  get general(): number {
    return this.#state[GENERAL] as number;
  }

  /** A usual change now; never far below a usual one. */
  get now(): number {
    return (this.#state[MOVING] as number) + GENERAL_SHARE * (this.#state[GENERAL] as number);
  }

  /** Steps since the last change. */
  get still(): number {
    return this.#state[STILL] as number;
  }
}
