/**
 * People who reserve capacity while everything else happens: on an ECU or wherever the labels fit, for now or for later, more than there is
 * room for as well; and who give some of it back. When the faults end they keep only what leaves room for every task, and book a little more.
 */
import { drawUs, type RangeUs } from '../../../infra/sim/network.ts';
import type { Rng } from '../../domain/kernel/rng.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { Booking } from '../../domain/reservation/booking.ts';
import type { ReservationPlan } from './fleet-client.ts';
import type { FleetWorld, TaskDraft } from './fleet-world.ts';

/** Who does something in a life. */
export interface People {
  readonly fleet: FleetWorld;
  readonly drafts: readonly TaskDraft[];
  readonly rng: Rng;
  readonly untilUs: number;
}

const SECOND_US = 1_000_000;
/** A share of a core that leaves room for every task that a life may have. */
const LITTLE_PPM = 200_000;
const LEFT_AT_THE_END = 2;

export async function bookCapacity({ fleet, rng, untilUs, drafts }: People, everyUs: RangeUs): Promise<void> {
  fleet.peopleAtWork++;
  const { scheduler } = fleet.world;
  const macs = [...fleet.ecus.keys()];
  const names = drafts.map(({ name }) => name);
  for (;;) {
    await new Promise<void>((resolve) => void scheduler.after(drawUs(rng, everyUs), resolve));
    if (scheduler.nowUs() >= untilUs) break;
    const made = [...fleet.promised.values()];
    if (made.length > 0 && rng.below(3) === 0) await fleet.cancelReservation((made[rng.below(made.length)] as Booking).id);
    else await fleet.reserve(drawn(rng, macs, names));
  }
  await keepLittle(fleet);
  for (let at = 0; at < LEFT_AT_THE_END; at++) {
    const inUs = rng.below(8) * SECOND_US;
    const ecu = macs[rng.below(macs.length)] as Mac;
    if (![...fleet.promised.values()].some((booking) => booking.ecu === ecu))
      await fleet.reserve({ ecu, cores: LITTLE_PPM / 1e6, inUs, forUs: 20 * SECOND_US });
  }
  fleet.peopleAtWork--;
}

function drawn(rng: Rng, macs: readonly Mac[], names: readonly string[]): ReservationPlan {
  const where =
    rng.below(3) === 0
      ? { labels: { zone: rng.below(2) === 0 ? 'front' : 'rear' } }
      : { ecu: macs[rng.below(macs.length)] as Mac };
  const when = { inUs: rng.below(3) === 0 ? 0 : rng.below(10 * SECOND_US), forUs: SECOND_US + rng.below(20 * SECOND_US) };
  const what = [
    { cores: LITTLE_PPM / 1e6 },
    { cores: 0.1 + rng.below(20) / 10 },
    { demand: { periodUs: 20_000, wcetUs: 1_000 + rng.below(8_000), deadlineUs: 20_000, hardDeadline: rng.below(2) === 0 } },
    { demand: { memoryBytes: (1 + rng.below(4)) * 16 * 1024 * 1024 } },
    { task: names[rng.below(names.length)] as string },
  ][rng.below(5)] as Partial<ReservationPlan>;
  return { ...where, ...when, ...what, criticality: rng.below(5) };
}

/** One on each ECU at most, and none that would keep a task out for good. */
async function keepLittle(fleet: FleetWorld): Promise<void> {
  const kept = new Set<Mac>();
  for (const { id, ecu, demand } of [...fleet.promised.values()]) {
    const isLittle = demand.periodUs === 0 && demand.memoryBytes === 0 && demand.cpuPpm <= LITTLE_PPM;
    if (isLittle && !kept.has(ecu)) kept.add(ecu);
    else await fleet.cancelReservation(id);
  }
}
