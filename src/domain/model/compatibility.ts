/**
 * What a checkpoint needs of an ECU, and what an ECU offers. Written into the manifest when the checkpoint is taken, by the
 * runtime that knows; compared by whoever plans a restore and again by the bridge that would take it, before a page is moved.
 */
import type { RuntimeKind } from './task.ts';

export interface CheckpointNeeds {
  readonly runtime: RuntimeKind;
  /** At least this version, from 1. */
  readonly runtimeVersion: number;
  /** Memory of the state itself. */
  readonly memoryBytes: number;
  /** As the runtime names them, e.g. `drover.output`. */
  readonly hostFunctions: readonly string[];
  /** Subjects the instance reads and writes; a last `>` stands for all below. */
  readonly subjects: readonly string[];
  readonly capabilities: readonly string[];
}

/** One runtime of an ECU: it runs what needs its version or an earlier one. */
export interface RuntimeOffer {
  readonly runtime: RuntimeKind;
  readonly version: number;
  readonly hostFunctions: readonly string[];
}
