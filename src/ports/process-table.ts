import type { ProcessIdentity } from '../domain/model/ecu.ts';

/** This host's processes: the cheap way to confirm a death. */
export interface ProcessTable {
  /** The calling process. */
  self(): ProcessIdentity;
  /** `elsewhere`: not a process of this boot of this host, so nothing can be said. A stopped process is `alive`. */
  look(process: ProcessIdentity): 'alive' | 'dead' | 'elsewhere';
}
