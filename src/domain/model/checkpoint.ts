import type { CheckpointNeeds } from './compatibility.ts';
import type { Digest, Mac, TaskName } from './ids.ts';

/** WebAssembly's page is 64 KiB; drover compares and stores 4 KiB pages, the grain at which real tasks dirty memory. */
export const PAGE_BYTES = 4096;
export const DIGEST_BYTES = 32;

/**
 * How far an instance has read its inputs: the stream sequence of the last input consumed (where to read on), the number
 * of the last data input and of the last tick (to see a gap).
 */
export interface InputCursor {
  readonly sequence: number;
  readonly dataNumber: number;
  readonly tickNumber: number;
}

export const START_OF_INPUTS: InputCursor = { sequence: 0, dataNumber: 0, tickNumber: 0 };

/** Checkpoints of one task are ordered by (epoch, sequence). */
export interface CheckpointOrder {
  readonly epoch: number;
  readonly sequence: number;
}

export const laterCheckpoint = (a: CheckpointOrder, b: CheckpointOrder): boolean =>
  a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence);

/** One checkpoint of one task, without its pages: what the ECU announces and a manager keeps. */
export interface CheckpointManifest extends CheckpointOrder {
  readonly task: TaskName;
  readonly mac: Mac;
  readonly incarnation: number;
  readonly programId: number;
  /** The instance's nonce. */
  readonly nonce: string;
  /** The sequence (same epoch) this one is an increment on; undefined for a full one. */
  readonly baseSequence: number | undefined;
  /** Size of the whole memory after this checkpoint, in 4 KiB pages. */
  readonly pageCount: number;
  /** Indexes of the pages this checkpoint carries, ascending; every page of the memory for a full one. */
  readonly pageIndexes: Uint32Array;
  /** `pageIndexes.length` digests of 32 bytes, in the same order. */
  readonly pageDigests: Uint8Array;
  /** All mutable globals, encoded by the runtime. */
  readonly globals: Uint8Array;
  /** Digest over the whole state (every page digest in order, then globals, then cursors): proves a rebuilt state. */
  readonly stateDigest: Digest;
  readonly input: InputCursor;
  /** Number of the last accepted output this state has produced. */
  readonly outputNumber: number;
  readonly artefact: Digest;
  /** What an ECU must offer to go on from here; absent in checkpoints of builds that did not say. */
  readonly needs?: CheckpointNeeds;
}

/** The newest durable checkpoint of a task, and which managers can rebuild it. */
export interface CheckpointReference extends CheckpointOrder {
  readonly task: TaskName;
  readonly input: InputCursor;
  readonly outputNumber: number;
  readonly stateDigest: Digest;
  readonly holders: readonly string[];
  /** As in the manifest: known before anything is moved. */
  readonly needs?: CheckpointNeeds;
}
