/**
 * What comes from a sensor, made into a regular series: one finite number a step. What had to be made up is counted, and a series that should
 * not be trusted is said to be degraded, with the reason, rather than forecast with wrong certainty.
 *
 *   no number, or an infinity      the value before it; counts as missing, models learn nothing from it, bands grow while it lasts
 *   a leap far beyond any before   not believed twice, as if missing; the third in a row is the new level
 *   a gap between two times        as many missing values as steps, at most GAP_MOST; the series then goes on from the new value
 *   the same time again            the second value is not taken
 *   the clock goes back            taken as the next step; degraded for CLOCK_STEPS
 *   the value stands still         degraded once it has for STUCK_LEAST values and four times as long as ever before
 *   nothing ever changed           no model is fitted: the last value, a band of no width, degraded
 */
import type { StateArena } from './state-arena.ts';

export type Degraded =
  /** Too few values yet. */
  | 'warming'
  /** It has never changed. */
  | 'constant'
  /** The newest values are missing, or many of the last. */
  | 'missing'
  /** It changed before, and has stood still for strangely long. */
  | 'stuck'
  /** The clock of the samples went back not long ago. */
  | 'clock';

export const GAP_MOST = 60;
const CLOCK_STEPS = 60;
const STUCK_LEAST = 60;
const STUCK_TIMES = 4;
/** Of the last hundred values or so. */
const MISSING_SHARE = 0.2;
const MISSING_RATE = 0.02;
/** A leap is one of so many times the largest change so far, once there have been enough of them. */
const LEAP_TIMES = 50;
const LEAP_CHANGES = 60;
const LEAPS_DOUBTED = 2;

/** Places in the state. */
const SEEN = 0;
const VALUE = 1;
const MISSING_RUN = 2;
const MISSING_MEAN = 3;
const RUN = 4;
const RUN_LONGEST = 5;
const CHANGES = 6;
const LAST_US = 7;
const CLOCK_LEFT = 8;
const HAS_TIME = 9;
const LARGEST = 10;
const DOUBTED = 11;

export class Intake {
  readonly #state: Float64Array;

  constructor(arena: StateArena) {
    this.#state = arena.take(12);
  }

  /** How many steps have passed since the sample before, `undefined` when this one is not to be taken. */
  steps(atUs: number, periodUs: number): number | undefined {
    const s = this.#state;
    const before = s[LAST_US] as number;
    const first = s[HAS_TIME] === 0;
    const steps = Math.round((atUs - before) / periodUs);
    if (!first && steps === 0 && atUs >= before) return undefined;
    s[HAS_TIME] = 1;
    s[LAST_US] = atUs;
    if (first) return 1;
    if (atUs < before) {
      s[CLOCK_LEFT] = CLOCK_STEPS;
      return 1;
    }
    return Math.min(steps, GAP_MOST + 1);
  }

  /** The number that stands for `value` in the series; 0 where none has come yet. */
  take(value: number): number {
    const s = this.#state;
    if ((s[CLOCK_LEFT] as number) > 0) s[CLOCK_LEFT] = (s[CLOCK_LEFT] as number) - 1;
    const missing = !Number.isFinite(value) || this.#isDoubted(value);
    s[MISSING_MEAN] = (s[MISSING_MEAN] as number) + MISSING_RATE * ((missing ? 1 : 0) - (s[MISSING_MEAN] as number));
    if (missing) {
      s[MISSING_RUN] = (s[MISSING_RUN] as number) + 1;
      return s[VALUE] as number;
    }
    s[MISSING_RUN] = 0;
    if ((s[SEEN] as number) > 0 && value !== s[VALUE]) {
      s[CHANGES] = (s[CHANGES] as number) + 1;
      s[LARGEST] = Math.max(s[LARGEST] as number, Math.abs(value - (s[VALUE] as number)));
      s[RUN_LONGEST] = Math.max(s[RUN_LONGEST] as number, s[RUN] as number);
      s[RUN] = 0;
    }
    s[RUN] = (s[RUN] as number) + 1;
    s[SEEN] = (s[SEEN] as number) + 1;
    s[VALUE] = value;
    return value;
  }

  #isDoubted(value: number): boolean {
    const s = this.#state;
    const isLeap =
      (s[CHANGES] as number) >= LEAP_CHANGES && Math.abs(value - (s[VALUE] as number)) > LEAP_TIMES * (s[LARGEST] as number);
    s[DOUBTED] = isLeap ? (s[DOUBTED] as number) + 1 : 0;
    return isLeap && (s[DOUBTED] as number) <= LEAPS_DOUBTED;
  }

  /** Finite values so far. */
  get seen(): number {
    return this.#state[SEEN] as number;
  }

  /** Values missing since the last one that came. */
  get missingRun(): number {
    return this.#state[MISSING_RUN] as number;
  }

  degraded(warmUp: number): Degraded | undefined {
    const s = this.#state;
    if ((s[SEEN] as number) < warmUp) return 'warming';
    if (s[CHANGES] === 0) return 'constant';
    if ((s[MISSING_RUN] as number) > 1 || (s[MISSING_MEAN] as number) > MISSING_SHARE) return 'missing';
    const run = s[RUN] as number;
    if (run >= STUCK_LEAST && run > STUCK_TIMES * (s[RUN_LONGEST] as number)) return 'stuck';
    return (s[CLOCK_LEFT] as number) > 0 ? 'clock' : undefined;
  }
}
