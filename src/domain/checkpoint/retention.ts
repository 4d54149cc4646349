/**
 * Which checkpoints of a task may go.
 *
 * The newest durable one is what a restore asks for, so it and what it stands on stay. Newer ones may become durable any
 * moment, so they stay. Of the older ones `keepBefore` stay, for a restore that finds the newest damaged everywhere.
 */
import type { CheckpointOrder } from '../model/checkpoint.ts';
import { laterCheckpoint } from '../model/checkpoint.ts';

export interface RetentionPolicy {
  /** Checkpoints older than the newest durable one that are kept as well. */
  readonly keepBefore: number;
}

/**
 * The oldest checkpoint to keep (the argument of the store's `retain`), or undefined when everything stays: nothing is
 * durable yet, or there is nothing old enough to drop.
 */
export function oldestToKeep<Order extends CheckpointOrder>(
  checkpoints: readonly Order[],
  newestDurable: CheckpointOrder | undefined,
  policy: RetentionPolicy,
): CheckpointOrder | undefined {
  if (newestDurable === undefined) return undefined;
  const before = checkpoints
    .filter((checkpoint) => laterCheckpoint(newestDurable, checkpoint))
    .sort((a, b) => (laterCheckpoint(a, b) ? -1 : 1));
  if (before.length <= policy.keepBefore) return undefined;
  const oldest = before[policy.keepBefore - 1] ?? newestDurable;
  return { epoch: oldest.epoch, sequence: oldest.sequence };
}
