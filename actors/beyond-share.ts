/**
 * ECUs that other managers watch, as candidates of a plan made here: what they offer is remembered, what else they are stands in the inventory,
 * what runs there they say themselves, and that they answer shows that they live. A few drawn at random are as good as a look at all of
 * them (the power of k choices: Mitzenmacher, 2001), and the target's own admission has the last word whoever planned.
 *
 * B1. Only those are drawn that could ever take one of the tasks, by what they offer and by what the tasks require.
 * B2. Named are the ECUs that a task names, that hold its state, and that run those that it wishes to be with: nobody else will do as well.
 * B3. Whoever must know that there is no place draws again while there is none, ROUNDS_MAX times, nobody twice.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { Incarnation } from '../src/domain/model/ecu.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import type { Candidate, Newcomer } from '../src/domain/placement/evidence.ts';
import { couldTake, type Offer } from '../src/domain/placement/offer.ts';
import { decodeAnswer, encodeCommand } from '../src/domain/protocol/codec-command.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { Inventory } from '../src/ports/inventory.ts';
import { failureArbiter } from './ecu.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host } from './host.ts';
import type { Shell } from './shell.ts';

/** Drawn for a plan whose own share has no room. */
export const CHOICES = 16;
const ROUNDS_MAX = 4;
const ANSWER_TIMEOUT_US = 200_000;

type Wish = Pick<Newcomer, 'spec' | 'dataAt'>;
type Offering = Pick<Candidate, 'mac'> & { readonly description: Offer };

export class BeyondShare {
  private readonly host: Host;
  private readonly knowledge: FleetKnowledge;
  private readonly inventory: Pick<Inventory, 'read'>;
  private readonly replicated: Shell;

  constructor(parts: {
    readonly host: Host;
    readonly knowledge: FleetKnowledge;
    readonly inventory: Pick<Inventory, 'read'>;
    readonly replicated: Shell;
  }) {
    this.host = parts.host;
    this.knowledge = parts.knowledge;
    this.inventory = parts.inventory;
    this.replicated = parts.replicated;
  }

  /** B2. */
  named(wishes: readonly Wish[], target: Mac | undefined): Promise<Candidate[]> {
    const { knowledge } = this;
    const names = wishes.flatMap(({ spec: { affinity }, dataAt = [] }) => [
      ...affinity.requiredEcus,
      ...affinity.preferredEcus,
      ...dataAt,
      ...[...affinity.together, ...(affinity.near ?? [])].flatMap((partner) => knowledge.whereabouts(partner) ?? []),
    ]);
    if (target !== undefined) names.push(target);
    return this.ask(names.filter((mac) => knowledge.elsewhere.has(mac)));
  }

  /** B1. */
  drawn(wishes: readonly Wish[], but?: ReadonlySet<Mac>): Promise<Candidate[]> {
    return this.ask(
      this.drawnFor(
        wishes.map(({ spec }) => spec),
        but,
      ),
    );
  }

  /** B1, without asking them. */
  drawnFor(specs: readonly TaskSpec[], but?: ReadonlySet<Mac>): Mac[] {
    return this.drawnMacs(({ mac, description }) => specs.some((spec) => couldTake(mac, description, spec)), but);
  }

  /** At most CHOICES of those that others watch. */
  drawnMacs(suits: (one: Offering) => boolean, but?: ReadonlySet<Mac>): Mac[] {
    const all: Mac[] = [];
    for (const [mac, description] of this.knowledge.elsewhere)
      if (but?.has(mac) !== true && suits({ mac, description })) all.push(mac);
    for (let at = 0; at < Math.min(CHOICES, all.length - 1); at++) {
      const other = at + this.host.rng.below(all.length - at);
      [all[at], all[other]] = [all[other] as Mac, all[at] as Mac];
    }
    return all.slice(0, CHOICES);
  }

  /** For all of them together: the own share, and as much beyond it as it takes until `finds` says that there is a place (B3). */
  async around(
    wishes: readonly Wish[],
    target: Mac | undefined,
    finds: (fleet: readonly Candidate[]) => boolean,
  ): Promise<readonly Candidate[]> {
    const { knowledge } = this;
    const own = knowledge.candidates();
    if (knowledge.elsewhere.size === 0) return own;
    const fleet = [...own, ...(await this.named(wishes, target))];
    if (target !== undefined) return fleet;
    const asked = new Set(fleet.map(({ mac }) => mac));
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const macs = this.drawnMacs(
        ({ mac, description }) => wishes.every(({ spec }) => couldTake(mac, description, spec)),
        asked,
      );
      if (macs.length === 0) break;
      for (const mac of macs) asked.add(mac);
      fleet.push(...(await this.ask(macs)));
      if (finds(fleet)) break;
    }
    return fleet;
  }

  /** Those that answer. */
  async ask(macs: readonly Mac[]): Promise<Candidate[]> {
    const answers = await Promise.all([...new Set(macs)].map((mac) => this.askOne(mac)));
    return answers.flatMap((candidate) => candidate ?? []);
  }

  /** For good, whoever watches it: its failure is on record, or it has begun anew. */
  async isGone(incarnation: Incarnation): Promise<boolean> {
    const { knowledge, replicated } = this;
    const { mac } = incarnation;
    if (!knowledge.elsewhere.has(mac)) return knowledge.isGone(incarnation);
    try {
      const { description } = await this.inventory.read(mac);
      if ((description?.incarnation ?? 0) > incarnation.incarnation) return true;
      return (await replicated.refresh(failureArbiter(incarnation))) !== undefined;
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      return false;
    }
  }

  private async askOne(mac: Mac): Promise<Candidate | undefined> {
    const { host, inventory } = this;
    const query = encodeCommand(envelope(host, { kind: 'query-load' } as const));
    try {
      const [{ description }, bytes] = await Promise.all([
        inventory.read(mac),
        host.bus.request(ecuSubject.command(mac), query, { timeoutUs: ANSWER_TIMEOUT_US }),
      ]);
      const answer = decodeAnswer(bytes);
      if (description === undefined || !answer.ok || answer.value.body.kind !== 'load') return undefined;
      const { incarnation, tasks, draining, asleep = false } = answer.value.body.load;
      host.counters.add('plan.askedBeyond');
      const booked = this.knowledge.bookedOn(mac);
      const state = { alive: true, draining: draining && !asleep, ...(asleep ? { asleep } : {}) };
      const known = { mac, incarnation, description, accepted: tasks, ...state };
      return booked === undefined ? known : { ...known, booked };
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      return undefined;
    }
  }
}

/** `own`, and what tasks of other shares ask to be kept apart from, by their bridges' word. */
export function apartOnAll(
  own: Readonly<Record<TaskName, readonly TaskName[]>>,
  fleet: readonly Candidate[],
): Readonly<Record<TaskName, readonly TaskName[]>> {
  const all = { ...own };
  for (const { accepted } of fleet) for (const { task, apart } of accepted) if (apart !== undefined) all[task] ??= apart;
  return all;
}
