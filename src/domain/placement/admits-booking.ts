/** Whether an ECU has left what somebody wants to book there: the same exact test, at each moment of the window, over all that runs there. */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { AcceptedTask } from '../model/ecu.ts';
import { ALWAYS, type Booking, bookedTasks, moments } from '../reservation/booking.ts';
import { type AdmittingEcu, admits } from './admit.ts';
import { type Refusal, sentenceOf } from './evidence.ts';

export interface BookedEcu {
  readonly ecu: Omit<AdmittingEcu, 'booked'>;
  readonly accepted: readonly AcceptedTask[];
  /** Those that are not over. */
  readonly bookings: readonly Booking[];
}

export interface BookingRefusal {
  /** The moment's other bookings. */
  readonly beside: readonly string[];
  readonly refusal: Refusal;
}

/** The fullest it gets in the window, as a share of its cores. */
export function admitsBooking({ ecu, accepted, bookings }: BookedEcu, wanted: Booking): Result<number, BookingRefusal> {
  // Whoever it is for does not run beside it, but in it.
  const staying = accepted.filter(({ task }) => task !== wanted.task);
  const names = new Set(staying.map(({ task }) => task));
  const others = bookings.filter(({ id, task }) => id !== wanted.id && !(task !== undefined && names.has(task)));
  let fullest = 0;
  for (const kept of moments([...others, wanted], wanted)) {
    const then = admits([...staying, ...kept.flatMap(bookedTasks)], [], ecu);
    if (!then.ok) return err({ beside: kept.filter(({ id }) => id !== wanted.id).map(({ id }) => id), refusal: then.error });
    fullest = Math.max(fullest, then.value.utilisationPpm / 1e6 / Math.max(1, ecu.cores));
  }
  return ok(fullest);
}

/** By id: why a booking could not be kept as things are now. Bookings of one ECU. */
export function brokenBookings({ ecu, accepted, bookings }: BookedEcu): ReadonlyMap<string, string> {
  const broken = new Map<string, string>();
  const names = new Set(accepted.map(({ task }) => task));
  const counting = bookings.filter(({ task }) => task === undefined || !names.has(task));
  for (const kept of moments(counting, ALWAYS)) {
    const then = admits([...accepted, ...kept.flatMap(bookedTasks)], [], ecu);
    if (!then.ok) for (const { id } of kept) broken.set(id, sentenceOf(then.error));
  }
  return broken;
}
