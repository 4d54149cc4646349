/**
 * All bookings of a fleet, in one place, so that one compare-and-set decides between two that want the same room. What has been over for
 * KEPT_AFTER goes with the next change: the clock of whoever makes that change may be wrong, and what is dropped is dropped for all.
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { Mac } from '../model/ids.ts';
import type { Booking } from './booking.ts';

export interface Book {
  /** The number of the next booking: ids are never given twice. */
  readonly next: number;
  readonly bookings: readonly Booking[];
  /** The last calls that were refused, oldest first. */
  readonly refused: readonly string[];
}

/** A call is repeated for seconds. */
export const REFUSED_MAX = 64;
export const EMPTY_BOOK: Book = { next: 1, bookings: [], refused: [] };
/** A booking is some 300 bytes, and each host of the fleet reads them all. */
export const BOOKINGS_MAX = 1024;
const KEPT_AFTER_US = 3_600_000_000;

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
  return ok({ book: { ...book, next: book.next + 1, bookings: [...recent(book, nowUs), booking] }, booking });
}

/** Undefined: there is none of that id. */
export function withoutBooking(book: Book, id: string, nowUs: number): Book | undefined {
  if (!book.bookings.some((booking) => booking.id === id)) return undefined;
  return { ...book, bookings: recent(book, nowUs).filter((booking) => booking.id !== id) };
}

/** Those that are not over, and the last of those that are. */
function recent({ bookings }: Book, nowUs: number): readonly Booking[] {
  const kept = bookings.filter(({ untilUs }) => untilUs > nowUs - KEPT_AFTER_US);
  const over = kept.filter(({ untilUs }) => untilUs <= nowUs);
  if (kept.length < BOOKINGS_MAX) return kept;
  const dropped = new Set(over.sort((a, b) => a.untilUs - b.untilUs).slice(0, kept.length - BOOKINGS_MAX + 1));
  return kept.filter((booking) => !dropped.has(booking));
}

/** Nobody makes anything of the call any more. */
export const withRefusal = (book: Book, call: string): Book => ({
  ...book,
  refused: [...book.refused, call].slice(-REFUSED_MAX),
});

/** The same booking, kept elsewhere. */
export const movedBooking = (book: Book, id: string, ecu: Mac): Book => ({
  ...book,
  bookings: book.bookings.map((booking) => (booking.id === id ? { ...booking, ecu } : booking)),
});
