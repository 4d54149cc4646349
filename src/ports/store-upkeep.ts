import type { CheckpointOrder } from '../domain/model/checkpoint.ts';
import type { TaskName } from '../domain/model/ids.ts';

/**
 * What keeps a durable store trustworthy while nobody asks for its contents: looking for damage before it is needed, and
 * saying what is damaged, so that it can be fetched again.
 *
 * U1. What does not have its digest is set aside with the reason, never served, and counts as missing until it is put again.
 * U2. `damaged` names every checkpoint that was stored here and cannot be rebuilt because of damage that has been noticed.
 */
export interface StoreUpkeep {
  usage(): StoreUsage;
  /** Verifies the next few pages by digest, going round for ever; damage is set aside. */
  scrub(pagesMax: number): Promise<ScrubResult>;
  /** Newest first within a task. Empty, and free, while nothing is damaged. */
  damaged(): readonly DamagedCheckpoint[];
}

export interface StoreUsage {
  readonly bytes: number;
  readonly bytesMax: number;
  /** Pages and manifests that wait to be repaired. */
  readonly damagedPages: number;
  readonly damagedManifests: number;
}

export interface ScrubResult {
  readonly checked: number;
  readonly damaged: number;
  /** The round is over: the next call begins anew. */
  readonly wrapped: boolean;
}

export interface DamagedCheckpoint extends CheckpointOrder {
  readonly task: TaskName;
  readonly what: 'manifest' | 'pages';
  readonly pages: number;
  readonly reason: string;
}
