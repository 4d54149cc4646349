/**
 * one-restore (DESIGN 2, 3): of the attempts that follow one epoch's end, at most one is accepted.
 *
 * Watches the placement's journal of each task, record by record as it is written:
 *
 *   O1. A record's epoch is the one before it, or a later one: epochs never go back and are never given again.
 *   O2. Whoever takes an epoch expected the one that was there: one expected epoch is granted once.
 *   O3. Within one epoch the taker does not change, and the owner, once named, is never another.
 */
import type { TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

export interface PlacementStep {
  readonly task: TaskName;
  readonly revision: number;
  readonly epoch: number;
  /** The actor that took the epoch, with whatever tells its attempts apart. */
  readonly takenBy: string;
  /** The epoch that the taker had seen and followed; what the record before must have had. Undefined: the record does not say. */
  readonly expectedEpoch: number | undefined;
  /** `mac#incarnation` once the record names one. */
  readonly owner: string | undefined;
}

interface Standing {
  readonly epoch: number;
  readonly takenBy: string;
  readonly owner: string | undefined;
}

export class OneRestore {
  private readonly standing = new Map<TaskName, Standing>();
  private readonly granted = new Map<string, string>();

  step(step: PlacementStep): Violation | undefined {
    const { task, epoch, takenBy, expectedEpoch, owner } = step;
    const before = this.standing.get(task);
    const report = (sentence: string): Violation => ({
      invariant: 'one-restore',
      sentence,
      details: {
        task,
        revision: step.revision,
        epoch,
        takenBy,
        expectedEpoch,
        owner,
        epochBefore: before?.epoch,
        takenByBefore: before?.takenBy,
        ownerBefore: before?.owner,
      },
    });
    const epochBefore = before?.epoch ?? 0;
    if (epoch < epochBefore) return report(`${task}: the epoch went back from ${epochBefore} to ${epoch} (O1)`);
    if (epoch > epochBefore) {
      const followed = expectedEpoch ?? epochBefore;
      const key = `${task} ${followed}`;
      const winner = this.granted.get(key);
      if (winner !== undefined)
        return report(`${task}: the end of epoch ${followed} was answered by ${winner} and again by ${takenBy} (O2)`);
      if (followed !== epochBefore)
        return report(`${task}: ${takenBy} followed epoch ${followed}, but ${epochBefore} was there (O2)`);
      this.granted.set(key, takenBy);
      this.standing.set(task, { epoch, takenBy, owner });
      return undefined;
    }
    if (before === undefined) return undefined;
    if (takenBy !== before.takenBy)
      return report(`${task}: epoch ${epoch} was taken by ${before.takenBy} and then by ${takenBy} (O3)`);
    if (before.owner !== undefined && owner !== undefined && owner !== before.owner)
      return report(`${task}: epoch ${epoch} passed from ${before.owner} to ${owner} (O3)`);
    this.standing.set(task, { epoch, takenBy, owner: owner ?? before.owner });
    return undefined;
  }
}
