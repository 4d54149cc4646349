import type { CheckpointManifest, CheckpointOrder } from '../domain/model/checkpoint.ts';
import type { TaskName } from '../domain/model/ids.ts';

/**
 * Pages and manifests, content-addressed. Used by managers (durable) and by a bridge for the local path (survives the
 * process, not necessarily the power).
 *
 * S1. `put` is all or nothing, and refuses (ERR_STORE_CORRUPT) pages that do not have the digests the manifest names.
 * S2. A checkpoint is *stored* when its whole chain down to a full one is here: `put` answers whether it is.
 * S3. What `rebuild` returns has the manifest's `stateDigest`, or it fails with ERR_STORE_CORRUPT / ERR_STORE_MISSING.
 */
export interface CheckpointStore {
  /** Indexes (positions within `manifest.pageIndexes`) of pages that are not here yet. */
  missing(manifest: CheckpointManifest): Uint32Array;
  /** `pages`: the bytes at the positions that `missing` named, concatenated. */
  put(manifest: CheckpointManifest, pages: Uint8Array): Promise<{ readonly stored: boolean }>;
  /** The newest checkpoint of the task that can be rebuilt here. */
  newest(task: TaskName): CheckpointManifest | undefined;
  find(task: TaskName, epoch: number, sequence: number): CheckpointManifest | undefined;
  rebuild(task: TaskName, epoch: number, sequence: number): Promise<RebuiltState>;
  /** Drops what no kept checkpoint needs: everything of the task before the oldest one to keep. Returns bytes freed. */
  retain(task: TaskName, oldest: { readonly epoch: number; readonly sequence: number }): Promise<number>;
  /** Drops what is not named: also from between kept ones. The newest that can be rebuilt always stays. Returns bytes freed. */
  keepOnly(task: TaskName, kept: readonly CheckpointOrder[]): Promise<number>;
  tasks(): readonly TaskName[];
  /** Of a task, oldest first; damaged ones may be among them. */
  orders(task: TaskName): readonly CheckpointOrder[];
  close(): Promise<void>;
}

export interface RebuiltState {
  /** The manifest of the checkpoint asked for (an increment, or a full one). */
  readonly manifest: CheckpointManifest;
  /** The whole memory, `manifest.pageCount` × 4096 bytes. */
  readonly memory: Uint8Array;
  /** The digest of every page of `memory`, 32 bytes each. */
  readonly pageDigests: Uint8Array;
  readonly globals: Uint8Array;
}
