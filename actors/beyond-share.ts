/**
 * ECUs that other managers watch, as candidates of a plan made here: what they are stands in the inventory, what runs there they
 * say themselves, and that they answer shows that they live. A few drawn at random are as good as a look at all of them (the power
 * of k choices: Mitzenmacher, 2001), and the target's own admission has the last word whoever planned.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import type { Candidate, Newcomer } from '../src/domain/placement/evidence.ts';
import { decodeAnswer, encodeCommand } from '../src/domain/protocol/codec-command.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { Inventory } from '../src/ports/inventory.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { envelope, type Host } from './host.ts';

/** Drawn for a plan whose own share has no room. */
const CHOICES = 16;
const ANSWER_TIMEOUT_US = 200_000;

export class BeyondShare {
  private readonly host: Host;
  private readonly knowledge: FleetKnowledge;
  private readonly inventory: Pick<Inventory, 'read'>;

  constructor(parts: {
    readonly host: Host;
    readonly knowledge: FleetKnowledge;
    readonly inventory: Pick<Inventory, 'read'>;
  }) {
    this.host = parts.host;
    this.knowledge = parts.knowledge;
    this.inventory = parts.inventory;
  }

  /** Those that the newcomers name, or that hold their states: nobody else will do as well. */
  named(newcomers: readonly Newcomer[], target: Mac | undefined): Promise<Candidate[]> {
    const names = newcomers.flatMap(({ spec, dataAt = [] }) => [
      ...spec.affinity.requiredEcus,
      ...spec.affinity.preferredEcus,
      ...dataAt,
    ]);
    if (target !== undefined) names.push(target);
    return this.ask(names.filter((mac) => this.knowledge.elsewhere.has(mac)));
  }

  drawn(): Promise<Candidate[]> {
    const { elsewhere } = this.knowledge;
    if (elsewhere.size <= CHOICES) return this.ask([...elsewhere]);
    const all = [...elsewhere];
    const drawn = Array.from({ length: CHOICES }, () => all[this.host.rng.below(all.length)] as Mac);
    return this.ask(drawn);
  }

  /** Those that answer. */
  async ask(macs: readonly Mac[]): Promise<Candidate[]> {
    const answers = await Promise.all([...new Set(macs)].map((mac) => this.askOne(mac)));
    return answers.flatMap((candidate) => candidate ?? []);
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
      const { incarnation, tasks, draining } = answer.value.body.load;
      host.counters.add('plan.askedBeyond');
      const booked = this.knowledge.bookedOn(mac);
      const known = { mac, incarnation, description, accepted: tasks, alive: true, draining };
      return booked === undefined ? known : { ...known, booked };
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      return undefined;
    }
  }
}
