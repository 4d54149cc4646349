/**
 * What a core does next: the order in which the work of the programs that share it is taken up. Pure: whoever has a core (a lane's
 * thread, a simulated core) asks for the next entry, does it, and says when it is done.
 *
 * Q1. Jobs go by their task's urgency, as the schedulability test of admission assumes: by fixed priority (a larger number first), or
 *     by the earliest absolute deadline. Among equals, who came first; the test lets equals delay each other in any order.
 * Q2. A task without a period comes after all that have one, for nothing bounds how often it runs (`placement/core-room.ts`, R3).
 * Q3. Of one program everything is done in the order it was asked; and as urgent as the most urgent of it that waits.
 * Q4. Upkeep (a capture, pages to be read) is as urgent as its task, so that it is part of that task's demand and nobody else's. Once it
 *     has waited for longer than its task's deadline it goes before all jobs: where deadlines are kept that never happens, and an
 *     overloaded core starves no checkpoint.
 * Q5. Commands (a start, a stop) go before everything: they are rare, and a failover waits for them.
 *
 * An entry stays in the queue until it is done, so that one of several jobs is decided anew after each of them.
 *
 * Cost: a look at each program that waits. Nothing is allocated by a look.
 */
import type { TaskSpec } from '../model/task.ts';

/** Who goes first: by fixed priority or by the earliest deadline. */
export const LANE_ORDERS = ['fp', 'edf'] as const;
export type LaneOrder = (typeof LANE_ORDERS)[number];

/** What of a task decides. */
export type Urgency = Pick<TaskSpec, 'priority' | 'periodUs' | 'deadlineUs'>;

export const urgencyOf = ({ priority, periodUs, deadlineUs }: Urgency): Urgency => ({ priority, periodUs, deadlineUs });

export interface LaneEntry<Work> {
  readonly program: number;
  readonly kind: 'jobs' | 'upkeep' | 'command';
  readonly urgency: Urgency;
  /** When the next job of it arrived, or it was asked for; one clock for all entries of a queue. */
  arrivedUs: number;
  /** When it came to the queue, by the clock that `next` is asked with. */
  readonly queuedUs: number;
  readonly work: Work;
}

export interface Standing {
  readonly tier: number;
  readonly rank: number;
}

/** Upkeep of a task without a deadline waits for so long at most. */
export const UPKEEP_WAIT_US = 50_000;

const COMMAND = 0;
const PERIODIC = 1;
const SPORADIC = 2;

interface Waiting<Work> {
  readonly entries: LaneEntry<Work>[];
  /** Of its first entry: what comes earlier among equals. */
  turn: number;
}

export class LaneQueue<Work> {
  readonly #order: LaneOrder;
  readonly #waiting = new Map<number, Waiting<Work>>();
  #turns = 0;

  constructor(order: LaneOrder) {
    this.#order = order;
  }

  add(entry: LaneEntry<Work>): void {
    const waiting = this.#waiting.get(entry.program);
    if (waiting === undefined) this.#waiting.set(entry.program, { entries: [entry], turn: this.#turns++ });
    else waiting.entries.push(entry);
  }

  /** What is to be done now; it stays until it is removed. */
  next(nowUs: number): LaneEntry<Work> | undefined {
    let best: Waiting<Work> | undefined;
    let bestTier = 0;
    let bestRank = 0;
    for (const waiting of this.#waiting.values()) {
      let tier = SPORADIC + 1;
      let rank = 0;
      for (const entry of waiting.entries) {
        const entryTier = tierOf(entry, nowUs);
        const entryRank = this.#rankOf(entry, entryTier);
        if (entryTier > tier || (entryTier === tier && entryRank >= rank)) continue;
        tier = entryTier;
        rank = entryRank;
      }
      const isBefore =
        best === undefined ||
        tier < bestTier ||
        (tier === bestTier && (rank < bestRank || (rank === bestRank && waiting.turn < best.turn)));
      if (!isBefore) continue;
      best = waiting;
      bestTier = tier;
      bestRank = rank;
    }
    return best?.entries[0];
  }

  /** How urgent the entry is among whatever else wants the core: the smaller tier first, of one tier the smaller rank. */
  standing(entry: LaneEntry<Work>, nowUs: number): Standing {
    const tier = tierOf(entry, nowUs);
    return { tier, rank: this.#rankOf(entry, tier) };
  }

  /** It is done, or not wanted any more. */
  remove(entry: LaneEntry<Work>): void {
    const waiting = this.#waiting.get(entry.program);
    const at = waiting?.entries.indexOf(entry) ?? -1;
    if (waiting === undefined || at < 0) return;
    waiting.entries.splice(at, 1);
    if (waiting.entries.length === 0) this.#waiting.delete(entry.program);
    else if (at === 0) waiting.turn = this.#turns++;
  }

  #rankOf({ kind, urgency, arrivedUs }: LaneEntry<Work>, tier: number): number {
    if (tier === COMMAND) return kind === 'command' ? 0 : 1;
    if (tier === SPORADIC || this.#order === 'fp') return -urgency.priority;
    return arrivedUs + (urgency.deadlineUs > 0 ? urgency.deadlineUs : urgency.periodUs);
  }
}

function tierOf({ kind, urgency, queuedUs }: LaneEntry<unknown>, nowUs: number): number {
  if (kind === 'command') return COMMAND;
  const { periodUs, deadlineUs } = urgency;
  if (kind === 'upkeep' && nowUs - queuedUs > (deadlineUs > 0 ? deadlineUs : UPKEEP_WAIT_US)) return COMMAND;
  return periodUs > 0 ? PERIODIC : SPORADIC;
}
