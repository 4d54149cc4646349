/**
 * Which managers keep what, by rendezvous hashing (Thaler, Ravishankar, 1998): every living manager draws a number from (key, its
 * name), and the two highest keep it. A key is an ECU's MAC (its heartbeats, its tasks' placements and checkpoints, the arbiter
 * of its failure) or, for a task that is nowhere, the task's name.
 *
 * S1. Two managers or fewer keep everything: nobody's share is smaller than the fleet.
 * S2. Nobody has to agree on a table. When a manager goes, what it kept goes to whoever drew the next number, evenly over all
 *     others, and nothing else moves; when it comes back it gets the same again.
 * S3. A share says who *looks*, never who may write: that is the compare-and-set's. Managers that see different ones of them
 *     alive may both keep a thing for a moment, or neither; the first costs a lost race, the second lasts until they agree.
 */
import { hash32 } from '../kernel/rng.ts';

export const KEEPERS = 2;

export class Shares {
  private readonly self: string;
  private living: readonly string[];

  constructor(self: string) {
    this.self = self;
    this.living = [self];
  }

  /** Returns whether anything is different now. */
  setLiving(managers: Iterable<string>): boolean {
    const living = [...new Set([this.self, ...managers])].sort();
    if (living.length === this.living.length && living.every((one, at) => one === this.living[at])) return false;
    this.living = living;
    return true;
  }

  /** Whether this manager keeps everything (S1). */
  get whole(): boolean {
    return this.living.length <= KEEPERS;
  }

  keeps(key: string): boolean {
    if (this.whole) return true;
    const mine = draw(key, this.self);
    let before = 0;
    for (const other of this.living) {
      if (other === this.self) continue;
      const its = draw(key, other);
      if ((its > mine || (its === mine && other < this.self)) && ++before === KEEPERS) return false;
    }
    return true;
  }

  /** How many living managers draw a higher number: whoever draws the highest is first to do what one of them should. */
  rankOf(key: string): number {
    const mine = draw(key, this.self);
    return this.living.filter((other) => {
      const its = draw(key, other);
      return other !== this.self && (its > mine || (its === mine && other < this.self));
    }).length;
  }

  /** The first choice first. */
  keepersOf(key: string): readonly string[] {
    return this.living
      .map((manager) => ({ manager, number: draw(key, manager) }))
      .sort((a, b) => b.number - a.number || (a.manager < b.manager ? -1 : 1))
      .slice(0, KEEPERS)
      .map(({ manager }) => manager);
  }
}

const draw = (key: string, manager: string): number => hash32(`${manager} ${key}`);
