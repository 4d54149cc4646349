/**
 * Durable timers: data in a record, armed on whichever host holds the actor.
 *
 * XState's `after` is lost on restart. Here the record keeps `{id, armedBy, delayUs}`; the holder counts the delay on its
 * own monotonic clock from when it learned of the record. A timer may therefore fire late (after a takeover the wait starts
 * anew) but never early, and what fires is checked against the record before it is taken.
 */
import type { ActorKey } from '../src/domain/model/ids.ts';
import type { RecordTimer } from '../src/domain/model/record.ts';
import type { Cancel, Clock } from '../src/ports/clock.ts';

export class DurableTimers {
  private readonly clock: Clock;
  private readonly fire: (actor: ActorKey, timer: RecordTimer) => void;
  private readonly armed = new Map<ActorKey, Map<string, { readonly timer: RecordTimer; readonly cancel: Cancel }>>();

  constructor(clock: Clock, fire: (actor: ActorKey, timer: RecordTimer) => void) {
    this.clock = clock;
    this.fire = fire;
  }

  /** Makes the armed set of an actor equal to its record's; a timer that is already counting goes on counting. */
  reconcile(actor: ActorKey, timers: readonly RecordTimer[]): void {
    const held = this.armed.get(actor);
    if (held === undefined && timers.length === 0) return;
    const next = new Map<string, { readonly timer: RecordTimer; readonly cancel: Cancel }>();
    for (const timer of timers) {
      const running = held?.get(timer.id);
      if (running !== undefined && running.timer.armedBy === timer.armedBy) {
        next.set(timer.id, running);
        held?.delete(timer.id);
        continue;
      }
      next.set(timer.id, { timer, cancel: this.clock.after(timer.delayUs, () => this.fire(actor, timer)) });
    }
    if (held !== undefined) for (const { cancel } of held.values()) cancel();
    if (next.size > 0) this.armed.set(actor, next);
    else this.armed.delete(actor);
  }

  stop(): void {
    for (const timers of this.armed.values()) for (const { cancel } of timers.values()) cancel();
    this.armed.clear();
  }
}
