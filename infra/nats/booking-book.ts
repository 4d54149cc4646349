/** The key `reservations` of the bucket `fleet`: an envelope with a BookingBook, written by compare-and-set. */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { HostId } from '../../src/domain/model/ids.ts';
import { decodeBook, encodeBook } from '../../src/domain/protocol/codec-booking.ts';
import { bucket, buckets } from '../../src/domain/protocol/subjects.ts';
import { type Book, EMPTY_BOOK } from '../../src/domain/reservation/book.ts';
import type { BookingBook, BookPage } from '../../src/ports/booking-book.ts';
import type { Bus, StreamMessage } from '../../src/ports/bus.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Log } from '../../src/ports/log.ts';

const ENTRY = bucket.entry(buckets.fleet, 'reservations');
const APPEND_TIMEOUT_US = 2_000_000;

export interface BusBookingBookParts {
  readonly bus: Bus;
  readonly log: Log;
  readonly clock: Clock;
  /** Who writes. */
  readonly id: HostId;
}

export class BusBookingBook implements BookingBook {
  private readonly parts: BusBookingBookParts;
  private book = EMPTY_BOOK;
  private written = 0;

  constructor(parts: BusBookingBookParts) {
    this.parts = parts;
  }

  current(): Book {
    return this.book;
  }

  async follow(onChange: () => void): Promise<Cancel> {
    const { bus, log } = this.parts;
    let caughtUp: () => void = () => {};
    let failed: (error: Error) => void = () => {};
    const atEnd = new Promise<void>((resolve, reject) => {
      caughtUp = resolve;
      failed = reject;
    });
    const options = { filter: ENTRY, from: 'last-per-subject', onCaughtUp: caughtUp, onFailure: failed } as const;
    try {
      const cancel = await bus.consume(bucket.stream(buckets.fleet), options, (message) => {
        const book = this.readOf(message);
        if (book === undefined) return;
        this.book = book;
        onChange();
      });
      await atEnd;
      return cancel;
    } catch (cause) {
      if (!(cause instanceof DroverError) || cause.code !== 'ERR_BUS_NO_STREAM') throw cause;
      log.warn('this broker has no bucket `fleet`; nothing can be reserved', { code: cause.code });
      return () => {};
    }
  }

  async read(): Promise<BookPage> {
    const last = await this.parts.bus.readLast(ENTRY);
    if (last === undefined) return { position: 0, book: EMPTY_BOOK };
    const book = this.readOf(last);
    if (book !== undefined) return { position: last.sequence, book };
    throw new DroverError(
      'ERR_WIRE_MALFORMED',
      'the fleet’s reservations cannot be read: another version of drover wrote them, or something else did',
    );
  }

  async replace({ position }: BookPage, book: Book): Promise<'replaced' | 'unsure'> {
    const { bus, clock, id } = this.parts;
    const sentAtUs = clock.wallUs();
    const bytes = encodeBook({ id: `book.${sentAtUs}.${++this.written}`, sender: id, trace: '', sentAtUs, body: book });
    const answer = await bus.append(ENTRY, bytes, { expectedSequence: position, timeoutUs: APPEND_TIMEOUT_US });
    if (answer.kind === 'full') throw new DroverError('ERR_BUS_STREAM_FULL', 'the bucket `fleet` is at its bound');
    return answer.kind === 'appended' ? 'replaced' : 'unsure';
  }

  private readOf({ payload, headers }: StreamMessage): Book | undefined {
    if (headers[bucket.operation] !== undefined) return EMPTY_BOOK;
    const decoded = decodeBook(payload);
    if (decoded.ok) return decoded.value.body;
    this.parts.log.warn('the fleet’s reservations cannot be read; those known before count', { why: decoded.error.sentence });
    return undefined;
  }
}
