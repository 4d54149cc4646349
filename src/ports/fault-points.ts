/**
 * Numbered moments at which a process may die. Production passes a no-op; the simulator kills a host at a drawn one; the
 * kill tests end the real process there with SIGKILL. A number never changes its meaning.
 */
export const FAULT_POINTS = [
  'after-receive', // step 1
  'after-load', // step 2
  'after-transition', // step 3
  'before-append', // step 4, the append not yet sent
  'after-append', // step 4, written, but this host has not acted on it
  'before-ack', // step 5
  'after-ack', // step 5, the outbox not yet performed
  'before-effect', // step 6
  'after-effect', // step 6, performed, its outcome not yet recorded
  'before-timer', // a timer is due, its event not yet taken
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

export interface FaultPoints {
  /** Returns at once in production. In the simulator the promise of a killed host never settles. */
  reach(point: FaultPoint): undefined | Promise<void>;
}

export const NO_FAULTS: FaultPoints = { reach: () => undefined };
