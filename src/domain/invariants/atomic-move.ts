/**
 * atomic-migration (DESIGN 2), as far as tasks are moved today (by an arbiter that was asked to, `move`): at every moment a move
 * either left the source owning or the target owning.
 *
 *   M1. A move that has come to its end without an epoch left the source running, as if nothing had been.
 *   M2. An epoch that a move (or any restore) took is answered for: when its arbiter has come to its end, the placement is no
 *       longer only `assigned` in that epoch.
 */
import type { ActorKey, TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

export interface EndedMove {
  readonly actor: ActorKey;
  readonly task: TaskName;
  /** The epoch that was there when the move was asked for, and the one that it took. */
  readonly expectedEpoch: number;
  readonly tookEpoch: number | undefined;
  readonly placement: { readonly state: string; readonly epoch: number; readonly takenBy: ActorKey | undefined };
  /** Whether the source, where it lives in its incarnation, still runs the instance of `expectedEpoch`; undefined: it died. */
  readonly sourceRuns: boolean | undefined;
}

export function tornMove({ actor, task, expectedEpoch, tookEpoch, placement, sourceRuns }: EndedMove): Violation | undefined {
  const report = (sentence: string): Violation => ({
    invariant: 'atomic-migration',
    sentence: `${task}: ${sentence}`,
    details: { actor, task, expectedEpoch, tookEpoch, state: placement.state, epoch: placement.epoch },
  });
  const isUntouched = placement.state === 'owned' && placement.epoch === expectedEpoch;
  if (tookEpoch === undefined && isUntouched && sourceRuns === false)
    return report(`${actor} ended without a move, and the source runs it no more (M1)`);
  if (tookEpoch !== undefined && placement.state === 'assigned' && placement.epoch === tookEpoch && placement.takenBy === actor)
    return report(`${actor} took epoch ${tookEpoch}, ended, and nobody owns the task (M2)`);
  return undefined;
}
