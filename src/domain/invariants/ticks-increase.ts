/**
 * ticks-increase (DESIGN 5): whoever ticks a task, on whatever ECU, its ticks are one sequence.
 *
 *   T1. Tick numbers strictly increase.
 *   T2. A tick's number is the one before it, plus one, plus what it says was skipped: nothing is missing unsaid.
 *   T3. The epoch of ticks never goes back: a ticker that was replaced has stopped.
 */
import type { TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

export interface AcceptedTick {
  readonly task: TaskName;
  readonly sequence: number;
  readonly epoch: number;
  readonly number: number;
  readonly skipped: number;
}

export class TicksIncrease {
  private readonly last = new Map<TaskName, AcceptedTick>();

  accept(tick: AcceptedTick): Violation | undefined {
    const { task, epoch, number, skipped } = tick;
    const before = this.last.get(task);
    const numberBefore = before?.number ?? 0;
    const report = (sentence: string): Violation => ({
      invariant: 'ticks-increase',
      sentence,
      details: { task, sequence: tick.sequence, epoch, number, skipped, numberBefore, epochBefore: before?.epoch },
    });
    if (number <= numberBefore) return report(`${task}: tick ${number} came after tick ${numberBefore} (T1)`);
    if (number !== numberBefore + 1 + skipped)
      return report(`${task}: tick ${number} after ${numberBefore} says that ${skipped} were skipped (T2)`);
    if (before !== undefined && epoch < before.epoch)
      return report(`${task}: a tick of epoch ${epoch} came after one of epoch ${before.epoch} (T3)`);
    this.last.set(task, tick);
    return undefined;
  }
}
