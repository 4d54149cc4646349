/**
 * Whom this ECU asks to keep copies of its tasks' states: the first of `standbyOrder` that answer.
 *
 * An ECU that was told of checkpoints and never pulled one is passed over for a while: it may have died (its entry in the
 * inventory stays), or have no room. That is all that is known of it, and all that is needed: a standby is a saving, never a duty.
 */
import type { EcuDescription } from '../src/domain/model/ecu.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import type { Candidate } from '../src/domain/placement/evidence.ts';
import { standbyOrder } from '../src/domain/placement/standby.ts';
import type { Cancel, Clock } from '../src/ports/clock.ts';
import type { Inventory } from '../src/ports/inventory.ts';

/** Told so long ago and not heard of since: it keeps nothing. */
const UNHEARD_US = 2_000_000;
/** How long such a one is passed over. */
const PASSED_OVER_US = 20_000_000;

export class StandbyChoice {
  private readonly clock: Clock;
  private readonly inventory: Pick<Inventory, 'follow'>;
  private following: Promise<Cancel | undefined> | undefined;
  private readonly mac: Mac;
  private readonly candidates = new Map<Mac, Candidate>();
  /** By task; forgotten when the inventory changes. */
  private readonly orders = new Map<TaskName, readonly Mac[]>();
  /** Since when an ECU has been told of checkpoints without pulling any. */
  private readonly unheardSinceUs = new Map<Mac, number>();
  private readonly passedOverUntilUs = new Map<Mac, number>();

  constructor(parts: { readonly clock: Clock; readonly mac: Mac; readonly inventory: Pick<Inventory, 'follow'> }) {
    this.inventory = parts.inventory;
    this.clock = parts.clock;
    this.mac = parts.mac;
  }

  /** From the first task on that wants a standby: nobody else needs to know the fleet. */
  need(spec: TaskSpec): void {
    if (spec.checkpoint.standbys === 0 || this.following !== undefined) return;
    this.following = this.inventory
      .follow((mac, description) => this.changed(mac, description))
      .catch(() => {
        this.following = undefined; // asked for again with the next task
        return undefined;
      });
  }

  stop(): void {
    void this.following?.then((cancel) => cancel?.());
  }

  /** The standbys of a task as of now; each is taken to be told of the checkpoint that this is asked for. */
  of(spec: TaskSpec): readonly Mac[] {
    const wanted = spec.checkpoint.standbys;
    if (wanted === 0) return [];
    const order = this.orders.get(spec.name) ?? standbyOrder(spec, [...this.candidates.values()], this.mac);
    this.orders.set(spec.name, order);
    const nowUs = this.clock.monotonicUs();
    const chosen: Mac[] = [];
    for (const mac of order) {
      if (chosen.length === wanted) break;
      if (nowUs < (this.passedOverUntilUs.get(mac) ?? 0)) continue;
      const unheardSinceUs = this.unheardSinceUs.get(mac);
      if (unheardSinceUs !== undefined && nowUs - unheardSinceUs > UNHEARD_US) {
        this.passedOverUntilUs.set(mac, nowUs + PASSED_OVER_US);
        this.unheardSinceUs.delete(mac);
        continue;
      }
      if (unheardSinceUs === undefined) this.unheardSinceUs.set(mac, nowUs);
      chosen.push(mac);
    }
    return chosen;
  }

  /** It pulled pages: it is there, and keeps them. */
  heardFrom(mac: Mac): void {
    this.unheardSinceUs.delete(mac);
  }

  private changed(mac: Mac, description: EcuDescription | undefined): void {
    this.orders.clear();
    this.passedOverUntilUs.delete(mac);
    this.unheardSinceUs.delete(mac);
    if (description === undefined) this.candidates.delete(mac);
    else {
      const { incarnation } = description;
      this.candidates.set(mac, { mac, incarnation, description, accepted: [], alive: true, draining: false });
    }
  }
}
