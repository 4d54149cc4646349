/** Level-triggered work: a sweep looks at everything, and some time after its end the next one does. */
import type { Cancel, Clock } from '../src/ports/clock.ts';

/** Sweeps for the first time after `pauseUs`, and again `pauseUs` after each end, until it is cancelled. A sweep never rejects. */
export function sweeping(clock: Clock, pauseUs: number, sweep: () => Promise<void>): Cancel {
  let stopped = false;
  let waiting: Cancel;
  const next = (): void => {
    waiting = clock.after(pauseUs, () => {
      void sweep().finally(() => {
        if (!stopped) next();
      });
    });
  };
  next();
  return () => {
    stopped = true;
    waiting();
  };
}
