/**
 * Reservations (docs/RESERVATIONS.md): who was promised capacity has it, as far as anybody could keep it.
 *
 *   K1. At rest, what was promised and is neither over nor given back stands in the book.
 *   K2. At rest, nothing stands in the book that nobody was promised: a call that was repeated has made one reservation.
 *   K3. At every moment, those of one ECU could be kept together if nothing else ran there.
 *   K4. At rest, one that was asked for by labels stands where there is room for it, if there is such an ECU.
 *   K5. At rest, no ECU sleeps while one of its reservations lasts.
 */
import type { Mac } from '../model/ids.ts';
import type { AdmittingEcu } from '../placement/admit.ts';
import { admitsBooking, type BookedEcu, brokenBookings } from '../placement/admits-booking.ts';
import type { Booking } from '../reservation/booking.ts';
import type { Violation } from './violation.ts';

/** K1. */
export function lostBooking(promised: Pick<Booking, 'id'>, book: readonly Pick<Booking, 'id'>[]): Violation | undefined {
  const { id } = promised;
  if (book.some((booking) => booking.id === id)) return undefined;
  return violation(`reservation ${id} was promised, is not over, and stands in no book (K1)`, { id });
}

/** K2. */
export function unaskedBooking({ id, ecu }: Booking, promised: ReadonlySet<string>): Violation | undefined {
  if (promised.has(id)) return undefined;
  return violation(`reservation ${id} of ECU ${ecu} stands in the book, and nobody was promised it (K2)`, { id, ecu });
}

/** K3. `bookings`: all of that ECU. */
export function overbooked(mac: Mac, bookings: readonly Booking[], ecu: Omit<AdmittingEcu, 'booked'>): Violation | undefined {
  // One for a task may share its room with that task, and so with another reservation.
  const counting = bookings.filter(({ task }) => task === undefined);
  const [first] = [...brokenBookings({ ecu, accepted: [], bookings: counting })];
  if (first === undefined) return undefined;
  return violation(`ECU ${mac} cannot keep all that is reserved there: ${first[0]} ${first[1]} (K3)`, { mac });
}

/** K4. `others`: the ECUs besides its own that have its labels. */
export function leftWithoutRoom(
  booking: Booking,
  own: BookedEcu,
  others: readonly (BookedEcu & { readonly mac: Mac })[],
): Violation | undefined {
  const { id, ecu, labels } = booking;
  if (labels === undefined || !brokenBookings(own).has(id)) return undefined;
  const room = others.find((other) => admitsBooking(other, booking).ok)?.mac;
  if (room === undefined) return undefined;
  return violation(`reservation ${id} has no room on ECU ${ecu}, and would have on ${room} (K4)`, { id, ecu, room });
}

/** K5. */
export function asleepInItsTime({ id, ecu }: Booking, state: string | undefined): Violation | undefined {
  if (state !== 'asleep') return undefined;
  return violation(`ECU ${ecu} sleeps while its reservation ${id} lasts (K5)`, { id, ecu });
}

const violation = (sentence: string, details: Violation['details']): Violation => ({
  invariant: 'kept-reservations',
  sentence,
  details,
});
