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

/** A manager that does not answer in this time is planned without, and asked again with the next plan. */
const ANSWER_TIMEOUT_US = 300_000;
/** Who shed a task plans it twice a second. Of a task that runs nowhere hardly anything new is heard: its last checkpoint, at most. */
const ANSWERED_FOR_US = 10_000_000;

/** Who has answered for a task that nobody owns, in one epoch. */
interface Answered {
  readonly epoch: number;
  readonly untilUs: number;
  readonly managers: Set<string>;
}

export class CheckpointLookup {
  private readonly host: Host;
  private readonly knowledge: FleetKnowledge;
  private readonly others: () => readonly string[];
  private readonly answered = new Map<TaskName, Answered>();

  constructor(parts: { readonly host: Host; readonly knowledge: FleetKnowledge; readonly others: () => readonly string[] }) {
    this.host = parts.host;
    this.knowledge = parts.knowledge;
    this.others = parts.others;
  }

  /** Afterwards the knowledge has what the living managers know of these tasks, as far as they answered in time. Never fails. */
  async ask(placements: readonly PlacementContext[]): Promise<void> {
    const unheard = placements.filter((placement) => this.mayBeUnheard(placement));
    if (unheard.length === 0 || planted(this.host, 'know-own-share')) return;
    const nowUs = this.host.clock.monotonicUs();
    for (const [task, { untilUs }] of this.answered) if (untilUs <= nowUs) this.answered.delete(task);
    await Promise.all(this.others().map((manager) => this.askManager(manager, unheard)));
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

  private async askManager(manager: string, unheard: readonly PlacementContext[]): Promise<void> {
    const wanted = unheard.filter(({ task, epoch }) => {
      const answered = this.answered.get(task);
      return answered?.epoch !== epoch || !answered.managers.has(manager);
    });
    const calls: Promise<void>[] = [];
    for (let first = 0; first < wanted.length; first += TASKS_PER_QUERY_MAX) {
      const some = wanted.slice(first, first + TASKS_PER_QUERY_MAX);
      const call = this.call(
        manager,
        some.map(({ task }) => task),
      );
      calls.push(call.then((isAnswered) => (isAnswered ? this.noteAnswered(manager, some) : undefined)));
    }
    await Promise.all(calls);
  }

  private noteAnswered(manager: string, placements: readonly PlacementContext[]): void {
    const untilUs = this.host.clock.monotonicUs() + ANSWERED_FOR_US;
    for (const { task, epoch, owner } of placements) {
      // While somebody owns it, every moment may bring another checkpoint.
      if (owner !== undefined) continue;
      const before = this.answered.get(task);
      if (before?.epoch === epoch) before.managers.add(manager);
      else this.answered.set(task, { epoch, untilUs, managers: new Set([manager]) });
    }
  }

  /** Whether it answered. */
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
