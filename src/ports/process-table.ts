import type { ProcessIdentity } from '../domain/model/ecu.ts';

/** `elsewhere`: not a process of this boot of this host, so nothing can be said. A stopped process is `alive`. */
export type ProcessState = 'alive' | 'dead' | 'elsewhere';

/** This host's processes: the cheap way to confirm a death. */
export interface ProcessTable {
  /** The calling process. */
  self(): ProcessIdentity;
  look(process: ProcessIdentity): ProcessState;
}
