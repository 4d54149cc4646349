/**
 * This host's clocks.
 *
 * Monotonic time is CLOCK_MONOTONIC through `performance.now()`, cut to whole µs: it never goes back, and does not count
 * the time a machine sleeps.
 *
 * Timers are never early. Node's `setTimeout` alone is: it counts whole milliseconds from the *cached* time of the event
 * loop's turn, so after 5 ms of work in a turn a timer of 10 ms may fire 5 ms too soon. Here every firing looks at the clock
 * and, if it came too soon, waits for the rest. How late they are depends on the wait:
 *
 *   - under 0.2 ms: the event loop is turned (`setImmediate`) until the moment has come. It goes on serving I/O and burns at
 *     most that fifth of a millisecond, which other processes may want; the timer is late by a turn.
 *   - from there on: `setTimeout`, rounded up to whole milliseconds, usually 0–1.8 ms late. A rest is waited for likewise.
 *   - beyond 2³¹ − 1 ms, where `setTimeout` would fire at once: in stages.
 */
import type { Cancel, Clock } from '../../src/ports/clock.ts';

const TIMEOUT_MS_MAX = 2 ** 31 - 1;
const SPIN_BELOW_US = 200;

export function createSystemClock(): Clock {
  return { monotonicUs, wallUs, after };
}

const monotonicUs = (): number => Math.floor(performance.now() * 1000);

/** Whole milliseconds: the wall clock is for people, and `Date.now` follows it when it is set. */
const wallUs = (): number => Date.now() * 1000;

function after(delayUs: number, run: () => void): Cancel {
  // `monotonicUs` is cut off, so the true start may lie up to 1 µs later: add it, or the timer could be early by that.
  const dueUs = monotonicUs() + Math.ceil(Math.max(0, delayUs)) + (delayUs > 0 ? 1 : 0);
  let timeout: NodeJS.Timeout | undefined;
  let immediate: NodeJS.Immediate | undefined;
  const look = (): void => {
    timeout = undefined;
    immediate = undefined;
    const restUs = dueUs - monotonicUs();
    if (restUs <= 0) run();
    else wait(restUs);
  };
  const wait = (restUs: number): void => {
    if (restUs < SPIN_BELOW_US) immediate = setImmediate(look);
    else timeout = setTimeout(look, Math.min(TIMEOUT_MS_MAX, Math.ceil(restUs / 1000)));
  };
  wait(dueUs - monotonicUs());
  return () => {
    if (timeout !== undefined) clearTimeout(timeout);
    if (immediate !== undefined) clearImmediate(immediate);
  };
}
