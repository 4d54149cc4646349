/**
 * Performs the open outbox entries of the actors this host holds, at least once each.
 *
 * O1. An entry is performed only after the record that holds it was appended (the loop calls `reconcile` then).
 * O2. It is performed again until the record no longer holds it: after a failure, after a crash, at a manager that takes
 *     over. Performers are idempotent by the entry's id.
 * O3. One performance of an entry at a time per host. A host that is no longer the writer stops starting new ones.
 */
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { ActorKey } from '../src/domain/model/ids.ts';
import type { RecordEffect } from '../src/domain/model/record.ts';
import type { Cancel, Clock } from '../src/ports/clock.ts';
import { FaultPoint, type FaultPoints } from '../src/ports/fault-points.ts';
import type { Log } from '../src/ports/log.ts';

/** What came of one performance. */
export type EffectOutcome =
  /** The answer or the reading, as an event to the same actor. Its id is derived from the entry: the first one wins. */
  | { readonly kind: 'event'; readonly event: Omit<ActorEvent, 'id'> & { readonly type: string } }
  /** Nothing to tell the chart; the entry is over. */
  | { readonly kind: 'done' }
  /** Not yet: stays open, tried again. */
  | { readonly kind: 'again'; readonly afterUs: number };

export interface OpenEffect {
  readonly actor: ActorKey;
  readonly entry: RecordEffect;
  /** The decoded effect. */
  readonly effect: unknown;
  /** False once the entry was closed or another host holds the actor: stop what takes long. */
  wanted(): boolean;
}

export type Perform = (open: OpenEffect) => Promise<EffectOutcome>;

/** How the outbox hands an outcome back to the loop. */
export interface OutboxLoop {
  /** False when the chart cannot take the event now: the entry stays open. */
  answered(actor: ActorKey, entry: RecordEffect, event: ActorEvent): Promise<boolean>;
  done(actor: ActorKey, entry: RecordEffect): void;
}

const RETRY_US_MIN = 5_000;
const RETRY_US_MAX = 500_000;

interface Performance {
  readonly entry: RecordEffect;
  over: boolean;
  retryUs: number;
  cancelRetry: Cancel | undefined;
}

export class Outbox {
  private readonly clock: Clock;
  private readonly faults: FaultPoints;
  private readonly log: Log;
  private readonly perform: Perform;
  private readonly loop: OutboxLoop;
  private readonly open = new Map<ActorKey, Map<string, Performance>>();

  constructor(parts: { clock: Clock; faults: FaultPoints; log: Log; perform: Perform; loop: OutboxLoop }) {
    this.clock = parts.clock;
    this.faults = parts.faults;
    this.log = parts.log;
    this.perform = parts.perform;
    this.loop = parts.loop;
  }

  /** Starts what the record has newly opened, gives up what it no longer holds. An empty list: the actor is not ours. */
  reconcile(actor: ActorKey, entries: readonly RecordEffect[]): void {
    let held = this.open.get(actor);
    if (held === undefined) {
      if (entries.length === 0) return;
      held = new Map();
      this.open.set(actor, held);
    }
    for (const [id, performance] of held) {
      if (entries.some((entry) => entry.id === id)) continue;
      performance.over = true;
      performance.cancelRetry?.();
      held.delete(id);
    }
    for (const entry of entries) {
      if (held.has(entry.id)) continue;
      const performance: Performance = { entry, over: false, retryUs: RETRY_US_MIN, cancelRetry: undefined };
      held.set(entry.id, performance);
      void this.performOnce(actor, performance);
    }
    if (held.size === 0) this.open.delete(actor);
  }

  stop(): void {
    for (const actor of [...this.open.keys()]) this.reconcile(actor, []);
  }

  private async performOnce(actor: ActorKey, performance: Performance): Promise<void> {
    const { entry } = performance;
    try {
      await this.faults.reach(FaultPoint.beforeEffect);
      if (performance.over) return;
      const outcome = await this.perform({ actor, entry, effect: JSON.parse(entry.effect), wanted: () => !performance.over });
      await this.faults.reach(FaultPoint.afterEffect);
      if (performance.over) return;
      if (outcome.kind === 'done') return this.loop.done(actor, entry);
      if (outcome.kind === 'again') return this.retry(actor, performance, outcome.afterUs);
      const event = { ...outcome.event, id: `answer:${entry.id}`, closes: entry.id };
      if (await this.loop.answered(actor, entry, event)) return;
    } catch (cause) {
      if (!performance.over) this.log.warn('an effect failed and will be tried again', { actor, effect: entry.effect, cause });
    }
    if (!performance.over) this.retry(actor, performance, performance.retryUs);
  }

  private retry(actor: ActorKey, performance: Performance, afterUs: number): void {
    performance.retryUs = Math.min(performance.retryUs * 2, RETRY_US_MAX);
    performance.cancelRetry = this.clock.after(afterUs, () => void this.performOnce(actor, performance));
  }
}
