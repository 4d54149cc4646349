/** What of a fleet's capacity is booked (`booking.proto`): alone as the value of a key, and inside calls. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Book, REFUSED_MAX } from '../reservation/book.ts';
import type { Booking } from '../reservation/booking.ts';
import type { BookingDraft } from '../reservation/booking-draft.ts';
import { envelopeCodec } from './codec-envelope.ts';
import {
  idText,
  integerWithin,
  labelMap,
  listWithin,
  macText,
  safeInteger,
  sentenceText,
  taskText,
  wide,
} from './field-check.ts';
import type { BookingSchema, Booking as WireBooking } from './generated/drover/v1/booking_pb.ts';
import { LIST_MAX } from './limits.ts';

export const { encode: encodeBook, decode: decodeBook } = envelopeCodec<'bookingBook', Book>(
  'bookingBook',
  ({ next, bookings, refused }) => ({ next: wide(next), bookings: bookings.map(writeBooking), refused: [...refused] }),
  (wire) => ({
    next: safeInteger(wire.next, 'booking_book.next', 1),
    bookings: listWithin(wire.bookings, 'booking_book.bookings', LIST_MAX).map(readBooking),
    refused: listWithin(wire.refused, 'booking_book.refused', REFUSED_MAX).map((call) =>
      sentenceText(call, 'booking_book.refused'),
    ),
  }),
);

export function writeBooking(
  booking: BookingDraft & Partial<Pick<Booking, 'id' | 'madeAtUs' | 'call'>>,
): MessageInitShape<typeof BookingSchema> {
  const {
    id = '',
    ecu = '',
    labels = {},
    fromUs,
    untilUs,
    task = '',
    criticality,
    demand,
    madeAtUs = 0,
    note,
    call = '',
  } = booking;
  const { cpuPpm, memoryBytes, periodUs, wcetUs, deadlineUs, priority, hardDeadline } = demand;
  return {
    ...{ id, ecu, labels: { ...labels }, fromUs: wide(fromUs), untilUs: wide(untilUs), task, criticality },
    ...{ cpuPpm: wide(cpuPpm), memoryBytes: wide(memoryBytes), periodUs: wide(periodUs), wcetUs: wide(wcetUs) },
    ...{ deadlineUs: wide(deadlineUs), priority, hardDeadline, madeAtUs: wide(madeAtUs), note, call },
  };
}

export const readBooking = (wire: WireBooking): Booking => ({
  ...readBookingDraft(wire),
  id: idText(wire.id, 'booking.id'),
  ecu: macText(wire.ecu, 'booking.ecu'),
  madeAtUs: safeInteger(wire.madeAtUs, 'booking.made_at_us'),
  ...(wire.call === '' ? {} : { call: sentenceText(wire.call, 'booking.call') }),
});

/** Whether it makes sense is `checkBooking`'s to say: whoever asked is answered, and not cut off. */
export const readBookingDraft = (wire: WireBooking): BookingDraft => ({
  ecu: wire.ecu === '' ? undefined : macText(wire.ecu, 'booking.ecu'),
  labels: Object.keys(wire.labels).length === 0 ? undefined : labelMap(wire.labels, 'booking.labels'),
  fromUs: safeInteger(wire.fromUs, 'booking.from_us'),
  untilUs: safeInteger(wire.untilUs, 'booking.until_us'),
  task: wire.task === '' ? undefined : taskText(wire.task, 'booking.task'),
  criticality: integerWithin(wire.criticality, 'booking.criticality', { min: 0, max: 4 }),
  demand: {
    cpuPpm: safeInteger(wire.cpuPpm, 'booking.cpu_ppm'),
    memoryBytes: safeInteger(wire.memoryBytes, 'booking.memory_bytes'),
    periodUs: safeInteger(wire.periodUs, 'booking.period_us'),
    wcetUs: safeInteger(wire.wcetUs, 'booking.wcet_us'),
    deadlineUs: safeInteger(wire.deadlineUs, 'booking.deadline_us'),
    priority: wire.priority,
    hardDeadline: wire.hardDeadline,
  },
  note: sentenceText(wire.note, 'booking.note'),
});
