/**
 * Virtual time. Everything that happens in the simulated world is an event in one queue, ordered by (time, order of
 * scheduling), and time is where the last event was: it costs nothing to wait and nothing races.
 *
 * C1. One event at a time. Before the next one starts, every promise reaction that the event set off has run, so that
 *     ordinary async code on top behaves as if each host had all the time in the world between two messages.
 * C2. Two events at one time run in the order in which they were scheduled. No real clock, no real timer and no chance is
 *     consulted, so a run is a function of what was scheduled.
 * C3. `afterStep` runs after every event when all is quiet: this is where the invariants are checked.
 *
 * How C1 is had: Node empties the microtask queue between two `setImmediate` callbacks of one batch, so each event runs in
 * an immediate of its own and a batch of them shares one turn of the event loop. Measured (µs per event with an async
 * function of two awaits in it): batch of immediates 0.65, `process.nextTick` from a microtask 0.80, MessageChannel 1.75,
 * one awaited immediate each 2.74. Code that leaves the microtask queue (file I/O, thread pools) breaks C1 and has no place
 * in the simulated world.
 */
import { assert } from '../../src/domain/kernel/assert.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';

/** Virtual time 0 as a wall clock: 2026-01-01T00:00:00Z in µs. */
export const SIM_EPOCH_US = 1_767_225_600_000_000;

const BATCH = 128;
/** Time is cut into slots; events of later ones are not sorted yet. */
const SLOT_US = 10_000;
/** Slots that are looked for one by one. */
const LOOK_AHEAD = 64;

export interface RunOptions {
  /** Events up to and including this time; afterwards the clock stands there. */
  readonly untilUs?: number;
  /** Asked after every event. */
  readonly until?: () => boolean;
  /** Gives up after this many events: a livelock is reported instead of running for ever. */
  readonly stepsMax?: number;
}

export interface RunEnd {
  readonly reason: 'time' | 'condition' | 'idle' | 'steps';
  readonly steps: number;
}

/** Something that happens at its time, unless it was called off. */
export abstract class SimEvent {
  timeUs = 0;
  /** Of scheduling. */
  order = 0;
  off = false;

  abstract occur(): void;
}

class Call extends SimEvent {
  private readonly run: () => void;

  constructor(run: () => void) {
    super();
    this.run = run;
  }

  occur(): void {
    this.run();
  }
}

export class SimScheduler {
  /** Runs after every event, when no promise reaction is left. What it throws ends the run. */
  afterStep: (() => void) | undefined;

  /** All events before `nearUntilUs`. Small: most of what is scheduled is a timeout that is called off long before. */
  private heap: SimEvent[] = [];
  private nearUntilUs = SLOT_US;
  /** All others, by number of their slot, in no order. */
  private readonly slots = new Map<number, SimEvent[]>();
  private count = 0;
  private cancelled = 0;
  private order = 0;
  private time = 0;
  private stepCount = 0;
  private running = false;

  nowUs(): number {
    return this.time;
  }

  /** Events run so far. */
  steps(): number {
    return this.stepCount;
  }

  pending(): number {
    return this.count - this.cancelled;
  }

  after(delayUs: number, run: () => void): Cancel {
    return this.at(this.time + Math.max(0, Math.ceil(delayUs)), run);
  }

  at(timeUs: number, run: () => void): Cancel {
    const event = new Call(run);
    this.add(timeUs, event);
    return () => this.callOff(event);
  }

  add(timeUs: number, event: SimEvent): void {
    assert(Number.isFinite(timeUs) && timeUs >= this.time, 'an event of the simulated world is never in its past');
    event.timeUs = timeUs;
    event.order = this.order++;
    this.count++;
    if (timeUs < this.nearUntilUs) push(this.heap, event);
    else {
      const slot = Math.floor(timeUs / SLOT_US);
      const others = this.slots.get(slot);
      if (others === undefined) this.slots.set(slot, [event]);
      else others.push(event);
    }
  }

  /** Without effect on one that has occurred. */
  callOff(event: SimEvent): void {
    if (event.off) return;
    event.off = true;
    this.cancelled++;
    if (this.cancelled > 1024 && this.cancelled * 2 > this.count) this.compact();
  }

  run(options: RunOptions = {}): Promise<RunEnd> {
    assert(!this.running, 'one run of the scheduler at a time');
    this.running = true;
    const { untilUs = Number.POSITIVE_INFINITY, until, stepsMax = Number.POSITIVE_INFINITY } = options;
    const first = this.stepCount;
    return new Promise<RunEnd>((resolve, reject) => {
      let ended = false;
      let settling = false;
      const end = (reason: RunEnd['reason']): void => {
        ended = true;
        this.running = false;
        if (reason !== 'condition' && reason !== 'steps' && Number.isFinite(untilUs)) this.time = Math.max(this.time, untilUs);
        resolve({ reason, steps: this.stepCount - first });
      };
      const turn = (): void => {
        if (ended) return;
        try {
          if (settling) {
            settling = false;
            this.afterStep?.();
          }
          if (until?.() === true) return end('condition');
          if (this.stepCount - first >= stepsMax) return end('steps');
          const event = this.next(untilUs);
          if (event === undefined) return end(this.count === 0 ? 'idle' : 'time');
          this.time = event.timeUs;
          this.stepCount++;
          settling = true;
          event.off = true;
          event.occur();
        } catch (error) {
          ended = true;
          this.running = false;
          reject(error as Error);
        }
      };
      // The last immediate of a batch queues the next batch before it runs its own event.
      const batch = (): void => {
        if (ended) return;
        for (let i = 1; i < BATCH; i++) setImmediate(turn);
        setImmediate(batch);
        turn();
      };
      // Not at once: what the caller set off before the run has its reactions first.
      setImmediate(batch);
    });
  }

  private next(untilUs: number): SimEvent | undefined {
    for (;;) {
      const head = this.heap[0];
      if (head === undefined) {
        if (!this.comeNear()) return undefined;
        continue;
      }
      if (head.timeUs > untilUs && !head.off) return undefined;
      pop(this.heap);
      this.count--;
      if (!head.off) return head;
      this.cancelled--;
    }
  }

  /** The next slot that has events; false where none has. */
  private comeNear(): boolean {
    if (this.slots.size === 0) return false;
    let slot = this.nearUntilUs / SLOT_US;
    const last = slot + LOOK_AHEAD;
    while (slot < last && !this.slots.has(slot)) slot++;
    if (slot === last) slot = [...this.slots.keys()].reduce((least, one) => Math.min(least, one));
    const events = this.slots.get(slot) ?? [];
    this.slots.delete(slot);
    this.nearUntilUs = (slot + 1) * SLOT_US;
    for (const event of events) {
      if (!event.off) push(this.heap, event);
      else {
        this.count--;
        this.cancelled--;
      }
    }
    return true;
  }

  /** Drops cancelled events (append timeouts, mostly), so that the queue stays as long as what may still happen. */
  private compact(): void {
    const isOn = (event: SimEvent): boolean => !event.off;
    this.heap = this.heap.filter(isOn).sort(before);
    for (const [slot, events] of this.slots) {
      const left = events.filter(isOn);
      if (left.length > 0) this.slots.set(slot, left);
      else this.slots.delete(slot);
    }
    this.count -= this.cancelled;
    this.cancelled = 0;
  }
}

/** How wrong a host's clocks are. */
export interface ClockFaults {
  /** What the monotonic clock shows at virtual time 0. */
  readonly monotonicOffsetUs: number;
  /** Parts per million by which the host's second is shorter (+) than the world's. */
  readonly driftPpm: number;
  /** Error of the wall clock at virtual time 0. */
  readonly wallErrorUs: number;
}

export const TRUE_CLOCK: ClockFaults = { monotonicOffsetUs: 0, driftPpm: 0, wallErrorUs: 0 };

/** One host's view of time; timers go through `schedule`, so that a host can hold or drop them. */
export class HostClock implements Clock {
  private readonly scheduler: SimScheduler;
  private readonly faults: ClockFaults;
  private readonly schedule: (timeUs: number, run: () => void) => Cancel;
  private wallStepUs = 0;

  constructor(scheduler: SimScheduler, faults: ClockFaults, schedule: (timeUs: number, run: () => void) => Cancel) {
    assert(faults.driftPpm > -1_000_000, 'a monotonic clock goes forward');
    this.scheduler = scheduler;
    this.faults = faults;
    this.schedule = schedule;
  }

  monotonicUs(): number {
    return this.localAt(this.scheduler.nowUs());
  }

  wallUs(): number {
    return (
      SIM_EPOCH_US +
      this.localAt(this.scheduler.nowUs()) -
      this.faults.monotonicOffsetUs +
      this.faults.wallErrorUs +
      this.wallStepUs
    );
  }

  after(delayUs: number, run: () => void): Cancel {
    if (this.faults.driftPpm === 0) return this.schedule(this.scheduler.nowUs() + Math.max(0, Math.ceil(delayUs)), run);
    const due = this.monotonicUs() + Math.max(0, delayUs);
    const estimateUs = Math.floor((due - this.faults.monotonicOffsetUs) / (1 + this.faults.driftPpm / 1_000_000)) - 2;
    let timeUs = Math.max(this.scheduler.nowUs(), estimateUs);
    while (this.localAt(timeUs) < due) timeUs++;
    return this.schedule(timeUs, run);
  }

  /** The wall clock is set: it jumps, the monotonic one does not notice. */
  stepWall(byUs: number): void {
    this.wallStepUs += byUs;
  }

  private localAt(timeUs: number): number {
    const { monotonicOffsetUs, driftPpm } = this.faults;
    return driftPpm === 0
      ? monotonicOffsetUs + timeUs
      : monotonicOffsetUs + timeUs + Math.floor((timeUs * driftPpm) / 1_000_000);
  }
}

const before = (a: SimEvent, b: SimEvent): number => a.timeUs - b.timeUs || a.order - b.order;

function push(heap: SimEvent[], event: SimEvent): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as SimEvent;
    if (before(above, event) <= 0) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: SimEvent[]): SimEvent | undefined {
  const head = heap[0];
  const last = heap.pop();
  if (head === undefined || last === undefined || heap.length === 0) return head;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right !== undefined && before(right, heap[child] as SimEvent) < 0) child++;
    const below = heap[child] as SimEvent;
    if (before(last, below) <= 0) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
  return head;
}
