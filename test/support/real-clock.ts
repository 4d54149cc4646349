import type { Clock } from '../../src/ports/clock.ts';

/** This machine's clock, for tests that run against real processes. */
export const realClock: Clock = {
  monotonicUs: () => Math.floor(performance.now() * 1000),
  wallUs: () => Date.now() * 1000,
  after(delayUs, run) {
    const timer = setTimeout(run, Math.ceil(delayUs / 1000));
    return () => {
      clearTimeout(timer);
    };
  },
};
