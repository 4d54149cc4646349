import type { Book } from '../domain/reservation/book.ts';
import type { Cancel } from './clock.ts';

/** The fleet's book of reservations: one for all, read by managers and bridges alike. */
export interface BookingBook {
  /** As it was last heard of; empty before anything was. */
  current(): Book;
  /** Reads the book and goes on reading it. A fleet without a place for it has an empty one. */
  follow(onChange: () => void): Promise<Cancel>;
  /** The book as it stands now, to be changed. */
  read(): Promise<BookPage>;
  /** Writes it if what was read still stands; else `unsure`: somebody may have written it, perhaps this very change. Read again. */
  replace(page: BookPage, book: Book): Promise<'replaced' | 'unsure'>;
}

export interface BookPage {
  readonly position: number;
  readonly book: Book;
}
