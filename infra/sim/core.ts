/**
 * A simulated core: what is given to it takes its time one after the other, in the order that a lane would take it up
 * (`src/domain/instance/lane-queue.ts`), pre-emptive where the ECU's description says so.
 */
import { type LaneEntry, type LaneOrder, LaneQueue, type Urgency } from '../../src/domain/instance/lane-queue.ts';
import type { EcuScheduling } from '../../src/domain/model/ecu.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type { SimProcess } from './host.ts';

/** One piece of work: so long, by a job that arrived then. */
export interface Piece {
  readonly us: number;
  readonly arrivedUs: number;
}

export interface CoreWork {
  readonly program: number;
  readonly kind: 'jobs' | 'upkeep';
  readonly urgency: Urgency;
  readonly first: Piece;
  /** A piece is done; the next one, which others may come before, or undefined: that was all. */
  readonly done: () => Piece | undefined;
}

interface Under {
  leftUs: number;
  readonly done: CoreWork['done'];
}

export class SimCore {
  private readonly process: SimProcess;
  private readonly queue: LaneQueue<Under>;
  private readonly preemptive: boolean;
  private running: { readonly entry: LaneEntry<Under>; readonly sinceUs: number; readonly cancel: Cancel } | undefined;

  constructor(process: SimProcess, scheduling: Pick<EcuScheduling, 'scheduler' | 'nonPreemptive'>) {
    this.process = process;
    const order: LaneOrder = scheduling.scheduler === 'edf' ? 'edf' : 'fp';
    this.queue = new LaneQueue(order);
    this.preemptive = scheduling.nonPreemptive !== true;
  }

  /** Cancelled, it takes no more time, and `done` is not called. */
  add({ program, kind, urgency, first, done }: CoreWork): Cancel {
    const work = { leftUs: first.us, done };
    const entry = { program, kind, urgency, arrivedUs: first.arrivedUs, queuedUs: this.nowUs(), work };
    this.queue.add(entry);
    this.decide();
    return () => {
      this.queue.remove(entry);
      if (this.running?.entry === entry) this.interrupt();
      this.decide();
    };
  }

  private decide(): void {
    if (this.running !== undefined && !this.preemptive) return;
    const next = this.queue.next(this.nowUs());
    if (next === this.running?.entry) return;
    this.interrupt();
    if (next === undefined) return;
    const cancel = this.process.after(next.work.leftUs, () => this.finished(next));
    this.running = { entry: next, sinceUs: this.nowUs(), cancel };
  }

  private interrupt(): void {
    const { running } = this;
    if (running === undefined) return;
    running.cancel();
    const { work } = running.entry;
    // A process that stood still finds its timer late.
    work.leftUs = Math.max(0, work.leftUs - (this.nowUs() - running.sinceUs));
    this.running = undefined;
  }

  private finished(entry: LaneEntry<Under>): void {
    this.running = undefined;
    const { work } = entry;
    const next = work.done();
    if (next === undefined) this.queue.remove(entry);
    else {
      work.leftUs = next.us;
      entry.arrivedUs = next.arrivedUs;
    }
    this.decide();
  }

  private nowUs(): number {
    return this.process.host.scheduler.nowUs();
  }
}
