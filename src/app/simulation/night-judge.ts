/**
 * What must hold of a fleet whose ECUs sleep, and whose capacity is reserved: held whenever one falls asleep, a task begins or a reservation
 * changes, and once more at rest. Reads what the broker committed and what the bridges do, as whoever investigates would.
 */
import { SIM_EPOCH_US } from '../../../infra/sim/clock.ts';
import type { SimWorld } from '../../../infra/sim/world.ts';
import { asleepWithTasks, halfAsleep, homeAsleep, sleepsUnknown } from '../../domain/invariants/awake-home.ts';
import {
  asleepInItsTime,
  leftWithoutRoom,
  lostBooking,
  overbooked,
  unaskedBooking,
} from '../../domain/invariants/kept-reservations.ts';
import type { Violation } from '../../domain/invariants/violation.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { BookedEcu } from '../../domain/placement/admits-booking.ts';
import type { Booking } from '../../domain/reservation/booking.ts';
import type { FleetTruth } from './fleet-truth.ts';
import { admittingEcu, type SimulatedEcu } from './simulated-ecu.ts';
import { managerHost } from './simulated-manager.ts';

export interface NightJudgeParts {
  readonly world: SimWorld;
  readonly truth: FleetTruth;
  readonly ecus: ReadonlyMap<Mac, SimulatedEcu>;
  /** Reservations that somebody relies on. */
  readonly promised: ReadonlyMap<string, Booking>;
  readonly managers: readonly { readonly name: string }[];
}

/** For a manager to see that a reservation has begun, to say so, and to be heard. */
const BEGUN_US = 3_000_000;

export class NightJudge {
  private readonly parts: NightJudgeParts;

  constructor(parts: NightJudgeParts) {
    this.parts = parts;
  }

  /** What every living bridge has accepted, and where every task is at home. */
  judgeSleep(): void {
    const { world, truth, ecus } = this.parts;
    for (const { mac, bridge } of ecus.values()) {
      const accepted = bridge?.load().tasks.map(({ task }) => task) ?? [];
      world.judges.report(asleepWithTasks(mac, bridge?.asleep() !== undefined, accepted));
    }
    for (const [task, { state, context }] of truth.placements)
      if (state === 'owned') world.judges.report(homeAsleep(task, context.owner?.mac, this.powerOf(context.owner?.mac ?? '')));
  }

  judgeBook(): void {
    const { world, ecus } = this.parts;
    for (const [mac, bookings] of byEcuOf(this.parts.truth.bookings)) {
      const plan = ecus.get(mac)?.plan;
      if (plan !== undefined) world.judges.report(overbooked(mac, bookings, admittingEcu(plan)));
    }
  }

  /** Each of these is waited for. */
  *atRest(): Iterable<Violation | undefined> {
    const { truth, ecus, promised } = this.parts;
    for (const { mac, bridge } of ecus.values()) {
      yield halfAsleep(mac, this.powerOf(mac));
      if (bridge !== undefined) yield sleepsUnknown(mac, this.powerOf(mac), bridge.asleep() !== undefined);
    }
    const clocks = this.clocks();
    for (const booking of promised.values()) if (booking.untilUs > clocks.latestUs) yield lostBooking(booking, truth.bookings);
    const names = new Set(promised.keys());
    const open = truth.bookings.filter(({ untilUs }) => untilUs > clocks.latestUs);
    const byEcu = byEcuOf(open);
    for (const booking of open) {
      yield unaskedBooking(booking, names);
      if (booking.fromUs + BEGUN_US <= clocks.earliestUs) yield asleepInItsTime(booking, this.powerOf(booking.ecu));
      const own = this.bookedEcu(booking.ecu, byEcu);
      if (own !== undefined) yield leftWithoutRoom(booking, own, this.others(booking, byEcu));
    }
  }

  private bookedEcu(mac: Mac, byEcu: ReadonlyMap<Mac, readonly Booking[]>): BookedEcu | undefined {
    const found = this.parts.ecus.get(mac);
    const accepted = found?.bridge?.load().tasks;
    if (found === undefined || accepted === undefined) return undefined;
    return { ecu: admittingEcu(found.plan), accepted, bookings: byEcu.get(mac) ?? [] };
  }

  private others({ ecu, labels = {} }: Booking, byEcu: ReadonlyMap<Mac, readonly Booking[]>): (BookedEcu & { mac: Mac })[] {
    return [...this.parts.ecus.values()].flatMap(({ mac, plan }) => {
      if (mac === ecu || Object.entries(labels).some(([name, value]) => plan.labels?.[name] !== value)) return [];
      const booked = this.bookedEcu(mac, byEcu);
      return booked === undefined ? [] : [{ ...booked, mac }];
    });
  }

  private powerOf(mac: Mac): string | undefined {
    return this.parts.truth.power.get(mac)?.state;
  }

  /** Between the wall clocks of those who decide, and the true one. */
  private clocks(): { readonly earliestUs: number; readonly latestUs: number } {
    const { world, managers } = this.parts;
    const trueUs = SIM_EPOCH_US + world.scheduler.nowUs();
    const told = managers.map(({ name }) => world.host(managerHost(name)).process()?.clock.wallUs() ?? trueUs);
    return { earliestUs: Math.min(trueUs, ...told), latestUs: Math.max(trueUs, ...told) };
  }
}

function byEcuOf(bookings: readonly Booking[]): ReadonlyMap<Mac, readonly Booking[]> {
  const byEcu = new Map<Mac, Booking[]>();
  for (const booking of bookings) {
    const there = byEcu.get(booking.ecu);
    if (there === undefined) byEcu.set(booking.ecu, [booking]);
    else there.push(booking);
  }
  return byEcu;
}
