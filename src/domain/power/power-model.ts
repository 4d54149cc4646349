/**
 * What an ECU takes, by the model that its description states: a line in its load while it is awake, a constant for each way to sleep.
 *
 *   awake    P = idle + (busy − idle) · load
 *   asleep   P = watts of the state; falling asleep and waking cost its joules together, whenever they happen
 */
import type { EcuPower, SleepState } from '../model/ecu.ts';

export const awakeWatts = ({ idleWatts, busyWatts }: EcuPower, load: number): number =>
  idleWatts + Math.max(0, busyWatts - idleWatts) * Math.min(1, Math.max(0, load));

/** The one that takes the least, of those that wake in time; undefined: it cannot. */
export function deepestSleep({ sleep }: EcuPower, wakeUsMost: number): SleepState | undefined {
  let best: SleepState | undefined;
  for (const state of sleep) if (state.wakeUs <= wakeUsMost && (best === undefined || state.watts < best.watts)) best = state;
  return best;
}

/** For how long it must sleep at least, to be worth it; Infinity where it never is. */
export function worthAfterS({ idleWatts }: EcuPower, { watts, wakeJoules }: SleepState): number {
  return idleWatts > watts ? wakeJoules / (idleWatts - watts) : Number.POSITIVE_INFINITY;
}
