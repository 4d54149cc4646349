/**
 * ticks-increase (DESIGN 5): whoever ticks a task, on whatever ECU, its ticks are one sequence.
 *
 *   T1. Tick numbers strictly increase.
 *   T2. A tick's number is the one before it, plus one, plus what it says was skipped: nothing is missing unsaid.
 *   T3. The epoch of ticks never goes back: a ticker that was replaced has stopped.
 *   T4. By the stream's own clock no more ticks have been due than its periods have passed, whatever the clocks of ECUs say.
 */
import type { TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

export interface AcceptedTick {
  readonly task: TaskName;
  readonly sequence: number;
  readonly epoch: number;
  readonly number: number;
  readonly skipped: number;
  /** When the stream took it, and how often the task ticks; absent: T4 is not held against it. */
  readonly timing?: TickTiming | undefined;
}

export interface TickTiming {
  readonly atUs: number;
  readonly periodUs: number;
}

/** A first tick that lands late makes the ones after it look early; clocks that are wrong are wrong by more. */
const EARLY_US_MAX = 10_000_000;

export class TicksIncrease {
  private readonly last = new Map<TaskName, AcceptedTick>();
  /** The first tick of a task since it has its period. */
  private readonly first = new Map<TaskName, { readonly number: number; readonly timing: TickTiming }>();

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
    const earlyUs = tick.timing === undefined ? 0 : this.early(task, number, tick.timing);
    if (earlyUs > EARLY_US_MAX) return report(`${task}: tick ${number} came ${earlyUs} µs before it was due (T4)`);
    return undefined;
  }

  private early(task: TaskName, number: number, timing: TickTiming): number {
    const first = this.first.get(task);
    if (first === undefined || first.timing.periodUs !== timing.periodUs) {
      this.first.set(task, { number, timing });
      return 0;
    }
    return (number - first.number) * timing.periodUs - (timing.atUs - first.timing.atUs);
  }
}
