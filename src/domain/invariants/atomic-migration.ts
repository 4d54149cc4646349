/**
 * atomic-migration (DESIGN 2): at every moment a migration either left the source owning or the target owning.
 *
 *   A1. One that has come to its end without an epoch left the source running, as if nothing had been.
 *   A2. An epoch that a migration (or a restore) took is answered for: when it has come to its end, the placement is no longer only
 *       `assigned` in that epoch.
 *   A3. What it calls its commit is on the placement's record.
 *   A4. A source that has handed its state over stands still until the abort is on the placement's record.
 *   A5. The source is stopped only when the target's epoch, or a later one, has a durable checkpoint, or has had its time to get one.
 *   A7. A source that its target keeps up with goes on until the target's epoch is taken.
 *   A6. Nobody writes in an epoch that the placement has not given.
 */
import type { ActorKey, TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

export interface PlacementThen {
  readonly state: string;
  readonly epoch: number;
  readonly takenBy: ActorKey | undefined;
}

/** Of the source, where it lives in its incarnation: what it does with the instance of the epoch that the migration leaves. */
export type SourceDoes = 'runs' | 'stands-still' | 'has-it-not' | 'is-dead';

export interface MigrationThen {
  readonly actor: ActorKey;
  readonly task: TaskName;
  readonly expectedEpoch: number;
  /** The migration's own state, and what its record says. */
  readonly state: string;
  readonly tookEpoch: number | undefined;
  readonly handedOver: boolean;
  /** Its target keeps up with it. */
  readonly following: boolean;
  readonly placement: PlacementThen;
  readonly source: SourceDoes;
}

export function tornMigration(then: MigrationThen): Violation | undefined {
  const { actor, task, expectedEpoch, state, tookEpoch, handedOver, following, placement, source } = then;
  const report = (sentence: string): Violation => ({
    invariant: 'atomic-migration',
    sentence: `${task}: ${sentence}`,
    details: {
      actor,
      task,
      expectedEpoch,
      tookEpoch,
      migration: state,
      source,
      state: placement.state,
      epoch: placement.epoch,
    },
  });
  const isUntouched = placement.epoch === expectedEpoch && placement.state === 'owned';
  const isGivenUp = state === 'rejected' || state === 'aborted';
  if (isGivenUp && isUntouched && (source === 'stands-still' || source === 'has-it-not'))
    return report(
      `${actor} ended without a move, and the source ${source === 'has-it-not' ? 'runs it no more' : 'stands still'} (A1)`,
    );
  if (
    tookEpoch !== undefined &&
    (placement.epoch < tookEpoch || (placement.epoch === tookEpoch && placement.takenBy !== actor))
  )
    return report(`${actor} took epoch ${tookEpoch}, and the placement has not given it (A3)`);
  const mayGoOn = isGivenUp || state === 'rollingBack.resuming' || isUntouched;
  if (handedOver && !mayGoOn && source === 'runs')
    return report(`the source goes on and no abort of ${actor} is on record (A4)`);
  if (following && placement.epoch === expectedEpoch && source === 'stands-still')
    return report(`the source stands still although ${actor} keeps up with it (A7)`);
  const isOver = state === 'done' || state === 'superseded';
  return isOver && tookEpoch !== undefined ? unansweredEpoch({ actor, task, tookEpoch, placement }) : undefined;
}

/** A2, also of restores. */
export function unansweredEpoch(ended: {
  readonly actor: ActorKey;
  readonly task: TaskName;
  readonly tookEpoch: number | undefined;
  readonly placement: PlacementThen;
}): Violation | undefined {
  const { actor, task, tookEpoch, placement } = ended;
  if (tookEpoch === undefined || placement.state !== 'assigned' || placement.epoch !== tookEpoch || placement.takenBy !== actor)
    return undefined;
  return {
    invariant: 'atomic-migration',
    sentence: `${task}: ${actor} took epoch ${tookEpoch}, ended, and nobody owns the task (A2)`,
    details: { actor, task, tookEpoch, state: placement.state, epoch: placement.epoch },
  };
}

/** A5: `storedBy` are the managers, not on the owner's machine, that said they can rebuild a checkpoint of that epoch or a later one. */
export function droppedEarly(said: {
  readonly actor: ActorKey;
  readonly task: TaskName;
  readonly tookEpoch: number;
  readonly storedBy: number;
  readonly quorum: number;
}): Violation | undefined {
  const { actor, task, tookEpoch, storedBy, quorum } = said;
  if (storedBy >= quorum) return undefined;
  return {
    invariant: 'atomic-migration',
    sentence: `${task}: ${actor} lets the source's state go, and ${storedBy} of ${quorum} managers have a checkpoint of epoch ${tookEpoch} (A5)`,
    details: said,
  };
}

/** A6. */
export function writesUngiven(task: TaskName, epoch: number, given: number): Violation | undefined {
  if (epoch <= given) return undefined;
  return {
    invariant: 'atomic-migration',
    sentence: `${task}: an instance writes in epoch ${epoch}, and the placement is at ${given} (A6)`,
    details: { task, epoch, given },
  };
}
