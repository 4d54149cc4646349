/**
 * A manager's share of the fleet (`src/domain/placement/shares.ts`), and what follows when it changes. With two managers or fewer it
 * is the fleet. What is shared out, by an ECU's MAC:
 *
 * - its heartbeats and its death (`detector.ts`, the Ecu chart);
 * - the placements of the tasks that it owns, and the arbiter of its failure (`shell.ts`, L4), hence the duty for them;
 * - the checkpoints that it announces (`checkpoint.ts`).
 *
 * A task that no ECU owns, and a restore that was asked for, are shared out by the task's name. Of all other ECUs a manager knows
 * the names and what they offer: a plan may go beyond the share (`beyond-share.ts`).
 */

import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { EcuDescription } from '../src/domain/model/ecu.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import { Offers } from '../src/domain/placement/offer.ts';
import { Shares } from '../src/domain/placement/shares.ts';
import type { Inventory } from '../src/ports/inventory.ts';
import type { ArbiterContext } from '../statecharts/arbiter.machine.ts';
import type { ChainContext } from '../statecharts/chain.machine.ts';
import type { DrainContext } from '../statecharts/drain.machine.ts';
import type { MigrationContext } from '../statecharts/migration.machine.ts';
import type { PlacementContext } from '../statecharts/placement.machine.ts';
import type { PowerContext } from '../statecharts/power.machine.ts';
import type { RouteContext } from '../statecharts/route.machine.ts';
import type { CheckpointReceiver } from './checkpoint.ts';
import type { Detector } from './detector.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import type { ActorView, Shell } from './shell.ts';

export interface ManagerShareParts {
  readonly host: Host;
  readonly manager: string;
  readonly inventory: Inventory;
  readonly knowledge: FleetKnowledge;
  readonly replicated: Shell;
  readonly detector: Detector;
  readonly receiver: CheckpointReceiver;
}

/** ECUs of a new share whose entries are read at a time. */
const READS_AT_ONCE = 16;

export class ManagerShare {
  private readonly parts: ManagerShareParts;
  private readonly shares: Shares;
  private readonly offers = new Offers();
  private taking: Promise<void> = Promise.resolve();

  constructor(parts: ManagerShareParts) {
    this.parts = parts;
    this.shares = new Shares(parts.manager);
  }

  keeps(key: string): boolean {
    return this.shares.keeps(key);
  }

  /** Undefined where everybody keeps everything. */
  keepersOf(key: string): readonly string[] | undefined {
    return this.shares.whole ? undefined : this.shares.keepersOf(key);
  }

  rankOf(key: string): number {
    return this.shares.rankOf(key);
  }

  /** Resolves when what fell to this manager last is known here. */
  taken(): Promise<void> {
    return this.taking;
  }

  setLiving(managers: readonly string[]): void {
    if (!this.shares.setLiving(managers)) return;
    const { host, knowledge, detector, receiver, replicated } = this.parts;
    host.counters.add('share.changed');
    detector.setWhole(this.shares.whole);
    for (const [mac, description] of [...knowledge.descriptions]) {
      if (this.shares.keeps(mac)) continue;
      knowledge.descriptions.delete(mac);
      knowledge.elsewhere.set(mac, this.offers.of(description));
      detector.leave(mac);
    }
    const gained = [...knowledge.elsewhere.keys()].filter((mac) => this.shares.keeps(mac));
    receiver.shareChanged();
    this.taking = Promise.all([this.taking, replicated.takeShare(), this.take(gained)]).then(() => undefined);
  }

  /** As the inventory has it; undefined: it is there no more. */
  described(mac: Mac, description: EcuDescription | undefined): void {
    const { knowledge, detector, receiver } = this.parts;
    if (description === undefined) {
      knowledge.descriptions.delete(mac);
      knowledge.elsewhere.delete(mac);
    } else if (this.shares.keeps(mac)) {
      knowledge.elsewhere.delete(mac);
      const isNew = !knowledge.descriptions.has(mac);
      knowledge.descriptions.set(mac, description);
      detector.expect(mac, description.incarnation);
      if (isNew && !this.shares.whole) receiver.shareChanged();
    } else knowledge.elsewhere.set(mac, this.offers.of(description));
  }

  private async take(gained: readonly Mac[]): Promise<void> {
    const { host, inventory } = this.parts;
    const next = gained.values();
    const read = async (): Promise<void> => {
      for (const mac of next) {
        try {
          const { description } = await inventory.read(mac);
          if (description !== undefined) this.described(mac, description);
        } catch (cause) {
          if (!(cause instanceof DroverError)) throw cause;
          host.log.warn('an ECU of a new share could not be looked up; tried with the next change', { mac, code: cause.code });
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(READS_AT_ONCE, gained.length) }, read));
    this.parts.receiver.shareChanged();
  }
}

/** By what a replicated record is shared out; undefined: nothing of it is left to do. */
export function shareKeyOf({ actor, record, snapshot }: ActorView): string | undefined {
  const isIdle = record.outbox.length === 0 && record.timers.length === 0;
  if (actor.startsWith('arbiter/')) {
    const { cause } = snapshot.context as ArbiterContext;
    if (snapshot.status !== 'active' && isIdle) return undefined;
    return cause?.kind === 'failure' ? cause.owner.mac : (cause?.task ?? actor);
  }
  if (actor.startsWith('migration/')) {
    // With the ECU that it leaves: whoever keeps that one knows whether it lives.
    if (snapshot.status !== 'active' && isIdle) return undefined;
    return (snapshot.context as MigrationContext).cause?.source.mac ?? actor;
  }
  if (actor.startsWith('chain/')) {
    if (snapshot.status !== 'active' && isIdle) return undefined;
    return (snapshot.context as ChainContext).cause?.members[0]?.task ?? actor;
  }
  if (actor.startsWith('route/')) return isIdle ? undefined : (snapshot.context as RouteContext).task;
  if (actor.startsWith('drain/') || actor.startsWith('power/')) return (snapshot.context as DrainContext | PowerContext).mac;
  const { task, owner } = snapshot.context as PlacementContext;
  if ((snapshot.value === 'removed' || snapshot.value === 'undeclared') && isIdle) return undefined;
  return owner?.mac ?? task;
}
