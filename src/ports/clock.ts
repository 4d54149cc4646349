/** Time, as an argument. Integer microseconds. The only implementations are `infra/system` and `infra/sim`. */
export interface Clock {
  /** Never goes back; has no relation to any other host's. For every interval and every timer. */
  monotonicUs(): number;
  /** Microseconds since 1970 by this host's clock, which may be wrong and may jump. For people and records only. */
  wallUs(): number;
  /** Calls `run` once, not before `delayUs` have passed on the monotonic clock. */
  after(delayUs: number, run: () => void): Cancel;
}

/** Stops something that was started. Calling it twice, or too late, does nothing. */
export type Cancel = () => void;
