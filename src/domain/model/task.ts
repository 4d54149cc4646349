/**
 * What a task is before and after it is deployed: its spec, in the units the analysis and the wire use. Plain data, checked once
 * where it enters (`task-file.ts`, the codec); everything behind that takes it as consistent.
 */
import type { Digest, Mac, TaskName } from './ids.ts';

export type RuntimeKind = 'wasm' | 'worker' | 'process' | 'container';

/** What kind of compute unit a task wants or an ECU is. */
export type ResourceKind = 'cpu' | 'gpu' | 'fpga' | 'asic';

/**
 * Everything drover knows of a task before it runs. Times are integer microseconds. A spec is immutable: a redeploy is a
 * new spec under the same name.
 */
export interface TaskSpec {
  readonly name: TaskName;
  readonly runtime: RuntimeKind;
  /** The artefact in the object store, after the deploy pass, by digest. */
  readonly artefact: Digest;
  readonly artefactBytes: number;
  /** Ticks are appended every `periodUs`; 0 means the task runs on data alone. */
  readonly periodUs: number;
  readonly wcetUs: number;
  /** Relative to the release of a job; at most `periodUs` where there is one, unless the task says otherwise. */
  readonly deadlineUs: number;
  /** Fixed priority on its ECU; a larger number is more urgent. */
  readonly priority: number;
  /** 0 (may be shed first) … 4 (shed last), as QM and ASIL A–D. */
  readonly criticality: number;
  /** A deadline that must never be missed: placement refuses what the exact test refuses. */
  readonly hardDeadline: boolean;
  /** Upper bound of the linear memory, reserved up front. */
  readonly memoryBytesMax: number;
  /** What the ECU must offer, e.g. `can0`, `fpu`. */
  readonly capabilities: readonly string[];
  readonly affinity: Affinity;
  readonly reservation: Reservation | undefined;
  readonly checkpoint: CheckpointPolicy;
  readonly inputs: InputPolicy;
  /** Loop iterations and calls one job may use before it is stopped: a deterministic bound, the same on every ECU. */
  readonly fuelPerJob: number;
}

export interface Affinity {
  readonly requiredEcus: readonly Mac[];
  readonly preferredEcus: readonly Mac[];
  readonly requiredLabels: Readonly<Record<string, string>>;
  readonly preferredLabels: Readonly<Record<string, string>>;
  readonly resourceKind: ResourceKind | undefined;
  /** Tasks that should share this task's ECU, and tasks that must not. */
  readonly together: readonly TaskName[];
  readonly apart: readonly TaskName[];
}

/** Capacity kept free for the task wherever it runs. */
export interface Reservation {
  readonly cpuPpm: number;
  readonly memoryBytes: number;
}

/** More copies than that are a matter for a quorum of managers. */
export const STANDBYS_MAX = 4;

export interface CheckpointPolicy {
  /** At least this long between two checkpoints; taken at the first job boundary after. */
  readonly intervalUs: number;
  /** A full checkpoint after this many increments on one base. */
  readonly chainMax: number;
  /** Managers that must have stored a checkpoint before the ECU frees what it needs. */
  readonly quorum: number;
  /** ECUs that keep a copy of the newest state at hand (`actors/standby.ts`), so that a restore there moves nothing. */
  readonly standbys: number;
}

export interface InputPolicy {
  /** Messages the task may lag behind before the oldest unread are refused at the source. */
  readonly backlogMax: number;
  /** Whether ticks that fell due while the task was down are made up (true) or skipped and counted (false). */
  readonly catchUpTicks: boolean;
  /** The task whose outputs are its data, each once and in order (docs/CHAINS.md); undefined: whoever feeds it. */
  readonly from?: TaskName | undefined;
}

export const NO_AFFINITY: Affinity = {
  requiredEcus: [],
  preferredEcus: [],
  requiredLabels: {},
  preferredLabels: {},
  resourceKind: undefined,
  together: [],
  apart: [],
};
