/** An ECU that says that it follows the fleet's reservations takes no task that does not fit beside them, also those of later, and takes it when they are cancelled. */
import { BusBookingBook } from '../../../infra/nats/booking-book.ts';
import type { Book } from '../../domain/reservation/book.ts';
import { withBooking, withoutBooking } from '../../domain/reservation/book.ts';
import type { Booking } from '../../domain/reservation/booking.ts';
import type { Bench } from './bench.ts';
import type { Check } from './check.ts';
import { NotHere, promised } from './promised.ts';
import { type Trial, withTrial } from './trial.ts';

const HOUR_US = 3_600_000_000;
const ATTEMPTS_MAX = 20;
/** Of tasks that no criticality of the suite's is above. */
const CRITICALITY = 4;

export const RESERVED_CHECKS: readonly Check[] = [
  {
    group: 'admission',
    name: 'reserved',
    promise:
      'What is reserved for later keeps out what would still be there then, with ERR_ADMIT_RESERVED; cancelled, or reserved for that very task, it does not.',
    look: async (bench) => {
      const { followsReservations, memoryBytes } = bench.parts.description;
      if (followsReservations !== true) throw new NotHere('this ECU does not say that it follows reservations');
      await withTrial(bench, {}, async (trial) => {
        await withBooked(bench, memoryBytes, undefined, () => deployedUntil(bench, trial, 'ERR_ADMIT_RESERVED'));
        await deployedUntil(bench, trial, 'running');
        await trial.stop();
      });
      await withTrial(bench, {}, (trial) =>
        withBooked(bench, memoryBytes, trial.task, async () => {
          // One that is not for it is kept out by the same book: so it is known by then.
          await withTrial(bench, {}, (other) => deployedUntil(bench, other, 'ERR_ADMIT_RESERVED'));
          await trial.run();
        }),
      );
    },
  },
];

/** A bridge hears of a change of the book a little later: what comes of a deploy is looked at until it is that. */
async function deployedUntil(bench: Bench, trial: Trial, wanted: 'running' | 'ERR_ADMIT_RESERVED'): Promise<void> {
  let last = '';
  await bench.eventually(
    `a deploy to come to ${wanted}`,
    async () => {
      const answer = await trial.deploy({ epoch: trial.epoch + 1 });
      last = answer.kind === 'refused' ? answer.code : answer.kind;
      if (last === wanted) return true;
      promised(last === 'running' || last === 'ERR_ADMIT_RESERVED', 'running or ERR_ADMIT_RESERVED', answer);
      await trial.stop();
      return undefined;
    },
    () => last,
  );
}

/** All memory of the ECU from an hour from now on, while `use` goes on. */
async function withBooked(
  bench: Bench,
  memoryBytes: number,
  task: string | undefined,
  use: () => Promise<void>,
): Promise<void> {
  const { clock } = bench.host;
  const book = new BusBookingBook(bench.host);
  const fromUs = clock.wallUs() + HOUR_US;
  const demand = { cpuPpm: 0, memoryBytes, periodUs: 0, wcetUs: 0, deadlineUs: 0, priority: 0, hardDeadline: false };
  const made = {
    ecu: bench.mac,
    labels: undefined,
    fromUs,
    untilUs: fromUs + HOUR_US,
    task,
    criticality: CRITICALITY,
    demand,
    note: '',
  };
  let booking: Booking | undefined;
  await changed(book, (old) => {
    const withIt = withBooking(old, made, clock.wallUs());
    if (!withIt.ok) throw new Error(withIt.error);
    booking = withIt.value.booking;
    return withIt.value.book;
  });
  try {
    await use();
  } finally {
    await changed(book, (old) => withoutBooking(old, booking?.id ?? '', clock.wallUs()) ?? old);
  }
}

async function changed(book: BusBookingBook, change: (old: Book) => Book): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const page = await book.read();
    if ((await book.replace(page, change(page.book))) === 'replaced') return;
  }
  throw new Error('the fleet’s reservations could not be written');
}
