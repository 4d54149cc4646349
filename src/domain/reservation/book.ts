/**
 * All bookings of a fleet, in one place, so that one compare-and-set decides between two that want the same room. What is over goes with
 * the next change.
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { Mac } from '../model/ids.ts';
import type { Booking } from './booking.ts';

export interface Book {
  /** The number of the next booking: ids are never given twice. */
  readonly next: number;
  readonly bookings: readonly Booking[];
}

export const EMPTY_BOOK: Book = { next: 1, bookings: [] };
/** A booking is some 300 bytes, and each host of the fleet reads them all. */
export const BOOKINGS_MAX = 1024;

export const keptOn = (book: Book, ecu: Mac, nowUs: number): readonly Booking[] =>
  book.bookings.filter((booking) => booking.ecu === ecu && booking.untilUs > nowUs);

export function withBooking(
  book: Book,
  made: Omit<Booking, 'id' | 'madeAtUs'>,
  nowUs: number,
): Result<{ readonly book: Book; readonly booking: Booking }, string> {
  const open = book.bookings.filter(({ untilUs }) => untilUs > nowUs);
  if (open.length >= BOOKINGS_MAX)
    return err(`the fleet has ${open.length} reservations, and takes no more before one is over`);
  const booking = { ...made, id: `r${book.next}`, madeAtUs: nowUs };
  return ok({ book: { next: book.next + 1, bookings: [...open, booking] }, booking });
}

/** Undefined: there is none of that id. */
export function withoutBooking(book: Book, id: string, nowUs: number): Book | undefined {
  if (!book.bookings.some((booking) => booking.id === id && booking.untilUs > nowUs)) return undefined;
  return { ...book, bookings: book.bookings.filter((booking) => booking.id !== id && booking.untilUs > nowUs) };
}

/** The same booking, kept elsewhere. */
export const movedBooking = (book: Book, id: string, ecu: Mac): Book => ({
  ...book,
  bookings: book.bookings.map((booking) => (booking.id === id ? { ...booking, ecu } : booking)),
});
