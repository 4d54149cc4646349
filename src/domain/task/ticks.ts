/**
 * When ticks fall due, and how they are numbered.
 *
 * A tick is an input that says "a period has passed". Ticks are numbered from 1 by the periods that have passed, made up or
 * not, and a tick says how many before it were skipped:
 *
 *   K1. number = previous number + 1 + skipped.   So whoever consumes the stream sees that nothing is missing.
 *   K2. The phase is kept: the n-th tick is due at `origin + n · period`, however late the one before was appended.
 *   K3. A tick is never early.
 *   K4. Without catching up, any number of missed periods gives one tick. With it, one tick each, at most `catchUpMax` for
 *       one wake-up; what is above that is skipped and counted in the first one's `skipped`.
 *
 * Only the caller's monotonic clock is used. A ticker that takes over on another host knows the last tick's number from the
 * stream and *estimates* how long ago it was (`resumeTicks`); a wrong estimate moves the phase, never the numbering.
 */
import { assert } from '../kernel/assert.ts';

export interface TickPolicy {
  readonly periodUs: number;
  readonly catchUp: boolean;
  /** Most ticks made up at one wake-up; the task's backlog bound is a good choice. At least 1. */
  readonly catchUpMax: number;
}

export interface TickState {
  /** Number of the last tick appended; 0 before the first. */
  readonly number: number;
  /** When the next one is due, monotonic µs. */
  readonly dueUs: number;
}

export interface Tick {
  readonly number: number;
  readonly skipped: number;
}

export interface DueTicks {
  /** In the order in which they are to be appended; empty while nothing is due. */
  readonly ticks: readonly Tick[];
  /** The state once all of them are appended. */
  readonly next: TickState;
}

/** A task that starts for the first time: its first tick is due one period from now. */
export const startTicks = (policy: TickPolicy, nowUs: number): TickState => ({ number: 0, dueUs: nowUs + policy.periodUs });

/** Goes on after the tick `lastNumber`, which fell due `sinceLastUs` ago as far as anybody knows (negative counts as 0). */
export function resumeTicks(
  policy: TickPolicy,
  last: { readonly lastNumber: number; readonly sinceLastUs: number; readonly nowUs: number },
): TickState {
  return { number: last.lastNumber, dueUs: last.nowUs - Math.max(0, last.sinceLastUs) + policy.periodUs };
}

/** What is due at `nowUs`. */
export function dueTicks(policy: TickPolicy, state: TickState, nowUs: number): DueTicks {
  assert(Number.isInteger(policy.periodUs) && policy.periodUs > 0, 'a ticking task has a period of whole microseconds');
  assert(policy.catchUpMax >= 1, 'at least one tick is made up at a wake-up');
  if (nowUs < state.dueUs) return { ticks: [], next: state };
  const passed = 1 + Math.floor((nowUs - state.dueUs) / policy.periodUs);
  const made = policy.catchUp ? Math.min(passed, policy.catchUpMax) : 1;
  const ticks: Tick[] = [{ number: state.number + 1 + (passed - made), skipped: passed - made }];
  for (let more = 1; more < made; more++) ticks.push({ number: state.number + 1 + (passed - made) + more, skipped: 0 });
  return { ticks, next: { number: state.number + passed, dueUs: state.dueUs + passed * policy.periodUs } };
}

/**
 * Another ticker appended tick `seen` meanwhile (the append was refused): go on from it. The due time moves with the
 * numbers, so that the phase stays that of this ticker.
 */
export function adoptTick(policy: TickPolicy, state: TickState, seen: number): TickState {
  return { number: seen, dueUs: state.dueUs + (seen - state.number) * policy.periodUs };
}
