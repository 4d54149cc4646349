/**
 * Request and reply between processes of one machine, past the broker (DESIGN 5: co-located manager and bridge take the local
 * path). It carries the very messages that the bus would, so whoever answers need not know which way they came.
 *
 * W1. Who may connect is decided by the permissions of files: only processes of the same user can. What comes is believed no
 *     more than what comes over the bus.
 * W2. Never a reason to fail: where nobody serves, or no answer comes in time, the bus is asked.
 */
import type { Cancel } from './clock.ts';

export interface LocalPath {
  /** The answer of whoever serves this subject on this machine, or undefined: then ask over the bus. Never fails. */
  request(subject: string, payload: Uint8Array, options: { readonly timeoutUs: number }): Promise<Uint8Array | undefined>;
  /** Until cancelled. Where that cannot be done it is logged, and everybody asks over the bus. */
  serve(subject: string, handler: (payload: Uint8Array) => Promise<Uint8Array>): Promise<Cancel>;
}
