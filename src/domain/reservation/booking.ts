/**
 * Capacity of an ECU that is booked for a time: what somebody is going to need there, told in advance. To placement a booking is a task that
 * runs in its window and at no other time.
 *
 *   demand            stands in the test as                                       kept from others
 *   period and WCET   a task of these parameters, hard or soft                    so that every deadline holds beside it
 *   cores             tasks without a period, of a core each at most              a share of the processor, no response times
 *   memory            memory of the first of them                                 those bytes
 *
 * B1. Placements have no end, so a booking that begins later counts from when it is made: whoever is placed now will still be there. It
 *     counts in its own window only: two bookings that never overlap are never tested together (`moments`).
 * B2. Whoever it is kept for does not compete with it: it does not count beside the task of its name.
 * B3. A task of higher criticality than the booking's is not kept out by it, as a task of lower criticality would be shed for it.
 */
import type { AcceptedTask } from '../model/ecu.ts';
import type { Mac, TaskName } from '../model/ids.ts';

export interface Booking {
  /** `r1`, `r2`, …: unique in the fleet. */
  readonly id: string;
  readonly ecu: Mac;
  /** Asked for by labels: kept on another ECU that has them when this one fails. */
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** µs since 1970; from `fromUs` on, not at `untilUs` any more. */
  readonly fromUs: number;
  readonly untilUs: number;
  /** B2. Undefined: for nobody by name. */
  readonly task: TaskName | undefined;
  /** B3. */
  readonly criticality: number;
  readonly demand: BookedDemand;
  readonly madeAtUs: number;
  /** For people. */
  readonly note: string;
  /** The call that made it. */
  readonly call?: string;
}

export interface BookedDemand {
  /** Of all cores together, in millionths of one; 0 where it has a period. */
  readonly cpuPpm: number;
  readonly memoryBytes: number;
  /** 0: no task's parameters, only a share. */
  readonly periodUs: number;
  readonly wcetUs: number;
  readonly deadlineUs: number;
  readonly priority: number;
  readonly hardDeadline: boolean;
}

/** No task's name has a dot in it. */
const BOOKED = 'reserved.';
const CORE_PPM = 1_000_000;

/** As tasks of the test. */
export function bookedTasks({ id, demand }: Booking): readonly AcceptedTask[] {
  const { cpuPpm, memoryBytes, periodUs, wcetUs, deadlineUs, priority, hardDeadline } = demand;
  const parameters = { epoch: 0, periodUs, wcetUs, deadlineUs, priority, hardDeadline };
  const first = { task: `${BOOKED}${id}`, ...parameters, memoryBytesMax: memoryBytes };
  if (periodUs > 0) return [first];
  const tasks: AcceptedTask[] = [];
  for (let left = cpuPpm; left > 0 || tasks.length === 0; left -= CORE_PPM) {
    const task = tasks.length === 0 ? first : { ...first, task: `${BOOKED}${id}.${tasks.length}`, memoryBytesMax: 0 };
    tasks.push({ ...task, cpuPpm: Math.min(left, CORE_PPM), room: true });
  }
  return tasks;
}

export const ALWAYS = { fromUs: Number.NEGATIVE_INFINITY, untilUs: Number.POSITIVE_INFINITY };

/** In millionths of one core, rounded up. */
export const bookedPpm = ({ cpuPpm, periodUs, wcetUs }: BookedDemand): number =>
  periodUs > 0 ? Math.ceil((wcetUs * CORE_PPM) / periodUs) : cpuPpm;

/** Of cores and of memory, the most that is booked at any one moment. */
export function bookedPeak(bookings: readonly Booking[]): { readonly ppm: number; readonly memoryBytes: number } {
  let [ppm, memoryBytes] = [0, 0];
  for (const kept of moments(bookings, ALWAYS)) {
    ppm = Math.max(
      ppm,
      kept.reduce((sum, { demand }) => sum + bookedPpm(demand), 0),
    );
    memoryBytes = Math.max(
      memoryBytes,
      kept.reduce((sum, { demand }) => sum + demand.memoryBytes, 0),
    );
  }
  return { ppm, memoryBytes };
}

const isKeptAt = ({ fromUs, untilUs }: Booking, atUs: number): boolean => fromUs <= atUs && atUs < untilUs;

/**
 * The bookings that are kept at the same time, at each moment at which there are more of them than before, from `fromUs` until `untilUs`.
 * What holds at these moments holds at all others: fewer are kept there.
 */
export function moments(
  bookings: readonly Booking[],
  { fromUs, untilUs }: { readonly fromUs: number; readonly untilUs: number },
): readonly (readonly Booking[])[] {
  const starts = new Set([fromUs]);
  for (const booking of bookings) if (booking.fromUs > fromUs && booking.fromUs < untilUs) starts.add(booking.fromUs);
  const found: (readonly Booking[])[] = [];
  const known = new Set<string>();
  for (const atUs of [...starts].sort((a, b) => a - b)) {
    const kept = bookings.filter((booking) => isKeptAt(booking, atUs));
    const key = kept.map(({ id }) => id).join();
    if (kept.length > 0 && !known.has(key)) found.push(kept);
    known.add(key);
  }
  return found;
}

/** Load that is known to come: of the bookings that begin after `nowUs` and are kept at `atUs`, as a share of all cores. */
export function bookedShareAhead(
  bookings: readonly Booking[],
  { nowUs, atUs, cores }: { readonly nowUs: number; readonly atUs: number; readonly cores: number },
): number {
  let ppm = 0;
  // What has begun shows in what is measured.
  for (const booking of bookings) if (booking.fromUs > nowUs && isKeptAt(booking, atUs)) ppm += bookedPpm(booking.demand);
  return ppm / CORE_PPM / Math.max(1, cores);
}
