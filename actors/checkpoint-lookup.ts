/**
 * Asks the other managers for the checkpoints of a task that ran where this one does not listen: in another share, or on an ECU that
 * nobody names any more because the task was shed or removed since. What they answer is from memory, and each answers for
 * its own store, so it is also right where the stream no longer says it.
 *
 * A failover of ECUs that this manager watches asks nobody, unless a task has no checkpoint of its present epoch yet.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import { decodeManagerAnswer, encodeManagerCall } from '../src/domain/protocol/codec-manager.ts';
import { TASKS_PER_QUERY_MAX } from '../src/domain/protocol/limits.ts';
import { managerSubject } from '../src/domain/protocol/subjects.ts';
import type { PlacementContext } from '../statecharts/placement.machine.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host, planted } from './host.ts';

/** A manager that does not answer in this time is planned without; a task that is shed for it is planned again soon. */
const ANSWER_TIMEOUT_US = 300_000;
/** Of a task that runs nowhere nothing new can be heard, but from a manager that was away. */
const AGAIN_AFTER_ALL_US = 10_000_000;
const AGAIN_AFTER_SOME_US = 500_000;

export class CheckpointLookup {
  private readonly host: Host;
  private readonly knowledge: FleetKnowledge;
  private readonly others: () => readonly string[];
  /** Who shed a task plans it again and again; in the same epoch it need not ask each time. */
  private readonly asked = new Map<TaskName, { readonly epoch: number; readonly untilUs: number }>();

  constructor(parts: { readonly host: Host; readonly knowledge: FleetKnowledge; readonly others: () => readonly string[] }) {
    this.host = parts.host;
    this.knowledge = parts.knowledge;
    this.others = parts.others;
  }

  /** Afterwards the knowledge has what the living managers know of these tasks, as far as they answered in time. Never fails. */
  async ask(placements: readonly PlacementContext[]): Promise<void> {
    const nowUs = this.host.clock.monotonicUs();
    for (const [task, { untilUs }] of this.asked) if (untilUs <= nowUs) this.asked.delete(task);
    const unheard = placements.filter(
      (placement) => this.mayBeUnheard(placement) && this.asked.get(placement.task)?.epoch !== placement.epoch,
    );
    const managers = this.others();
    if (unheard.length === 0 || managers.length === 0 || planted(this.host, 'know-own-share')) return;
    const tasks = unheard.map(({ task }) => task);
    const answered = await Promise.all(managers.map((manager) => this.askManager(manager, tasks)));
    const againUs = answered.every((all) => all) ? AGAIN_AFTER_ALL_US : AGAIN_AFTER_SOME_US;
    // While somebody owns it, every moment may bring another checkpoint.
    for (const { task, epoch, owner } of unheard)
      if (owner === undefined) this.asked.set(task, { epoch, untilUs: nowUs + againUs });
  }

  private mayBeUnheard(placement: PlacementContext): boolean {
    const { knowledge } = this;
    const { epoch, trim, owner } = placement;
    const newest = knowledge.newestReference(placement);
    // It would be shed for want of a state.
    if (newest === undefined && trim !== undefined) return true;
    if (epoch === 0 || knowledge.elsewhere.size === 0) return false;
    const isFollowed = owner !== undefined && knowledge.descriptions.has(owner.mac);
    // Before its present epoch it may have run anywhere.
    return !isFollowed || newest?.epoch !== epoch;
  }

  /** Whether it answered for all of them. */
  private async askManager(manager: string, tasks: readonly TaskName[]): Promise<boolean> {
    const calls: Promise<boolean>[] = [];
    for (let first = 0; first < tasks.length; first += TASKS_PER_QUERY_MAX)
      calls.push(this.call(manager, tasks.slice(first, first + TASKS_PER_QUERY_MAX)));
    return (await Promise.all(calls)).every((answered) => answered);
  }

  private async call(manager: string, tasks: readonly TaskName[]): Promise<boolean> {
    const { host, knowledge } = this;
    const call = encodeManagerCall(envelope(host, { kind: 'query-checkpoints', tasks } as const));
    host.counters.add('plan.askedCheckpoints');
    try {
      const bytes = await host.bus.request(managerSubject.callOf(manager), call, { timeoutUs: ANSWER_TIMEOUT_US });
      const answer = decodeManagerAnswer(bytes);
      if (!answer.ok || answer.value.body.kind !== 'checkpoints') return false;
      for (const reference of answer.value.body.references)
        for (const holder of reference.holders) knowledge.noteHolder(reference, holder);
      return true;
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.log.info('a manager did not say which checkpoints it knows; planned without', { manager, code: cause.code });
      return false;
    }
  }
}
