/**
 * Durable timers: data in a record, armed on whichever host holds the actor.
 *
 * XState's `after` is lost on restart. Here the record keeps `{id, armedBy, delayUs}`, and every host that learns of the
 * record notes when it did, by its own monotonic clock; the one that holds the actor counts from there. A timer may
 * therefore fire late (after a restart the wait starts anew) but never early, a host that takes over goes on with the wait
 * instead of beginning it again, and what fires is checked against the record before it is taken.
 */
import type { ActorKey } from '../src/domain/model/ids.ts';
import type { RecordTimer } from '../src/domain/model/record.ts';
import type { Cancel, Clock } from '../src/ports/clock.ts';

interface Waiting {
  readonly timer: RecordTimer;
  /** When this host learned that it is armed. */
  readonly sinceUs: number;
  /** Undefined while another host holds the actor. */
  cancel: Cancel | undefined;
}

const NONE: readonly Waiting[] = [];

export class DurableTimers {
  private readonly clock: Clock;
  private readonly fire: (actor: ActorKey, timer: RecordTimer) => void;
  private readonly waiting = new Map<ActorKey, readonly Waiting[]>();

  constructor(clock: Clock, fire: (actor: ActorKey, timer: RecordTimer) => void) {
    this.clock = clock;
    this.fire = fire;
  }

  /** Makes an actor's timers equal to its record's, counting where `holds`; one that is already counting goes on. */
  reconcile(actor: ActorKey, timers: readonly RecordTimer[], holds: boolean): void {
    const before = this.waiting.get(actor) ?? NONE;
    if (before.length === 0 && timers.length === 0) return;
    const after = timers.map((timer) => before.find((one) => isSame(one.timer, timer)) ?? this.begin(timer));
    for (const one of before) if (!after.includes(one)) stopOne(one);
    for (const one of after) {
      if (!holds) stopOne(one);
      else one.cancel ??= this.clock.after(this.leftUs(one), () => this.fire(actor, one.timer));
    }
    if (after.length > 0) this.waiting.set(actor, after);
    else this.waiting.delete(actor);
  }

  stop(): void {
    for (const timers of this.waiting.values()) timers.forEach(stopOne);
    this.waiting.clear();
  }

  private begin(timer: RecordTimer): Waiting {
    return { timer, sinceUs: this.clock.monotonicUs(), cancel: undefined };
  }

  private leftUs({ timer, sinceUs }: Waiting): number {
    return Math.max(0, timer.delayUs - (this.clock.monotonicUs() - sinceUs));
  }
}

const isSame = (a: RecordTimer, b: RecordTimer): boolean => a.id === b.id && a.armedBy === b.armedBy;

function stopOne(one: Waiting): void {
  one.cancel?.();
  one.cancel = undefined;
}
